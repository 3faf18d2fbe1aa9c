"""Where agents' requests go: to the provider or, in a rehearsal, to the scripted model, which gets its parts here.

Joins exchange, whose Upstream it names, the rehearsal, and its turns, written or improvised.
"""

from collections.abc import Callable

from dayshift.home import Home
from dayshift.model import Record
from dayshift.proxy.exchange import Upstream
from dayshift.rehearsing.improvised_turns import improvise
from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.rehearsing.written_turns import parse_turns


class Stage:
    """One daemon's: set up before the first request, and with a scripted model on it if all is rehearsed."""

    def __init__(self, home: Home, provider: Upstream, rehearsal: bool, record: Callable[[str], Record]) -> None:
        self._home, self._provider, self._record = home, provider, record
        self._model = Rehearsal() if rehearsal else None
        self._cast: set[str] = set()  #: tasks whose part the scripted model has

    async def open(self) -> None:
        """Have the scripted model answer, if there is one."""
        if self._model:
            await self._model.start()

    async def close(self) -> None:
        """It answers no more."""
        if self._model:
            await self._model.stop()

    def upstream(self, task_id: str) -> Upstream:
        """Where that task's requests go."""
        if self._model is None:
            return self._provider
        self._give_part(self._model, self._record(task_id))
        return Upstream(f"{self._model.url}/{task_id}", {"x-api-key": "rehearsal"})

    def _give_part(self, model: Rehearsal, record: Record) -> None:
        """Once per task."""
        if record.id not in self._cast:
            self._cast.add(record.id)
            turns = record.task.rehearsal
            place = self._home.workspace(record.id)
            places = {"workspace": str(place), "repo": str(place / "repo")}
            parsed = parse_turns(turns) if turns is not None else improvise(record.task)
            model.play(record.id, parsed, places)
