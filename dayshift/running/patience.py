"""How long a run is waited for: for a sign of life, for its exit after its closing word, for a holder to keep limits.

It joins holders, for a holder that keeps none any more is put down, and lifetime. All by the monotonic clock.
"""

import signal
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from dayshift.clock import Clock
from dayshift.holder.processes import send
from dayshift.running import holders, lifetime

RESULT_GRACE = 30.0  #: after its closing word the CLI has this long to exit
HOLDER_GRACE = 10.0  #: and its holder as long to end it, once it was told to or the run's time is up
AWAY_SECONDS = 5.0  #: between two looks; after more the daemon itself stood still, and nobody could be heard


class Lapse(Enum):
    """What a run is late with."""

    sign = auto()  #: of life: it has said nothing for too long
    exit = auto()  #: it said its closing word and goes on
    end = auto()  #: its holder was to end it and did not


@dataclass(slots=True)
class Patience:
    """With one run. What it is late with is noticed once; an end that does not come, again and again."""

    clock: Clock
    spool: Path
    silence_seconds: float
    _quiet_since: float = field(init=False)
    _looked: float = field(init=False)
    _due: float = float("inf")  #: when its holder must have ended it
    _noticed: bool = False

    def __post_init__(self) -> None:
        """It begins now, for a run that an earlier daemon began as well."""
        self._quiet_since = self._looked = self.clock.monotonic()

    def begin(self) -> None:
        """The run is on: its holder keeps its time."""
        now = self._quiet_since = self._looked = self.clock.monotonic()
        self._due = min(self._due, now + max(0.0, lifetime.left(self.spool, now)) + HOLDER_GRACE)

    def touch(self) -> None:
        """There was a sign of life."""
        self._quiet_since = self.clock.monotonic()

    def told_to_end(self) -> None:
        """The holder was told to end it, now if not before."""
        self._due = min(self._due, self.clock.monotonic() + HOLDER_GRACE)

    def lapse(self, closed: bool, busy: bool) -> Lapse | None:
        """What it is late with now, if it is `closed`, as it has said its last word, or `busy`, as a model answers."""
        now, before = self.clock.monotonic(), self._looked
        self._looked = now
        if now - before > AWAY_SECONDS:
            self._quiet_since += now - before
        if now > self._due:
            self._due = now + HOLDER_GRACE
            return Lapse.end
        quiet = now - self._quiet_since
        late = Lapse.exit if closed and quiet > RESULT_GRACE else None
        if quiet > self.silence_seconds and not busy:
            late = late or Lapse.sign
        if late is None or self._noticed:
            return None
        self._noticed = True
        return late


def put_down(spool: Path) -> bool:
    """Kill a run's holder, and with it the run; True if there is one, proven by the run's lock in its hands."""
    pid = holders.of(spool)
    if pid is None or not _holds(pid, spool / "lock"):
        return False
    send(pid, signal.SIGKILL)
    return True


def _holds(pid: int, lock: Path) -> bool:
    with suppress(OSError):
        return any(each.samefile(lock) for each in Path(f"/proc/{pid}/fd").iterdir())
    return False
