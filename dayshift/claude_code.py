"""The Claude Code CLI: where it is, how it is started, what its stream says. The one module that knows its flags."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

from dayshift.conversation import Ask
from dayshift.money import Pico, from_usd
from dayshift.sandbox import RELAY_PORT

OLDEST = (2, 1, 295)  #: the first release whose hooks can be told to block when they fail (`onFailure`)
INSIDE = Path("/opt/claude-code/claude")  #: where a sandbox shows the CLI, wherever it lies outside
HOOK_PATH = "/dayshift/hook"
HOOK_SECONDS = 30
QUESTION_TOOL = "AskUserQuestion"
ANSWERED = "This is no error but the person's answer to your question:"  #: begins the result of an answered question
AGENT_HEADER = "x-claude-code-agent-id"  #: marks the requests of a subagent
SUBAGENT = "agent_id"  #: marks the hook's question about a subagent's call (tried with 2.1.329)
OWN_ERROR = "<tool_use_error>"  #: begins the result of a call that the CLI did not run (tried with 2.1.329)
NOT_WANTED = "The user doesn't want to proceed with this tool use."  #: so does this, once the person has interrupted it
LONGEST_TEXT = 64 << 10  #: characters of its stream that are kept as one text
MOST_PARTS = 1 << 19  #: commas in a line of its stream; what a tool read has some, what is said here has few
DUMMY = "held-by-the-gateway"  #: what an agent has for a credential


class NoCli(Exception):
    """No usable Claude Code CLI; the message says what was looked for and how to get one."""


@dataclass(frozen=True, slots=True)
class Cli:
    """One installed CLI."""

    path: Path
    version: tuple[int, ...]

    @property
    def label(self) -> str:
        """`2.1.329`."""
        return ".".join(map(str, self.version))


def bundled() -> Path | None:
    """The CLI that the PyPI package claude-agent-sdk carries, if it is installed here."""
    package = find_spec("claude_agent_sdk")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / "_bundled" / "claude"
    return path if path.is_file() else None


def locate(configured: str | None, pinned_only: bool = False) -> Cli:
    """The CLI to use: the configured one, else one on PATH that is new enough, else the bundled one. Or NoCli."""
    if configured:
        return _new_enough(Path(configured).expanduser())
    on_path = None if pinned_only else which("claude")
    if on_path:
        cli = version_of(Path(on_path))
        if cli and cli.version >= OLDEST:
            return cli
    pinned = bundled()
    if pinned is None:
        raise NoCli("no Claude Code CLI found; install one with `pip install 'dayshift[cli]'` or set agent.cli")
    return _new_enough(pinned)


def _new_enough(path: Path) -> Cli:
    cli = version_of(path)
    if cli is None:
        raise NoCli(f"{path} is not a Claude Code CLI that runs here; set agent.cli or leave it out")
    if cli.version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise NoCli(f"{path} is version {cli.label}; {oldest} or newer is needed, older ones let a failing guard pass")
    return cli


def version_of(path: Path) -> Cli | None:
    """The CLI with its version, or None if it does not run."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DISABLE_AUTOUPDATER": "1"}
    try:
        result = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=30, check=False, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", result.stdout)
    return Cli(path.resolve(), tuple(map(int, match.groups()))) if match else None


# --- how it is started -----------------------------------------------------------------------------


def command(
    binary: Path, session: str, resume: bool, model: str, tools: Sequence[str], folders: Sequence[Path]
) -> list[str]:
    """The argument vector of one headless run; the prompt goes on standard input."""
    words = [
        str(binary), "-p", "--output-format", "stream-json", "--verbose",
        "--resume" if resume else "--session-id", session,
        "--model", model, "--permission-mode", "dontAsk", "--permission-prompt-tool", "stdio",
    ]  # fmt: skip
    return [*words, *_bounds(tools, folders)]


def interactive(
    binary: Path, session: str, resume: bool, model: str, tools: Sequence[str], folders: Sequence[Path]
) -> list[str]:
    """The argument vector of the same CLI on a terminal; behind `--` a prompt may follow.

    What the hook leaves open the person is asked there; don't-ask mode would refuse their agent's questions.
    """
    words = [
        str(binary), "--resume" if resume else "--session-id", session,
        "--model", model, "--permission-mode", "default",
    ]  # fmt: skip
    return [*words, *_bounds(tools, folders)]


def _bounds(tools: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """What every run may use and see, whoever is in it."""
    named = ["--setting-sources", "user,project", "--strict-mcp-config", "--tools", ",".join(tools)]
    return [*named, *(word for folder in folders for word in ("--add-dir", str(folder)))]


def acquainted(known: Any, folders: Sequence[Path]) -> dict[str, Any]:
    """The CLI's own notes (~/.claude.json) with what it would ask on its first screens (tried with 2.1.329)."""
    facts = _dict(known)
    projects = _dict(facts.get("projects"))
    trusted = {str(each): {**_dict(projects.get(str(each))), "hasTrustDialogAccepted": True} for each in folders}
    return {
        **facts,
        "hasCompletedOnboarding": True,
        "projects": {**projects, **trusted},
        "customApiKeyResponses": {"approved": [DUMMY[-20:]], "rejected": []},
    }


def gateway(port: int) -> str:
    """Where the CLI finds its gateway."""
    return f"http://127.0.0.1:{port}"


def environment(max_output_tokens: int, subscription: bool, port: int = RELAY_PORT) -> dict[str, str]:
    """What the CLI needs to know; the credential is a dummy, the gateway puts the real one in its place."""
    credential = "CLAUDE_CODE_OAUTH_TOKEN" if subscription else "ANTHROPIC_API_KEY"
    return {
        "ANTHROPIC_BASE_URL": gateway(port),
        credential: DUMMY,
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(max_output_tokens),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }


def screen(terminal: str) -> dict[str, str]:
    """What the CLI needs to know on a terminal; sessions are not to be moved into its background."""
    return {"TERM": terminal, "CLAUDE_CODE_DISABLE_AGENT_VIEW": "1"}


def settings_file(port: int) -> list[str]:
    """The same settings as arguments, where nothing can be bound on /etc/claude-code. They are easier to turn."""
    return ["--settings", json.dumps(managed_settings(port))]


#: An agent's own settings may set variables, in the middle of a run too (tried with 2.1.329); these they may not.
DIRECT = {
    "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
    "CLAUDE_CODE_USE_BEDROCK": "0", "CLAUDE_CODE_USE_VERTEX": "0", "CLAUDE_CODE_USE_FOUNDRY": "0",
}  # fmt: skip
#: Settings that name a program, which the CLI would run without asking the guard.
STARTERS = ("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper")


def managed_settings(port: int = RELAY_PORT) -> dict[str, Any]:
    """Settings an agent cannot turn: bound on /etc/claude-code they outrank every other file."""
    hook = {"type": "http", "url": gateway(port) + HOOK_PATH, "timeout": HOOK_SECONDS, "onFailure": "block"}
    return {
        "allowManagedHooksOnly": True,
        "allowManagedPermissionRulesOnly": True,
        "disableAllHooks": False,
        "env": {"ANTHROPIC_BASE_URL": gateway(port), **DIRECT},
        **dict.fromkeys(STARTERS, ""),
        "permissions": {"disableBypassPermissionsMode": "disable", "deny": ["EnterWorktree", "Edit(//**/.git/**)"]},
        "hooks": {"PreToolUse": [{"matcher": "*", "hooks": [hook]}]},
    }


# --- what the guard answers ------------------------------------------------------------------------


def allow() -> dict[str, Any]:
    """The tool call may go on."""
    return _decision("allow")


def ask() -> dict[str, Any]:
    """The person in the session decides, or answers."""
    return _decision("ask")


def deny(reason: str) -> dict[str, Any]:
    """The tool call is refused; the agent reads the reason."""
    return _decision("deny", permissionDecisionReason=reason)


def defer() -> dict[str, Any]:
    """The tool call is decided later: the process ends now and the call is asked again on resume."""
    return _decision("defer")


def telling(answer: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The same answer, and the model reads the text too.

    It stands beside the call's result; or at a refusal's end, for beside a call that was deferred before and is asked
    again nothing is read (both tried with 2.1.329).
    """
    decision = answer["hookSpecificOutput"]
    if decision["permissionDecision"] == "deny":
        return deny(f"{decision['permissionDecisionReason']}\n\n{text}")
    return {"hookSpecificOutput": {**decision, "additionalContext": text}}


def _decision(decision: str, **more: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": decision, **more}}


def asked(tool_input: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The text and the options of an AskUserQuestion call."""
    questions = [each for each in _list(tool_input.get("questions")) if isinstance(each, dict)]
    text = "\n\n".join(str(each.get("question", "")) for each in questions)
    choices = [option for each in questions for option in _list(each.get("options")) if isinstance(option, dict)]
    return text, tuple(str(option.get("label", "")) for option in choices)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def answer(text: str) -> dict[str, Any]:
    """The person's answer to a deferred question, as the call's outcome.

    It is given as a refusal's reason: of hooks only those from --settings may fill in an answer (tried with 2.1.329),
    and admitting these would admit the hooks an agent plants in its project settings.
    """
    return deny(f"{ANSWERED} {text}\nGo on with it.")


# --- what its stream says --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """Text of the agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """A tool call, in a few words."""

    tool: str
    subject: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """The API did not serve it; it will try again by itself."""

    status: int | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Limited:
    """A usage window of the person's plan is exhausted until then."""

    reset_at: datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """The CLI's closing word on a run, or on a turn of it."""

    error: bool
    asked: Ask | None
    text: str
    api_status: int | None
    session_cost: Pico | None


Fact = Said | Used | Retrying | Limited | Result


def parse(line: bytes) -> list[Fact]:
    """What one line of the stream says that matters here; ValueError if it is no JSON object."""
    if line.count(b",") > MOST_PARTS:  # it would take its time, and everybody's
        raise ValueError("too many parts")
    message = json.loads(line.decode())
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    match message.get("type"):
        case "assistant":
            return _spoken(message)
        case "system" if message.get("subtype") == "api_retry":
            return [Retrying(message.get("error_status"), int(message.get("attempt") or 0))]
        case "rate_limit_event":
            info = message.get("rate_limit_info") or {}
            exhausted = info.get("status") == "rejected" and not info.get("isUsingOverage")
            return [Limited(_moment(info.get("resetsAt")))] if exhausted else []
        case "result":
            return [_result(message)]
    return []


def _spoken(message: dict[str, Any]) -> list[Fact]:
    facts: list[Fact] = []
    for block in (message.get("message") or {}).get("content") or []:
        if block.get("type") == "text" and block.get("text", "").strip():
            facts.append(Said(block["text"].strip()[:LONGEST_TEXT]))
        elif block.get("type") == "tool_use":
            facts.append(Used(str(block.get("name")), subject(block.get("input") or {})))
    return facts


def subject(tool_input: Mapping[str, Any]) -> str:
    """What a tool call is about: its command, path, pattern or question, in one line."""
    for key in ("command", "file_path", "notebook_path", "pattern", "description", "skill"):
        if tool_input.get(key):
            return " ".join(str(tool_input[key]).split())[:200]
    return " ".join(asked(tool_input)[0].split())[:200]


def _result(message: dict[str, Any]) -> Result:
    cost = message.get("total_cost_usd")
    return Result(
        error=bool(message.get("is_error")),
        asked=_deferred_question(message),
        text=str(message.get("result") or "").strip()[:LONGEST_TEXT],
        api_status=message.get("api_error_status"),
        session_cost=from_usd(cost) if isinstance(cost, int | float) and cost >= 0 else None,
    )


def _deferred_question(message: dict[str, Any]) -> Ask | None:
    call = message.get("deferred_tool_use") or {}
    if call.get("name") != QUESTION_TOOL:
        return None
    tool_input = call.get("input") or {}
    return Ask(*asked(tool_input), tool_input)


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
