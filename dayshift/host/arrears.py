"""What the disk did not take: owed, and tried again in order until it does; an outage is told at its begin and end.

Joins room, whose words say what helps.
"""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

from dayshift.files import Unusable
from dayshift.host import room

FAULTS = (OSError, sqlite3.Error, Unusable)
QUIET_SECONDS = 3.0  #: without a failure until an outage is over: a disk on the edge takes one file and not the next
CURES = {
    errno.EMFILE: "raise the limit (`ulimit -n`)",
    errno.ENFILE: "the whole machine has too many files open",
    errno.EACCES: "give it back to the user that dayshift runs as",
    errno.EROFS: "mount it for writing",
    errno.EIO: "look at the disk (`dmesg`)",
}

Step = Callable[[], object]


class Unkept(Unusable):
    """What everything else rests on could not be kept; it was told, and is to be tried again as a whole."""


class Arrears:
    """Steps that a full or failing disk may refuse; none of them ends the program, or floods it with words."""

    def __init__(self, place: Path, say: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._place, self._say, self._monotonic = place, say, monotonic
        self._owed: list[tuple[str, Step]] = []
        self._until: float | None = None  #: when the outage is over, if nothing fails again
        self.why = ""  #: what is wrong, while an outage lasts

    def attempt(self, step: Step) -> bool:
        """Whether the step was done. If the disk did not let it be, that is told; to try again is the caller's."""
        try:
            step()
        except FAULTS as error:
            self.refused(error)
            return False
        return True

    def keep(self, step: Step) -> None:
        """Do what everything else rests on; Unkept if the disk does not let it be done."""
        if not self.attempt(step):
            raise Unkept(self.why)

    def owe(self, what: str, step: Step) -> None:
        """Do it now, or as soon as the disk lets it: after all that is owed of the same, before whatever comes."""
        if any(each == what for each, _ in self._owed) or not self.attempt(step):
            self._owed.append((what, step))

    def look(self) -> None:
        """Try again what is owed; what of it is refused holds up only its own kind."""
        owed, self._owed, stuck = self._owed, [], set[str]()
        for what, step in owed:
            if what in stuck or not self.attempt(step):
                stuck.add(what)
                self._owed.append((what, step))
        if self._until is not None and self._monotonic() > self._until:
            self._until, self.why = None, ""
            self._say("the disk takes everything again: it goes on")

    def refused(self, error: Exception, pause: float = QUIET_SECONDS) -> None:
        """The disk did not let something be done, by whomever; for the pause at least nothing is begun."""
        known, self._until = self._until, max(self._until or 0.0, self._monotonic() + pause)
        if known is None:
            self.why = self._words(error)
            self._say(f"{self.why}; no agent is started until then, and what is not kept yet is tried again")

    def _words(self, error: Exception) -> str:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.ENOSPC, errno.EDQUOT) or (number is None and "full" in str(error)):
            return f"no room on {room.mount(self._place)}: {room.CURE} ({error})"
        return f"the disk does not take what must be kept ({error}): {CURES.get(number or 0, 'see to it')}"
