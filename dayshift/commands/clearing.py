"""How tasks are cleared away from a terminal: by the daemon if one runs, for it knows them by heart, else here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dayshift import locks
from dayshift.commandline import BAD_ENVIRONMENT, Failure
from dayshift.commands.verdicts import by_daemon
from dayshift.home import Home
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.tidying import clearance
from dayshift.tidying.clearance import Uncleared, Withheld

AT_ONCE = 10  #: tasks of one request, which the daemon answers within the time a command waits
PATIENCE = 0.5  #: seconds; a command that asks whether a daemon runs holds the lock for an instant


def cleared(home: Home, tasks: Sequence[Record], force: bool) -> Iterator[tuple[Record, Path | None]]:
    """Each task once it is gone, with the place where its work was saved. Failure at the first that stays."""
    for first in range(0, len(tasks), AT_ONCE):
        some = tasks[first : first + AT_ONCE]
        lines = _by_daemon(home, some, force)
        yield from zip(some, map(clearance.saved_in, lines), strict=True) if lines else _here(home, some)


def _by_daemon(home: Home, tasks: Sequence[Record], force: bool) -> Sequence[str]:
    """A line of the daemon's for each; none if no daemon runs."""
    answer = by_daemon(home, {"kind": "clean", "tasks": [each.id for each in tasks], "force": force})
    if answer is None:
        return ()
    ok, lines = answer
    if not ok:
        raise Failure(clean("\n".join(lines)))
    return lines


def _here(home: Home, tasks: Sequence[Record]) -> Iterator[tuple[Record, Path | None]]:
    """Do as the daemon would, in its place: none can begin meanwhile."""
    try:
        with locks.lock(home.daemon_lock, patience=PATIENCE):
            for record in tasks:
                saved = clearance.save(home, record)
                clearance.clear(home, record)
                yield record, saved
    except locks.Locked:
        raise Failure("a daemon started or ended just now; repeat the command", BAD_ENVIRONMENT) from None
    except Withheld as why:
        raise Failure(str(why)) from why
    except Uncleared as why:
        raise Failure(str(why), BAD_ENVIRONMENT) from why
