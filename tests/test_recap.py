"""The month or week that is over: archived once, whatever died in between; no counter needs a reset."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dayshift.claude import claude_binary
from dayshift.cost.booking import Admitted, Refused, Reservation
from dayshift.cost.budgets import Subject, windows
from dayshift.cost.prices import load_prices
from dayshift.cost.statement import Account, Statement, statement
from dayshift.guard.policy_file import load_policy
from dayshift.home import Home
from dayshift.inputs.settings import Budget, Settings
from dayshift.model import Record, Tokens, Usage
from dayshift.money import from_usd
from dayshift.notices import Notice
from dayshift.proving.preparation import Preparation
from dayshift.recaps import recap
from dayshift.recaps.recap_facts import Recap
from dayshift.sandboxing import toolchain
from metrics import Ledger
from tests.command_line import ROOT, run
from tests.house import FakeClock
from treasury import Treasury

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USED = Usage("sonnet", Tokens(10, 20))
BUDGET = Budget.model_validate(
    {"monthly_usd": 10, "milestones_usd": [1, 2, 5], "projects": {"shop": {"monthly_usd": 8}}}
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


@pytest.fixture
def ledger(home: Home) -> Ledger:
    return Ledger.open(home.ledger(rehearsal=False))


def reserve(
    ledger: Ledger, day: date, worst: str = "1", account: Account = "api", task: str = "t"
) -> Admitted | Refused:
    caps = windows(BUDGET, Subject(day, task, "/home/me/shop", "anthropic", account, None, from_usd(9)), day, None)
    outcome = ledger.reserve(
        Reservation(task, 1, day, "sonnet", "x", from_usd(worst), caps, NOON, file_day=day, project="/home/me/shop",
                    account=account)
    )  # fmt: skip
    assert isinstance(outcome, Admitted | Refused)
    return outcome


def spend(ledger: Ledger, day: date, amount: str, account: Account = "api", task: str = "t") -> None:
    outcome = reserve(ledger, day, amount, account, task)
    assert isinstance(outcome, Admitted)
    ledger.settle(outcome.id, USED, from_usd(amount), "r", NOON)


def gathered(home: Home, period: str) -> Recap:
    with statement(home.ledger(rehearsal=False)) as books:
        return recap.gather(home, books, period)


# --- the files ---------------------------------------------------------------------------------------


def test_the_recap_holds_every_row_of_the_month_and_none_of_another(home: Home, ledger: Ledger) -> None:
    for day, amount in (
        (date(2026, 10, 31), "4"),
        (date(2026, 11, 1), "1"),
        (date(2026, 11, 30), "2"),
        (date(2026, 12, 1), "7"),
    ):
        spend(ledger, day, amount)
    spend(ledger, date(2026, 11, 15), "3", "plan", task="other")
    found = recap.as_json(gathered(home, "2026-11"))
    assert found["spent"]["total"]["cost_usd"] == "3.00"
    assert found["notional"]["total"]["cost_usd"] == "3.00"
    keys = {kind: [row["key"] for row in rows] for kind, rows in found["spent"]["by"].items()}
    assert keys == {
        "day": ["2026-11-01", "2026-11-30"], "week": ["2026-W44", "2026-W49"], "model": ["sonnet"],
        "task": ["2026-11-01/t", "2026-11-30/t"], "project": ["/home/me/shop"], "provider": ["anthropic"],
    }  # fmt: skip
    caps = {each["window"]: (each["cap_usd"], each["spent_usd"]) for each in found["caps"]}
    assert caps["month:2026-11"] == ("10.00", "3.00")
    assert caps["project:/home/me/shop/month:2026-11"] == ("8.00", "3.00")
    assert caps["day:2026-11-30"] == ("9.00", "2.00")
    assert all("2026-11" in window for window in caps)


def test_a_person_reads_sums_bar_milestones_and_tables(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 11, 1), "5")
    spend(ledger, date(2026, 11, 2), "1", "plan")
    ledger.memoranda.notify("milestone:month:2026-11:1.00", "$1.00 of November 2026 reached", NOON)
    ledger.memoranda.notify("milestone:month:2026-10:1.00", "$1.00 of October 2026 reached", NOON)
    found = gathered(home, "2026-11")
    text = recap.render(found)
    assert text.startswith(
        "# November 2026\n\nSpent: **$5.00** of $10.00 `[##########----------] 50 %` in 1 request.\n"
    )
    assert "- $1.00 of November 2026 reached" in text.replace("\\", "")
    assert "October" not in text
    assert "## On a plan" in text
    assert "\n\n\n" not in text
    assert recap.render(found) == text
    told = recap.notice(found, Path("results/2026-11-recap.md"))
    assert told.name == "recap:2026-11"
    assert told.text == (
        "November 2026 is over: $5.00 spent of $10.00  [##########----------] 50 %; "
        "on a plan, notional: $1.00; 2 tasks. All of it: results/2026-11-recap.md"
    )


def test_what_an_agent_may_have_named_is_inert(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 11, 1), "1", task="t|<b>x</b>\n# Title")
    text = recap.render(gathered(home, "2026-11"))
    assert "\n# Title" not in text
    assert "<b>" not in text.replace("`2026-11-01/t\\|<b>x</b> # Title`", "")


def test_the_caps_of_dollars_stand_before_those_of_a_plan(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 10, 5), "1")
    spend(ledger, date(2026, 10, 6), "1", "plan")
    on_a_plan = [each.name.startswith("plan/") for each in gathered(home, "2026-10").budgets]
    assert on_a_plan == sorted(on_a_plan) and {*on_a_plan} == {True, False}


def test_a_request_whose_end_is_unknown_is_named_by_number(home: Home, ledger: Ledger) -> None:
    outcome = reserve(ledger, date(2026, 10, 5), "1")
    assert isinstance(outcome, Admitted)
    ledger.settle_unknown(outcome.id, NOON)
    said = "Of it $1.00 is the most that 1 request can have cost whose end is unknown."
    assert said in recap.render(gathered(home, "2026-10"))


def test_report_shows_the_recap_of_a_month(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 10, 1), "1")
    path = recap.write(home, gathered(home, "2026-10"))
    assert run(home, "report", "2026-10").stdout == path.read_text()
    assert json.loads(run(home, "report", "2026-10", "--json").stdout)["month"] == "2026-10"
    absent = run(home, "report", "2026-09")
    assert absent.returncode == 2
    assert "there are: 2026-10" in absent.stderr


# --- once ----------------------------------------------------------------------------------------------


def prepared(home: Home, rehearsal: bool = False) -> Preparation:
    settings = Settings(budget=BUDGET)
    return Preparation(
        home=home, settings=settings, policy=load_policy(ROOT / "config" / "policy.yaml"),
        prices=load_prices({}, NOON.date()), cli=claude_binary.Cli(Path("/bin/true"), (9,)),
        tools=toolchain.detect("/usr/bin", Path("/nonexistent")), credential={}, upstream="", provider="anthropic",
        subscription=False, environment={}, rehearsal=rehearsal,
    )  # fmt: skip


def opened(facts: Preparation, clock: FakeClock, said: list[str]) -> Treasury:
    """A treasury that nobody works in; what it tells is said."""

    def tell(notice: Notice) -> None:
        said.append(notice.text)

    nobody: dict[str, Record] = {}
    return Treasury(facts, clock, nobody.__getitem__, lambda: None, lambda event: None, said.append, tell)


def looked(home: Home, at: datetime, during: Callable[[Treasury], None] = lambda _: None, **kind: bool) -> list[str]:
    """What a daemon says that is opened at that moment, looks twice, and is closed."""
    clock = FakeClock()
    said: list[str] = []
    clock.time = at

    async def live() -> None:
        treasury = opened(prepared(home, **kind), clock, said)
        await treasury.look([])
        during(treasury)
        await treasury.look([])
        await treasury.close([])
        treasury.let_go()

    asyncio.run(live())
    return [text for text in said if " is over: " in text]


def of_months(texts: list[str]) -> list[str]:
    return [text for text in texts if not text.startswith("Week ")]


def results(home: Home) -> list[str]:
    return sorted(path.name for path in home.results.iterdir())


def test_after_weeks_of_being_off_every_month_with_a_request_gets_its_recap_once(home: Home, ledger: Ledger) -> None:
    for day in (date(2026, 8, 5), date(2026, 10, 31), date(2026, 12, 3)):
        spend(ledger, day, "1")
    told = of_months(looked(home, datetime(2026, 12, 9, tzinfo=UTC)))
    assert [text[:12] for text in told] == ["August 2026 ", "October 2026"]
    assert [name for name in results(home) if "W" not in name] == [
        "2026-08-recap.md", "2026-08.json", "2026-10-recap.md", "2026-10.json",
    ]  # fmt: skip
    assert looked(home, datetime(2026, 12, 9, 1, tzinfo=UTC)) == []
    assert [text[:13] for text in looked(home, datetime(2027, 1, 1, tzinfo=UTC))] == ["December 2026"]


def test_of_weeks_the_last_one_with_a_request_gets_its_recap_once_and_none_before(home: Home, ledger: Ledger) -> None:
    for day in (date(2026, 11, 3), date(2026, 11, 12), date(2026, 11, 23)):
        spend(ledger, day, "1")
    (told,) = looked(home, datetime(2026, 11, 23, 9, tzinfo=UTC))
    assert told == (
        "Week 2026-W46, 9 to 15 November 2026 is over: $1.00 spent; 1 task. "
        f"All of it: {home.results}/2026-W46-recap.md"
    )
    assert results(home) == ["2026-W46-recap.md", "2026-W46.json"]
    assert looked(home, datetime(2026, 11, 29, 23, 59, tzinfo=UTC)) == []
    told_next = looked(home, datetime(2026, 11, 30, tzinfo=UTC))
    assert [text[:13] for text in told_next] == ["Week 2026-W48"]


def test_the_month_turns_for_a_daemon_that_stays_up(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 11, 30), "1")

    def turn(treasury: Treasury) -> None:
        treasury._clock.time = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)  # type: ignore[attr-defined]

    (text,) = of_months(looked(home, datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), turn))
    assert text.startswith("November 2026")


def test_a_request_still_under_way_at_the_turn_is_waited_for(home: Home, ledger: Ledger) -> None:
    def leave_open(treasury: Treasury) -> None:
        open_ones.append(reserve(ledger, date(2026, 10, 31), "2"))

    def settle(treasury: Treasury) -> None:
        assert results(home) == []
        (booking,) = open_ones
        assert isinstance(booking, Admitted)
        ledger.settle(booking.id, USED, from_usd("1.50"), "r", NOON)

    open_ones: list[Admitted | Refused] = []
    looked(home, datetime(2026, 10, 31, tzinfo=UTC), leave_open)
    clock = FakeClock()
    said: list[str] = []
    clock.time = datetime(2026, 11, 1, tzinfo=UTC)

    async def live() -> None:
        treasury = opened(prepared(home), clock, said)
        open_ones[:] = [reserve(ledger, date(2026, 10, 31), "2")]
        await treasury.look([])
        settle(treasury)
        await treasury.look([])
        await treasury.close([])
        treasury.let_go()

    asyncio.run(live())
    (text,) = of_months([text for text in said if " is over: " in text])
    assert "$3.50 spent" in text  # the one a daemon left open is charged at its worst case, the other at its cost


def test_a_crash_between_file_and_notice_loses_nothing_and_one_after_it_repeats_nothing(
    home: Home, ledger: Ledger
) -> None:
    spend(ledger, date(2026, 10, 1), "1")
    recap.write(home, gathered(home, "2026-10"))  # it died here: the file is there, nobody was told
    assert len(of_months(looked(home, NOON))) == 1
    assert looked(home, NOON) == []


def test_a_kept_notice_that_was_not_told_is_told_by_the_next_daemon(home: Home, ledger: Ledger) -> None:
    spend(ledger, date(2026, 10, 1), "1")
    found = gathered(home, "2026-10")
    kept = recap.notice(found, recap.write(home, found))
    ledger.memoranda.notify(kept.name, kept.text, NOON)
    assert of_months(looked(home, NOON)) == [kept.text]


def test_a_disk_that_takes_no_recap_costs_the_daemon_nothing_and_the_next_one_writes_it(
    home: Home, ledger: Ledger
) -> None:
    spend(ledger, date(2026, 10, 1), "1")
    in_the_way = home.results / "2026-10.json"
    in_the_way.mkdir()
    assert of_months(looked(home, NOON)) == []
    in_the_way.rmdir()
    assert len(of_months(looked(home, NOON))) == 1


def test_rehearsals_have_no_months(home: Home) -> None:
    spend(Ledger.open(home.ledger(rehearsal=True)), date(2026, 10, 1), "1")
    assert looked(home, NOON, rehearsal=True) == []
    assert results(home) == []


# --- counters --------------------------------------------------------------------------------------------


def test_a_new_month_begins_at_zero_without_a_reset_and_the_old_one_stays(home: Home, ledger: Ledger) -> None:
    for number in range(4):
        spend(ledger, date(2026, 11, 27 + number), "2")
    assert isinstance(reserve(ledger, date(2026, 11, 30), "2.50"), Refused)
    assert isinstance(reserve(ledger, date(2026, 12, 1), "2.50"), Admitted)
    assert ledger.spend("month:2026-11").settled == from_usd(8)
    assert ledger.spend("month:2026-12").settled == 0
    assert ledger.spend("week:2026-W49").settled == from_usd(2)  # the week goes on over the month's end
    assert Statement(ledger.connection).periods("month") == ("2026-11", "2026-12")
    assert ledger.audit() == []
