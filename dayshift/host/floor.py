"""The floor of free space: whether the disks have enough for another agent, told when that changes. Joins room."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from dayshift.host import room
from dayshift.host.room import Room

MORE = 1.05  #: of the floor must be free before agents are started again: on the edge that would change every second


class Floor:
    """Looks at the disks of these places; while one has too little left, `why` says so."""

    def __init__(
        self, least: int, places: Callable[[], Iterable[Path]], tell: Callable[[str, bool], None],
        measure: Callable[[Path], Room] = room.free,
    ) -> None:  # fmt: skip
        self._least, self._places, self._tell, self._measure = least, places, tell, measure
        self.why = ""

    def look(self) -> None:
        """Measure; tell it once when there is too little, and once when there is enough again."""
        before, short = self.why, room.scarce(self._rooms(), int(self._least * (MORE if self.why else 1)))
        self.why = room.told(short, self._least) if short else ""
        if bool(before) != bool(short):
            self._tell(self.why or "there is room again", bool(short))

    def _rooms(self) -> Iterable[Room]:
        for place in self._places():
            with suppress(OSError):  # a place that is gone is told by whoever needs it
                yield self._measure(place)
