"""The premises: whether there is room for another agent, on the disks and among the workspaces; told with who waits.

Joins floor and allotment, which look at the one and the other, and settings, where their bounds stand.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from dayshift.home import Home
from dayshift.host.allotment import Allotment
from dayshift.host.floor import Floor
from dayshift.host.room import GB
from dayshift.inputs.settings import Limits
from dayshift.model import Record
from dayshift.states import Queued


class Premises:
    """Those of one home. `tell` hears what has changed, whether room is scarce, and how many tasks wait for it."""

    def __init__(
        self, home: Home, limits: Limits, known: Callable[[], Mapping[str, Record]],
        tell: Callable[[str, bool, int], None],
    ) -> None:  # fmt: skip
        self._home, self._known, self._tell = home, known, tell
        self._floor = Floor(int(limits.free_gb * GB), self._disks, self._tell_of_room)
        self._allotment = Allotment(home, int(limits.all_workspaces_gb * GB), known, self._tell_of_room)

    def look(self) -> str:
        """Why there is no room for another agent now, if so; it is told when that changes."""
        self._floor.look()
        self._allotment.look()
        return self._floor.why or self._allotment.why

    def forget(self, task_id: str) -> None:
        """That task's workspace is gone."""
        self._allotment.forget(task_id)

    async def close(self) -> None:
        """Count no more."""
        await self._allotment.close()

    def _disks(self) -> set[Path]:
        """Where agents and this program write: the home, and the projects whose repositories keep the work."""
        return {self._home.root, *map(Path, {each.project for each in self._known().values()})}

    def _tell_of_room(self, what: str, scarce: bool) -> None:
        waiting = sum(isinstance(each.state, Queued) for each in self._known().values())
        self._tell(what, scarce, waiting)
