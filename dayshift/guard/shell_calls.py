"""A shell's command line: the script it is given, the file it reads, what it does before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dayshift.guard.names import is_stdin

SHELLS = frozenset(
    ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish", "yash", "posh", "osh", "csh", "tcsh", "hush",
     "ysh", "oil", "bosh", "nu", "xonsh", "elvish", "rc", "es", "git-shell", "oksh", "loksh", "sash")
)  # fmt: skip
LONG_SCRIPT = frozenset(("--command", "--commands", "--execute", "--eval"))
FIRST_SCRIPT = frozenset(("--init-command", "-C"))
VALUED = frozenset(("-o", "+o", "-O", "+O", "--rcfile", "--init-file", "--init-command"))


@dataclass(frozen=True, slots=True)
class ShellCall:
    """A shell's command line: a script given to -c, or a file, each with its words; or standard input."""

    script: str | None = None
    words: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    stdin: bool = False


def parse(args: Sequence[str]) -> ShellCall:
    """Find what a shell would run; with -n it runs nothing."""
    place = 0
    runs = True
    while place < len(args) and args[place][:1] in ("-", "+") and args[place] not in ("-", "--"):
        arg = args[place]
        option, given, value = arg.partition("=")
        if option in LONG_SCRIPT:
            return ShellCall(script=value if given else "".join(args[place + 1 : place + 2]))
        short = re.fullmatch(r"-[a-zA-Z]+", arg) is not None
        if short and "c" in arg:
            runs = runs and "n" not in arg
            rest = list(args[place + 1 :])
            while rest and re.fullmatch(r"--|[-+][a-zA-Z]+", rest[0]):
                rest = rest[2:] if rest[0] in VALUED else rest[1:]
            if not runs:
                return ShellCall()
            return ShellCall(script=rest[0] if rest else "", words=tuple(rest[1:]))
        if "n" in arg and (short or re.fullmatch(r"\+[a-zA-Z]+", arg)):
            runs = not short
        place += 2 if arg in VALUED else 1
        if short and "s" in arg and runs:
            return ShellCall(stdin=True, arguments=tuple(args[place:]))
    rest = list(args[place:])
    if rest and rest[0] in ("-", "--"):
        rest = rest[1:]
    if not runs:
        return ShellCall()
    if not rest or is_stdin(rest[0]):
        return ShellCall(stdin=True, arguments=tuple(rest[1:]))
    return ShellCall(words=tuple(rest))


def start_files(args: Sequence[str]) -> list[str]:
    """Files a shell is told to read before it does anything else."""
    files = [after for option, after in pairwise(args) if option in ("--rcfile", "--init-file")]
    return files + [arg.partition("=")[2] for arg in args if arg.startswith(("--rcfile=", "--init-file="))]


def start_scripts(name: str, args: Sequence[str]) -> list[str]:
    """Scripts fish is told to run before it does anything else."""
    scripts = [after for option, after in pairwise(args) if option in FIRST_SCRIPT and name == "fish"]
    return scripts + [arg.partition("=")[2] for arg in args if arg.startswith("--init-command=")]
