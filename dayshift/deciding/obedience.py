"""What the person says of tasks: orders, guidance, verdicts. What each task becomes by it, and the reply.

Joins the orders, reviewing, where verdicts are, and counterparts, of whom it knows the desk.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from dayshift.deciding import orders
from dayshift.deciding.counterparts import Desk
from dayshift.events import Guided, Ordered, Reviewed
from dayshift.model import Record
from dayshift.reviewing import verdict

Known = Mapping[str, Record]

UNKNOWN = "there is no task {}; `status` lists them"


class Obedience:
    """Yields what a task has to become, for the Orchestrator to make it so; replies when all of it was."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._done: dict[str, str] = {}  #: what became of the order at hand, in words, task by task

    def ordered(self, said: Ordered, records: Known, now: datetime) -> Iterator[Record]:
        """An order for one task or, without a name, for all that have not ended."""
        if said.task_id is None:
            chosen = [record for record in records.values() if not record.ended]
        elif said.task_id in records:
            chosen = [records[said.task_id]]
        else:
            return self._desk.reply(said.request, [UNKNOWN.format(said.task_id)], ok=False)
        ok = True
        for record in chosen:
            outcome = orders.obeyed(record, said.order, now)
            if isinstance(outcome, str):
                self._done.setdefault(record.id, outcome)  # else it is what came of it before the disk was full
                ok = ok and said.task_id is None
            else:
                yield outcome
                self._done[record.id] = f"{record.id}: {said.order}"
        lines, self._done = [*self._done.values()], {}
        return self._desk.reply(said.request, lines or [f"no task to {said.order}"], ok)

    def guided(self, said: Guided, records: Known) -> Iterator[Record]:
        """Something that the task is to hear."""
        known = records.get(said.task_id)
        outcome = orders.guided(known, said.guidance) if known else UNKNOWN.format(said.task_id)
        if isinstance(outcome, str):
            return self._desk.reply(said.request, [outcome], ok=False)
        yield outcome
        return self._desk.reply(said.request, [f"{said.task_id}: {orders.when_heard(outcome)}"], ok=True)

    def reviewed(self, said: Reviewed, records: Known, now: datetime) -> Iterator[Record]:
        """The verdict on the task's work."""
        record = records.get(said.task_id)
        if record is None:
            return self._desk.reply(said.request, [f"there is no task {said.task_id} any more"], ok=False)
        outcome = verdict.reviewed(record, said, now)
        if isinstance(outcome, str):
            return self._desk.reply(said.request, [outcome], ok=False)
        yield outcome
        return self._desk.reply(said.request, said.told, ok=True)
