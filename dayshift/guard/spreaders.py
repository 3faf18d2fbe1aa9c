"""Programs that run a command for each thing they find, read or are told: xargs, parallel, find, fzf, socat."""

import re
from collections.abc import Iterator, Sequence

from dayshift.guard.inner_commands import LOOKED_THROUGH, Argv, Inner, Script, starts
from dayshift.guard.words import HOLE

XARGS_VALUED = frozenset(
    ("-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s", "--max-args", "--max-procs", "--max-lines", "--delimiter",
    "--arg-file", "--replace", "--max-chars", "-J", "-R")
)  # fmt: skip


def xargs(args: Sequence[str], stdin: str | None) -> Iterator[Argv]:
    """What xargs runs, with the words it is fed where they are known."""
    place, mark = 0, ""
    while place < len(args) and args[place].startswith("-"):
        arg = args[place]
        if arg in XARGS_VALUED:
            place += 1
            mark = args[place] if arg in ("-I", "-J", "--replace") and place < len(args) else mark
        elif arg.startswith(("-I", "--replace=", "-i")):
            mark = arg.removeprefix("--replace=").removeprefix("-I").removeprefix("-i") or "{}"
        place += 1
    words = tuple(args[place:])
    blanks = r"[\0\n]" if mark or {"-0", "--null", "-d"} & set(args[:place]) else r"[\s\0]+"
    given = tuple(word for word in re.split(blanks, stdin or HOLE)[:LOOKED_THROUGH] if word) or (HOLE,)
    if words and mark:
        for value in given:
            yield Argv(tuple(word.replace(mark, value) for word in words))
    elif words:
        yield Argv((*words, *given))


def parallel(args: Sequence[str]) -> Iterator[Inner]:
    """What GNU parallel runs for each of its inputs."""
    mark = next((place for place, arg in enumerate(args) if arg in (":::", "::::", ":::+", "--arg-file")), len(args))
    listed = mark < len(args) and args[mark] == ":::"
    given = [word for word in args[mark + 1 :] if not word.startswith(":::")] if listed else [HOLE]
    template = list(args[:mark])
    found = starts(template)
    if not found:
        yield from (Script(word) for word in given)
    for start in found:
        words = template[start:]
        yield Argv(tuple(words), certain=False)  # a shell would take them apart once more; both are looked at
        for value in given or [HOLE]:
            around = re.split(r"\{[\d#%./]*\}", " ".join(words))
            yield Script(value.join(around) if len(around) > 1 else f"{around[0]} {value}")


def find(args: Sequence[str]) -> Iterator[Argv]:
    """What find and fd run for each file."""
    found = f"{args[0]}/{HOLE}" if args and not args[0].startswith("-") else HOLE
    if ".git" in args and not {"-prune", "-not", "!"} & set(args):
        found = f".git/{HOLE}"
    for place, arg in enumerate(args):
        if arg in ("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"):
            words = list(args[place + 1 :])
            end = next((at for at, word in enumerate(words) if word in (";", "+")), len(words))
            yield Argv(
                tuple(word.replace("{}", found) for word in words[:end] + ([] if "{}" in words[:end] else ["{}"]))
            )


def socat(args: Sequence[str]) -> Iterator[Script]:
    """What socat starts as one of its ends."""
    for arg in args:
        kind, given, rest = arg.partition(":")
        if given and kind.upper() in ("SYSTEM", "EXEC", "SHELL"):
            yield Script(re.split(r",(?=\w+(?:[=,]|$))", rest)[0])


def fzf(args: Sequence[str]) -> Iterator[Script]:
    """What fzf binds to keys or shows beside its lines."""
    for place, arg in enumerate(args):
        option, given, value = arg.partition("=")
        value = value if given else "".join(args[place + 1 : place + 2])
        if option in ("--bind", "--preview"):
            yield from (
                Script(text, certain=False)
                for text in re.findall(r"(?:execute|become|reload|transform)[\w-]*[(\[{:](.+?)[)\]}]*$", value)
            )
        if option == "--preview":
            yield Script(value, certain=False)
