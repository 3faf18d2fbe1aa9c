"""A command that another program would run, and where it begins among that program's words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
LOOKED_THROUGH = 40  #: words of an unknown program's arguments


@dataclass(frozen=True, slots=True)
class Argv:
    """A command a wrapper would run; `certain` is False where its start is one of several guesses."""

    words: tuple[str, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Script:
    """Shell code a wrapper would run."""

    text: str
    certain: bool = True


Inner = Argv | Script


def starts(args: Sequence[str], valued: frozenset[str] | None = None) -> list[int]:
    """Where the first word that is no option stands; several places if an option may own the word behind it."""
    found: list[int] = []
    behind_option = skipped = False
    for place, arg in enumerate(args):
        if skipped:
            skipped = False
        elif arg == "--":
            return [*found, place + 1]
        elif arg.startswith("-") and len(arg) > 1:
            behind_option = "=" not in arg and valued is None
            skipped = valued is not None and _takes_next(arg, valued)
        elif ASSIGNMENT.match(arg):
            behind_option = False
        else:
            found.append(place)
            if not behind_option:
                break
            behind_option = False
    return found


def _takes_next(arg: str, valued: frozenset[str]) -> bool:
    clustered = arg[1] != "-" and arg[1:].isalpha() and f"-{arg[1]}" not in valued
    return arg in valued or (clustered and f"-{arg[-1]}" in valued)
