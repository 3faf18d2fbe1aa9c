"""What an earlier daemon left: the tasks this one goes on with, those whose ids are taken, what cannot be read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from dayshift import records
from dayshift.deciding import resumption
from dayshift.home import Home
from dayshift.logbook import chronicle
from dayshift.model import Record
from dayshift.repository import daybook
from dayshift.running import wrecks
from dayshift.running.spool import Spool
from dayshift.states import Parked, ParkReason, State
from dayshift.tidying.disposal import discard
from enclosure import mark

UNSERVED = (ParkReason.usage_limit, ParkReason.provider, ParkReason.credit, ParkReason.authentication)


@dataclass(frozen=True, slots=True)
class Legacy:
    """Rehearsed and real tasks never meet: each kind has its own daemon."""

    tasks: dict[str, Record]  #: of this daemon's kind
    elsewhere: Mapping[str, Record]  #: of the other kind
    lost: Collection[str]  #: ids of tasks whose records cannot be read

    @property
    def ended(self) -> frozenset[tuple[str, State]]:
        """What had ended by then, and how."""
        return frozenset((each.id, each.state) for each in self.tasks.values() if each.ended)

    @property
    def is_unserved(self) -> bool:
        """Whether a task rests because the provider served nobody."""
        parked = (each.state for each in self.tasks.values() if isinstance(each.state, Parked))
        return any(state.why in UNSERVED for state in parked)


def entered_upon(home: Home, rehearsal: bool, wrecked: Callable[[str], None]) -> Legacy:
    """All that is there; what is left of rehearsals that nobody goes on with is thrown away."""
    known, broken = records.load_all(home)
    chronicle.taken_up(known.values(), broken)
    lost = wrecks.ids(broken)
    for task_id in lost:
        wrecked(task_id)
    for record in resumption.thrown_away(known, rehearsal):
        _discard_rehearsed(home, known.pop(record.id))
    mine = {each: record for each, record in known.items() if record.rehearsal == rehearsal}
    if rehearsal and not mine:
        daybook.forget_rehearsals(home)
    return Legacy(mine, {each: known[each] for each in known.keys() - mine.keys()}, lost)


def _discard_rehearsed(home: Home, record: Record) -> None:
    """A rehearsal holds nothing to keep; a run of it that an earlier daemon left is ended first."""
    spool = Spool(home.run(record.id, record.runs))
    spool.end(mark(home, record))
    discard(home, record)
