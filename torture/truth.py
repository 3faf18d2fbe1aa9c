"""The verdict: what the program's ledger, records and processes say, held against what provider and person know."""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dayshift import records
from dayshift.model import Record
from dayshift.money import from_usd, shown
from dayshift.states import Done
from metrics import Ledger
from tests.acceptance.house import House
from torture.parts import STEP
from torture.person import Person
from torture.provider import ALL, Provider, Served


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger."""

    id: int
    task: str
    run: int
    size: int
    state: str
    cost: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Truth:
    """One home after a storm, and those who know what happened there."""

    house: House
    provider: Provider
    person: Person
    day_cap: float
    figures: Counter[str]

    def problems(self) -> Iterator[str]:
        """Everything that is not as it must be, in words."""
        lines = self._lines()
        yield from self._ledger_is_sound()
        yield from self._costs(lines)
        yield from self._caps()
        yield from self._tasks()
        yield from self._answers()
        yield from self.provider.ghosts
        yield from self._left_behind()

    # --- money ---------------------------------------------------------------------------------------

    def _lines(self) -> list[Line]:
        rows = self.house.query(
            "SELECT id, task, run, body_bytes, state, COALESCE(cost, 0), COALESCE(request_id, '') FROM request",
            rehearsal=False,
        )
        return [Line(*row) for row in rows]

    def _ledger_is_sound(self) -> Iterator[str]:
        place = self.house.home.ledger(rehearsal=False)
        with contextlib.closing(sqlite3.connect(place)) as database:
            ((said,),) = database.execute("PRAGMA integrity_check").fetchall()[:1]
            if said != "ok":
                yield f"the ledger's file is broken: {said}"
        ledger = Ledger.open(place)
        try:
            yield from (f"the ledger does not add up: {each}" for each in ledger.audit())
        finally:
            ledger.close()

    def _costs(self, lines: list[Line]) -> Iterator[str]:
        """Each request that was served has one line: at its price, or at no less if nobody heard its end."""
        self.figures.update(f"lines {line.state}" for line in lines)
        booked = defaultdict[tuple[str, int], list[Line]](list)
        for line in lines:
            booked[line.task, line.size].append(line)
        served = Counter((each.task, each.size) for each in self.provider.bill)
        yield from (f"served twice: {key}" for key, times in served.items() if times > 1)
        yield from (f"left open: {line}" for line in lines if line.state == "open")
        for each in self.provider.bill:
            yield from booked_wrongly(each, booked[each.task, each.size])
        for line in lines:
            if (line.task, line.size) not in served:
                self.figures["estimated, but never served"] += line.state == "estimated"
                if line.state == "settled":
                    yield f"settled, but never served: {line}"
        yield from self._sum(lines)

    def _sum(self, lines: list[Line]) -> Iterator[str]:
        """The whole at once: what is settled and estimated covers what is billed, and the settled part is exact."""
        settled = {line.request_id: line.cost for line in lines if line.state == "settled"}
        billed = sum(each.cost for each in self.provider.bill)
        exact = sum(each.cost for each in self.provider.bill if each.request_id in settled)
        self.figures.update({"billed, pico-USD": billed, "booked, pico-USD": sum(line.cost for line in lines)})
        if exact != sum(settled.values()):
            yield f"settled is {sum(settled.values())}, of these requests {exact} was billed"
        if sum(line.cost for line in lines) < billed:
            yield f"booked is {sum(line.cost for line in lines)}, but {billed} was billed"

    def _caps(self) -> Iterator[str]:
        """The most that was ever at stake: billed, and worst cases under way."""
        for task, cap, peak in self.person.reached:
            if peak > from_usd(cap):
                yield f"{shown(peak)} was at stake for {task}, above its first cap of {cap} USD"
        self.figures["caps reached"] += len(self.person.reached)
        caps = {task: self.person.cap(task) for task in self.person.tasks} | {ALL: self.day_cap}
        for bill, peak in self.provider.peak.items():
            if peak > from_usd(caps[bill]):
                yield f"{shown(peak)} was at stake for {bill}, above its cap of {caps[bill]} USD"

    # --- tasks, questions ------------------------------------------------------------------------------

    def _tasks(self) -> Iterator[str]:
        known, broken = records.load_all(self.house.home)
        yield from (f"a record is broken: {each}" for each in broken)
        for task in self.person.tasks:
            record = known.get(task)
            if record is None:
                yield f"{task} was handed in and is lost"
            elif not isinstance(record.state, Done):
                yield f"{task} is {record.state.name}, not done: {record.state.reason}"
            else:
                self.figures["runs"] += record.runs
        yield from (f"still in the inbox: {each.name}" for each in self.house.home.inbox.glob("*.json"))

    def _answers(self) -> Iterator[str]:
        """Each question was asked once and answered once, and its agent was told that answer and no other."""
        known, _ = records.load_all(self.house.home)
        for step, numbers in self.person.asked.items():
            if len(numbers) > 1:
                yield f"asked more than once: {step} as {sorted(numbers)}"
        meant = {each.name for part in self.provider.parts.values() for each in part.steps
                 if each.kind in ("ask", "leave")}  # fmt: skip
        yield from (f"never asked: {each}" for each in sorted(meant - {*self.person.given}))
        for step, answer in self.person.given.items():
            record = known.get(step.partition(".")[0])
            kept = _kept_answers(record, step) if record else []
            if kept != [answer]:
                yield f"{step} was answered {answer!r}, its record holds {kept}"
            if self.provider.told[step] != {answer}:
                yield f"{step} was answered {answer!r}, its agent was told {sorted(self.provider.told[step])}"
        yield from (f"told, but never answered: {each}" for each in {*self.provider.told} - {*self.person.given})

    # --- what is left ----------------------------------------------------------------------------------

    def _left_behind(self) -> Iterator[str]:
        yield from (f"left behind: {each}" for each in self.house.processes())
        yield from (f"left behind: {each}" for each in self.house.sockets())
        yield from (f"still locked: {each}" for each in self.house.locks_held())
        self.figures["half-written files left"] += sum(1 for _ in _half_written(self.house.home.root))


def booked_wrongly(served: Served, lines: list[Line]) -> Iterator[str]:
    """What is wrong with the lines of one request that was served, in words."""
    booked = [line for line in lines if line.state != "void"]
    if len(booked) != 1:
        yield f"{served} has {len(booked)} lines in the ledger: {lines}"
        return
    (line,) = booked
    if line.run != served.run:
        yield f"{served} is booked on run {line.run}"
    if line.state == "settled" and (line.cost, line.request_id) != (served.cost, served.request_id):
        yield f"{served} is settled as {line}"
    if line.state == "estimated" and line.cost < served.cost:
        yield f"{served} is booked below its price: {line}"


def _kept_answers(record: Record, step: str) -> list[str]:
    asked = {each.number for each in record.questions if (found := STEP.search(each.text)) and found[1] == step}
    return [each.text for each in record.answers if each.number in asked]


def _half_written(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob(".*.tmp") if "/repo/" not in str(path))
