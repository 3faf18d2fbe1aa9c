"""Which git command lines only read."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from dayshift.guard.names import asks_for_help
from dayshift.guard.policy import Policy
from dayshift.guard.words import HOLE

GLOBAL_VALUED = frozenset(
    ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--attr-source",
    "--list-cmds")
)  # fmt: skip
GLOBAL_FLAGS = frozenset(
    ("-p", "--paginate", "-P", "--no-pager", "--no-replace-objects", "--bare", "--literal-pathspecs",
    "--glob-pathspecs", "--noglob-pathspecs", "--icase-pathspecs", "--no-optional-locks", "--no-advice",
    "--no-lazy-fetch", "--exec-path")
)  # fmt: skip
ANSWERS = frozenset(("--version", "-v", "--help", "-h", "--html-path", "--man-path", "--info-path", "--exec-path"))
RUNS_ITS_VALUE = (
    "core.pager", "core.editor", "core.sshcommand", "core.fsmonitor", "core.askpass", "core.gitproxy",
    "sequence.editor", "pager.", "diff.external", "credential.", "gpg.", "browser.", "web.browser", "uploadpack.",
    "sendemail.",
)  # fmt: skip
OF_TRANSPORT = (
    "core.sshcommand",
    "core.gitproxy",
    "core.askpass",
    "credential.",
    "uploadpack.",
)  #: no reader runs these
RUNS_ITS_VALUE_AT_THE_END = (
    ".textconv", ".clean", ".smudge", ".process", ".command", ".cmd", ".driver", ".path", "helper",
)  # fmt: skip
RUNS_ITS_WORDS = frozenset(("bisect", "submodule", "filter-branch", "rebase", "for-each-repo"))
FOREACH_OPTIONS = frozenset(("--recursive", "-q", "--quiet"))
SETTING = frozenset(("true", "false", "0", "1", "yes", "no", "on", "off", ""))


@dataclass(frozen=True, slots=True)
class GitCall:
    """A git command line taken apart: subcommand, its arguments, settings given with -c."""

    name: str
    args: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    clear: bool = True  #: every global option before the subcommand is a known one


def parse(args: list[str]) -> GitCall:
    """Split what follows `git`; a call that only asks git about itself has an empty name."""
    settings: list[tuple[str, str]] = []
    clear = True
    place = 0
    while place < len(args) and args[place].startswith("-"):
        option, given, value = args[place].partition("=")
        if option in ANSWERS and not given:
            return GitCall("", ())
        if option in GLOBAL_VALUED and not given:
            place += 1
            value = args[place] if place < len(args) else HOLE
        elif option == "--exec-path":
            clear = clear and value.startswith("/usr/")
        elif option not in GLOBAL_FLAGS and option not in GLOBAL_VALUED:
            clear = False
        if option == "-c":
            key, _, setting = value.partition("=")
            settings.append((key.lower(), setting))
        elif option == "--config-env":
            clear = False
        place += 1
    if place >= len(args):
        return GitCall("", (), tuple(settings), clear)
    return GitCall(args[place], tuple(args[place + 1 :]), tuple(settings), clear)


def reads_only(call: GitCall, policy: Policy) -> bool:
    """True if the subcommand, called like this, changes nothing and asks no remote to change."""
    if not call.clear:
        return False
    if not call.name or call.args[:1] == ("--help",) or call.args == ("-h",):
        return True
    if any(key.startswith("include") for key, _ in call.settings):
        return False
    if call.name not in RUNS_ITS_WORDS and call.args[-1:] == ("--help",) and asks_for_help(call.args):
        return True
    if call.name == "config" and _sets(call.args):
        return False
    if call.name == "submodule" and "foreach" in call.args[:2]:
        return True
    alias = dict(call.settings).get(f"alias.{call.name.lower()}")
    if alias is not None and call.name not in policy.git:
        return not alias.lstrip().startswith("!")  # git is no way to run something else
    forms = policy.git.get(call.name)
    return forms is not None and forms.allows(call.args)


def _sets(args: tuple[str, ...]) -> bool:
    """True for `git config name value`, whatever stands as the value: options end at the first word."""
    place = next((place for place, arg in enumerate(args) if not arg.startswith("-")), len(args))
    acts = any(
        arg.startswith(("--get", "--list", "-l", "-f", "--file", "--blob", "--type", "--default"))
        for arg in args[:place]
    )
    return not acts and "." in "".join(args[place : place + 1]) and len(args) > place + 1


def runs(call: GitCall) -> Iterator[str]:
    """Scripts this call would run besides git itself: alias and program settings, submodule foreach."""
    for key, value in call.settings:
        if key.startswith("alias."):
            yield value[1:] if value.startswith("!") else f"git {value}"
        elif is_program(key) and value.lower() not in SETTING:
            yield HOLE if is_of_project(value) and not key.startswith(OF_TRANSPORT) else value
    if call.name == "submodule" and "foreach" in call.args[:2]:
        rest = [word for word in call.args[call.args.index("foreach") + 1 :] if word not in FOREACH_OPTIONS]
        yield rest[0] if len(rest) == 1 else shlex.join(rest)


def is_of_project(value: str) -> bool:
    """True if the program git would run lies in no folder of the system: what it does cannot be told."""
    path = value.lstrip("!").partition(" ")[0]
    return "/" in path and not path.startswith(("/usr/", "/bin/", "/opt/"))


def is_program(key: str) -> bool:
    """True if git runs the value of this setting."""
    key = key.lower()
    return key.startswith(RUNS_ITS_VALUE) or key.endswith(RUNS_ITS_VALUE_AT_THE_END)
