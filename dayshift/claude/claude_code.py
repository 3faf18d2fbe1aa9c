"""The Claude Code CLI, as it is started: the one module that knows its flags, its variables and its settings."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dayshift.sandboxing.sandbox import RELAY_PORT

INSIDE = Path("/opt/claude-code/claude")  #: where a sandbox shows the CLI, wherever it lies outside
HOOK_PATH = "/dayshift/hook"
HOOK_SECONDS = 30
DUMMY = "held-by-the-gateway"  #: what an agent has for a credential


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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


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
