"""The treasury: a daemon's money from its start to its end, and what the next one makes of what it left."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayshift.claude import claude_binary
from dayshift.cost.prices import load_prices
from dayshift.cost.statement import statement
from dayshift.files import Unusable
from dayshift.guard.policy_file import load_policy
from dayshift.home import Home
from dayshift.inputs.settings import Budget, Settings
from dayshift.model import Day, Record, Task, Tokens, Usage
from dayshift.money import Pico, from_usd
from dayshift.proving.preparation import Preparation
from dayshift.sandboxing import toolchain
from dayshift.states import Done, Queued, State
from group_commit import GroupCommit
from metrics import Ledger
from tests.command_line import ROOT
from tests.histories_of_money import body
from tests.house import NINE, FakeClock
from treasury import Treasury

MODEL = "claude-sonnet-5-5"


class Office:
    """A home whose treasury is opened as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.make_folders()
        self.clock = FakeClock()
        self.budget = Budget(daily_usd=Decimal(10), warn_at=(Decimal("0.75"),))
        self.subscription, self.day_file_cap = False, None
        self.said: list[str] = []
        self.records = {"t": self.record("t", Queued(NINE))}

    def record(self, task_id: str, state: State) -> Record:
        return Record(Task(task_id, "Name", "words", MODEL), NINE.date(), "/projects/shop", state, NINE, runs=1)

    def opened(self) -> Treasury:
        prepared = Preparation(
            home=self.home, settings=Settings(budget=self.budget), policy=load_policy(ROOT / "config" / "policy.yaml"),
            prices=load_prices({}, NINE.date()), cli=claude_binary.Cli(Path("/bin/true"), (9,)),
            tools=toolchain.detect("/usr/bin", Path("/nonexistent")), credential={}, upstream="", provider="anthropic",
            subscription=self.subscription, environment={}, rehearsal=False,
        )  # fmt: skip
        return Treasury(
            prepared,
            self.clock,
            self.records.__getitem__,
            self.day,
            lambda event: None,
            self.said.append,
            lambda notice: self.said.append(notice.text),
        )

    def day(self) -> Day | None:
        return Day(NINE.date(), "/projects/shop", (), max_cost=self.day_file_cap)

    def lived(self, during: Callable[[Treasury], Awaitable[Any]], died: bool = False) -> Any:
        """A daemon's life, to an orderly end or not."""

        async def live() -> Any:
            treasury = self.opened()
            found = await during(treasury)
            if not died:
                await treasury.close(self.records.values())
            treasury.let_go()
            return found

        return asyncio.run(live())

    def read(self) -> Ledger:
        return Ledger.open(self.home.ledger(rehearsal=False))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def spend(treasury: Treasury, dollars: float) -> None:
    """A dollar is 500,000 tokens of input."""
    booking = await treasury.admission.admit("t", body(MODEL, 1000, 1), {})
    assert isinstance(booking, int), booking
    usage = Usage(MODEL, Tokens(input=round(dollars * 500_000)), geo="global", raw={})
    await treasury.admission.settle(booking, usage, "req")


def warnings(said: list[str]) -> list[str]:
    return [text for text in said if text.startswith("75 %")]


def test_what_a_dead_daemon_left_open_is_charged_before_the_next_one_admits(office: Office) -> None:
    async def leave_open(treasury: Treasury) -> None:
        assert isinstance(await treasury.admission.admit("t", body(MODEL, 1000, 1), {}), int)

    office.lived(leave_open, died=True)

    async def spent(treasury: Treasury) -> tuple[Pico, Pico]:
        line = treasury.spend(office.records["t"])
        assert line.settled is not None
        return line.settled, line.reserved

    cost, reserved = office.lived(spent)
    assert cost > 0 and reserved == 0


def test_a_notice_that_was_kept_when_the_daemon_died_is_told_by_the_next_and_then_no_more(office: Office) -> None:
    async def spend_much(treasury: Treasury) -> None:
        await spend(treasury, 8)

    office.lived(spend_much, died=True)
    assert warnings(office.said) == []

    async def look(treasury: Treasury) -> None:
        await treasury.look([])

    office.lived(look)
    office.lived(look)
    assert len(warnings(office.said)) == 1


def test_how_a_task_ended_is_kept_for_the_forecast_and_kept_anew_when_it_ends_otherwise(office: Office) -> None:
    async def end(treasury: Treasury) -> None:
        await spend(treasury, 2)
        await treasury.look([office.records["t"]])
        office.records["t"] = office.record("t", Done(NINE))
        await treasury.look(office.records.values())

    office.lived(end)
    with statement(office.home.ledger(rehearsal=False)) as books:
        assert books
        (past,) = books.past_tasks()
    assert (past.cost, past.project) == (from_usd(2), "/projects/shop")


def test_each_day_has_one_backup_also_for_a_daemon_that_stays_up(office: Office) -> None:
    async def two_days(treasury: Treasury) -> None:
        for _ in range(3):
            await treasury.look([])
        office.clock.time += timedelta(days=1)
        await treasury.look([])

    office.lived(two_days)
    copies = sorted(path.name for path in (office.home.ledger(False).parent / "backups").iterdir())
    assert copies == ["ledger-2026-11-20.sqlite3", "ledger-2026-11-21.sqlite3"]


@pytest.mark.parametrize(("file", "cap"), [(None, 10), (3, 3), (30, 10)])
def test_the_days_cap_is_the_lower_of_the_day_files_and_the_homes(office: Office, file: int | None, cap: int) -> None:
    office.day_file_cap = None if file is None else from_usd(file)  # type: ignore[assignment]

    async def found(treasury: Treasury) -> Pico:
        return treasury.day_cap

    assert office.lived(found) == from_usd(cap)


def test_on_a_plan_amounts_are_notional_and_are_said_to_be(office: Office) -> None:
    office.subscription = True

    async def spent(treasury: Treasury) -> str:
        await spend(treasury, 2)
        return treasury.guarantee(fenced=True)

    assert "no bill" in office.lived(spent)
    ledger = office.read()
    assert ledger.spend("plan/day:2026-11-20").settled == from_usd(2)
    assert ledger.spend("day:2026-11-20").settled == 0
    ledger.close()


def test_a_ledger_that_cannot_be_trusted_opens_no_treasury(office: Office) -> None:
    ledger = office.read()
    ledger.connection.execute("INSERT INTO budget VALUES ('total', NULL, 5, 0)")
    ledger.close()
    with pytest.raises(Unusable, match="total: settled"):
        office.opened()


def test_prices_are_those_of_the_day_asked_for(office: Office) -> None:
    async def found(treasury: Treasury) -> bool:
        return treasury.prices(date(2026, 11, 20)) is treasury.prices(date(2026, 11, 20))

    assert office.lived(found)
    assert datetime(2026, 11, 20, tzinfo=UTC).date() == NINE.date()


def test_a_write_that_the_ledger_does_not_take_does_not_end_the_day(office: Office) -> None:
    async def live(treasury: Treasury) -> None:
        await spend(treasury, 8)
        other = office.read()
        other.connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON notice BEGIN SELECT RAISE(ABORT, 'as on a full disk'); END"
        )
        await treasury.look([])
        assert other.memoranda.untold()
        other.connection.execute("DROP TRIGGER full")
        await treasury.look([])
        assert not other.memoranda.untold()
        other.close()

    office.lived(live)


def test_how_many_tasks_ended_is_kept_in_one_commit(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    made = GroupCommit._made_together

    def counted(self: GroupCommit, writes: list[Any]) -> Any:
        commits.append(len(writes))
        return made(self, writes)

    monkeypatch.setattr(GroupCommit, "_made_together", counted)
    office.records = {f"t{number}": office.record(f"t{number}", Done(NINE)) for number in range(200)}

    async def look(treasury: Treasury) -> None:
        for _ in range(3):
            await treasury._keep_outcomes(office.records.values())

    office.lived(look)
    assert len(commits) < 10
