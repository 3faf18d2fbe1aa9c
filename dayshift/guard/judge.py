"""The guard: whether an agent may make a tool call, told from the call alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from dayshift.guard import code, git_commands, interpreters, wrappers
from dayshift.guard.interpreters import asks_for_help, program, unresolved
from dayshift.guard.policy import Policy, parts
from dayshift.guard.scope import Command, Scope, Unreadable
from dayshift.guard.shell import walk
from dayshift.guard.task_runners import OWN_COMMANDS, RUN_BY_NAME, tasks
from dayshift.guard.words import HOLE
from dayshift.guard.writers import names_git, written
from dayshift.model import Verdict

ALLOWED = Verdict(allowed=True)
COMMAND_TOOLS = frozenset(("Bash", "Monitor"))
WRITING_TOOLS = frozenset(("Write", "Edit", "MultiEdit", "NotebookEdit"))
RUN_VARIABLES = frozenset(
    ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "GIT_EDITOR", "EDITOR", "VISUAL", "GIT_SEQUENCE_EDITOR", "GIT_SSH",
     "GIT_SSH_COMMAND", "GIT_ASKPASS", "MANPAGER", "BROWSER", "GIT_PROXY_COMMAND", "BASH_ENV", "ENV", "LESSOPEN",
     "PROMPT_COMMAND", "SSH_ASKPASS")
)  # fmt: skip
DEEPEST = 16
SHOWN = 80  #: characters of a refused command that the reason quotes


class _Refused(Exception):
    """Refused by the rule, because of the subject."""

    def __init__(self, rule: str, subject: str) -> None:
        super().__init__(rule, subject)
        self.rule = rule
        self.subject = subject


def judge(tool: str, tool_input: Mapping[str, Any], policy: Policy) -> Verdict:
    """Allow or deny a tool call; it always answers, and what it cannot follow it denies."""
    try:
        _Judge(policy).tool(tool, tool_input)
    except _Refused as refused:
        return _denied(refused.rule, refused.subject, policy)
    except Unreadable as unclear:
        return _denied("unreadable", str(unclear), policy)
    except Exception as error:  # whatever went wrong in here must never mean yes
        return _denied("unreadable", f"the guard could not judge it ({type(error).__name__})", policy)
    return ALLOWED


def check_examples(policy: Policy) -> list[str]:
    """The examples in the policy that are not judged as their rule says, one line each."""
    wrong = []
    for rule in policy.rules.values():
        for command in rule.match:
            verdict = judge("Bash", {"command": command}, policy)
            if verdict.rule != rule.id:
                wrong.append(f"{rule.id}: should refuse {command!r}, but {_outcome(verdict)}")
        for command in rule.no_match:
            verdict = judge("Bash", {"command": command}, policy)
            if not verdict.allowed:
                wrong.append(f"{rule.id}: should not refuse {command!r}, but {_outcome(verdict)}")
    return wrong


def _outcome(verdict: Verdict) -> str:
    return "it is allowed" if verdict.allowed else f"{verdict.rule} does"


def _denied(rule_id: str, subject: str, policy: Policy) -> Verdict:
    rule = policy.rules[rule_id]
    shown = subject.replace(HOLE, "…").strip()
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    reason = f"[{rule_id}] You may not run or write `{shown}`: {rule.what}; {rule.why}. {rule.instead}"
    return Verdict(False, rule_id, reason)


class _Judge:
    """Judges one tool call by going down into everything it would run; returning means yes."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.depth = 0

    def tool(self, tool: str, tool_input: Mapping[str, Any]) -> None:
        if tool not in self.policy.tools:
            self.refuse("unknown-tool", tool)
        if tool in COMMAND_TOOLS:
            command = tool_input.get("command")
            if not isinstance(command, str):
                self.refuse("unreadable", "a call without a command")
            self.script(command, Scope())
        elif tool in WRITING_TOOLS:
            path = tool_input.get("file_path") or tool_input.get("notebook_path")
            if not isinstance(path, str):
                self.refuse("unreadable", "a call without a path")
            self.path(path, self.policy.own_paths)

    def refuse(self, rule: str, subject: str | Sequence[str]) -> NoReturn:
        raise _Refused(rule, subject if isinstance(subject, str) else " ".join(subject))

    def path(self, path: str, own: Sequence[str] = ()) -> None:
        """A file to be written: not git's own, not one that steers agents."""
        if any(names_git(step) for step in path.split("/")):
            self.refuse("git-files", path)
        rooted = "/" + path.removeprefix("./").removeprefix("/")
        forms = (*self.policy.protected, *own)
        if any(fnmatchcase(rooted, form) or fnmatchcase(rooted, f"*/{form}") for form in forms):
            self.refuse("protected-path", path)

    def script(self, text: str, scope: Scope) -> None:
        """A shell script: every command it would run."""
        with self._deeper():
            walk(text, scope, self.command)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        if self.depth > DEEPEST:
            raise Unreadable("commands within commands within commands")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def command(self, command: Command, scope: Scope) -> None:
        """One simple command of a script."""
        for path in command.writes:
            self.path(path)
        for name, value in command.env:
            if name in RUN_VARIABLES or name.startswith("GIT_CONFIG_VALUE"):
                self._run_by_variable(value, scope)
        if command.argv:
            self.argv(list(command.argv), command.stdin, scope)

    def _run_by_variable(self, value: str, scope: Scope) -> None:
        if value in scope.files:
            self.script(scope.files[value], scope.child())
        elif value and HOLE not in value and not value.startswith("-"):
            self.script(value, scope.child())

    def argv(self, argv: list[str], stdin: str | None, scope: Scope) -> None:
        """A program with its arguments, and whatever it would run in turn."""
        name, args = program(argv[0]), argv[1:]
        if unresolved(name):
            self.refuse("unreadable", argv)
        with self._deeper():
            self._by_name(name, argv, scope)
            self._wrapped(name, args, stdin, scope)
            self._interpreted(name, argv, stdin, scope)
            for path in written(name, args):
                self.path(scope.path(path))
            self._copied(name, argv, scope)

    # --- what a program is -------------------------------------------------------------------------

    def _by_name(self, name: str, argv: list[str], scope: Scope) -> None:
        policy, args = self.policy, argv[1:]
        for rule, wanted, form in policy.own:
            if wanted == name and form.matches(*parts(args, frozenset())[:2]):
                self.refuse(rule, argv)
        if name == "git":
            self._git(args, scope)
        elif name.startswith("git-") and "." not in name and name not in policy.programs:
            self._git([name.removeprefix("git-"), *args], scope)
        if name in policy.clients and not asks_for_help(args):
            self.refuse("database", argv)
        self._by_form(name, argv)
        self._by_task(name, argv, scope)

    def _by_form(self, name: str, argv: list[str]) -> None:
        forms = self.policy.programs.get(name)
        if forms is None or asks_for_help(argv[1:]) or argv[1:] == ["-v"]:
            return
        bare = len(argv) == 1 and forms.only != ()  # most tools only print their help
        if not bare and not forms.allows(argv[1:]):
            self.refuse(forms.rule, argv)

    def _by_task(self, name: str, argv: list[str], scope: Scope) -> None:
        args = argv[1:]
        if name in ("make", "gmake") and interpreters.reads_no_file(args):
            self.refuse("unreadable", argv)
        names = [] if asks_for_help(args) else tasks(name, args)
        self._by_script_name(names, argv)
        if name in RUN_BY_NAME and names and names[-1] not in OWN_COMMANDS:
            words = args[args.index(names[-1]) :]
            self._probe(tuple(word for word in words if word != "--"), scope)

    def _by_script_name(self, names: Sequence[str], argv: list[str]) -> None:
        if len(names) == 1 and HOLE in names[0]:
            self.refuse("unreadable", argv)
        if any(self.policy.forbids_script(name) for name in names):
            self.refuse("script-name", argv)

    def _git(self, args: list[str], scope: Scope) -> None:
        call = git_commands.parse(args)
        if not git_commands.reads_only(call, self.policy):
            self.refuse("git-write", ["git", *args])
        for script in git_commands.runs(call):
            self.script(script, scope.child())
        for arg in call.args:
            if arg.startswith(("--output=", "--output-directory=", "--directory=")):
                self.path(arg.partition("=")[2])

    def _copied(self, name: str, argv: list[str], scope: Scope) -> None:
        """A copy or a link of a forbidden program is that program; of a file written here, that file."""
        if name not in ("cp", "ln", "mv", "install"):
            return
        words = [word for word in argv[1:] if not word.startswith("-")]
        for word in words[:-1]:
            source = program(word)
            if "bin/" in word and (source == "git" or source in self.policy.clients):
                self.refuse("git-write" if source == "git" else "database", argv)
            content = scope.files.get(scope.path(word))
            if content is not None and len(words) == 2:
                scope.files[scope.path(words[1])] = content

    # --- what it runs ------------------------------------------------------------------------------

    def _wrapped(self, name: str, args: list[str], stdin: str | None, scope: Scope) -> None:
        for found in wrappers.inner(name, args):
            try:
                if isinstance(found, wrappers.Script):
                    self.script(found.text, scope.child())
                elif found.words:
                    self.argv(list(found.words), stdin, scope)
            except (_Refused, Unreadable) as refused:
                clear = isinstance(refused, _Refused) and refused.rule != "unreadable"
                if clear or isinstance(found, wrappers.Script) or found.certain:
                    raise

    def _interpreted(self, name: str, argv: list[str], stdin: str | None, scope: Scope) -> None:
        if name in interpreters.SHELLS:
            self._shell(argv, stdin, scope)
        elif interpreters.is_interpreter(name):
            self._interpreter(name, argv, stdin, scope)
        elif name in ("at", "batch") and stdin is not None:
            self.script(stdin, scope.child())
        elif name == "source":
            self._file(argv[1:], scope)
        elif "/" in argv[0]:
            self._file(argv, scope)

    def _shell(self, argv: list[str], stdin: str | None, scope: Scope) -> None:
        call = interpreters.parse_shell(argv[1:])
        if call.script is not None:
            rest = call.words
            self.script(call.script, scope.child(rest[0] if rest else argv[0], rest[1:]))
        elif call.words:
            self._file(list(call.words), scope)
        elif call.stdin and stdin is not None:
            self.script(stdin, scope.child(argv[0], call.arguments))

    def _interpreter(self, name: str, argv: list[str], stdin: str | None, scope: Scope) -> None:
        call = interpreters.parse(name, argv[1:])
        for text in (*call.code, *((stdin,) if call.stdin and stdin is not None else ())):
            self._code(text, argv, interpreters.plain(name), scope)
        if call.module and call.program:
            self._by_script_name([call.program[0].rsplit(".", 1)[-1]], argv)
            self.argv(list(call.program), None, scope)
        elif call.program:
            self._file(list(call.program), scope)

    def _file(self, argv: list[str], scope: Scope) -> None:
        """A program file: its content if this script wrote it, and its name."""
        if not argv:
            return
        name = program(argv[0])
        if HOLE in name:
            self.refuse("unreadable", argv)
        content = scope.files.get(scope.path(argv[0]))
        if content is not None:
            language = interpreters.language(argv[0], content)
            if language:
                self._code(content, argv, language, scope)
            else:
                self.script(content, scope.child(argv[0], argv[1:]))
        self._by_form(name, argv)
        self._by_script_name([name], argv)

    # --- code in other languages -------------------------------------------------------------------

    def _code(self, text: str, argv: list[str], language: str, scope: Scope) -> None:
        """Code in another language: the commands, files, repositories and databases it names."""
        if len(text) > code.LONGEST:
            self.refuse("unreadable", argv)
        if language in code.EDITS:
            run = code.sed_runs(text)
            if run is not None:
                self.script(run, scope.child())
            return
        if text.strip() == HOLE or code.hides(text):
            self.refuse("unreadable", argv)
        if any(driver.search(text) for driver in self.policy.drivers):
            self.refuse("database", argv)
        if code.writes_git_by_library(text):
            self.refuse("git-write", argv)
        if language in code.SPEAKS_SHELL:
            self._probe(code.spoken(text), scope)
        spawns, writes = code.spawns(text), code.writes_files(text)
        for words in code.commands(text) if spawns or writes else ():
            if spawns:
                self._probe(words[0] if len(words) == 1 else words, scope)
            if writes and any(names_git(step) for step in words[0].split("/")):
                self.refuse("git-files", argv)

    def _probe(self, found: str | tuple[str, ...], scope: Scope) -> None:
        """Refuse a command named in code if it is forbidden; text that is no command at all is no reason."""
        try:
            if isinstance(found, str):
                self.script(found, scope.child())
            else:
                self.argv(list(found), None, scope)
        except Unreadable:
            return
        except _Refused as refused:
            if refused.rule != "unreadable":
                raise
