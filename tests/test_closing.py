"""The end of a day: told once while it goes on and once when it is over, drawn beside its report, never in its way."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from dayshift.alerts import OWN_CAP, Alert, Kind, of_cap, of_death, of_limit, still_true
from dayshift.conversation import Question
from dayshift.cost.budgets import called, day_window, task_window
from dayshift.day_facts import DayFacts
from dayshift.home import Home
from dayshift.limits import Kind as LimitKind
from dayshift.limits import Limit
from dayshift.logbook import timeline
from dayshift.model import Earlier
from dayshift.money import from_usd
from dayshift.notifying import closing
from dayshift.notifying.closing import closing_alert, is_over, pictured, tally
from dayshift.notifying.outbox import Outbox
from dayshift.reporting.report import render_markdown
from dayshift.states import Done, Failed, Parked, ParkReason, Queued, Running, Waiting
from dusk import Dusk
from metrics import Ledger
from tests.house import HOUR, NINE, TODAY, FakeClock
from tests.test_report import failed, finished, halted, record, rich_day
from tests.test_statement import settle

REPORT = Path("/home/results/2026-11-20-report.md")
BERLIN = "Europe/Berlin"
OVER = replace(rich_day(), records=(finished(), failed(), halted()))
GOES_ON = replace(OVER, records=(*OVER.records, record("task-9", Running(NINE, 1))), ended_at=None)
REHEARSED = replace(OVER, rehearsal=True)


def told(facts: DayFacts) -> Alert:
    return closing_alert(facts, REPORT, None, NINE)


# --- the alert -------------------------------------------------------------------------------------


def test_the_alert_is_the_day_in_a_few_lines() -> None:
    alert = closing_alert(OVER, REPORT, REPORT.with_name("2026-11-20-day.png"), NINE)
    assert alert.title == "The day of 2026-11-20 is over: 1 done, 1 failed, 1 halted"
    assert alert.kind is Kind.report
    assert alert.files == (str(REPORT), "/home/results/2026-11-20-day.png")
    lines = alert.text.split("\n")
    assert lines[0] == "Spent $4.21 of $50.00."
    assert "2 forbidden commands were refused (git commit -m done, psql shop)" in lines[1]
    assert lines[2:] == [
        "Needs you:",
        "- task-4 (Name of task-4) halted: 2 blocked attempts",
        "- task-3 (Name of task-3) failed: validation failed twice",
    ]


def test_what_waits_for_the_person_is_named_by_its_first_line() -> None:
    asked = Question("task-2", 1, "Keep the old route?\nIt is used by two clients.", NINE)
    waiting = record("task-2", Waiting(NINE, 1), questions=(asked,))
    stuck = record("task-5", Parked(NINE, ParkReason.stuck, "the same twice"))
    many = [record(f"x-{number:02d}", Failed(NINE, "y" * 400)) for number in range(12)]
    text = told(replace(GOES_ON, records=(waiting, stuck, *many))).text
    assert text.endswith("- and 4 more")
    assert all(len(line) <= 160 for line in text.split("\nNeeds you:\n")[1].split("\n"))
    text = told(replace(GOES_ON, records=(waiting, stuck))).text
    assert "- task-2 (Name of task-2) waiting: Keep the old route?\n- task-5 (Name of task-5) parked: stuck" in text


def test_it_is_told_once_while_the_day_goes_on_and_once_when_it_is_over() -> None:
    keys = [told(facts).key for facts in (GOES_ON, OVER, REHEARSED)]
    assert len(set(keys)) == 3
    assert keys[0] == told(replace(GOES_ON, spent=0)).key
    assert "goes on: 1 done" in told(GOES_ON).title
    assert keys[2] != told(replace(REHEARSED, started_at=NINE + HOUR)).key  # each rehearsal has its own


def test_a_day_that_was_stopped_is_not_over() -> None:
    assert is_over(OVER) and not is_over(GOES_ON)
    stopped = record("task-9", Parked(NINE, ParkReason.stop))
    assert not is_over(replace(OVER, records=(*OVER.records, stopped)))
    assert not is_over(replace(OVER, records=()))


def test_unknown_spend_and_no_cap_are_said() -> None:
    assert told(replace(OVER, spent=None, cap=None)).text.startswith("Spent unknown without a cap for the day.")
    assert told(REHEARSED).text.startswith("Pretended spend $4.21")
    assert tally(()) == "no task"


# --- the picture -----------------------------------------------------------------------------------


def test_the_picture_shows_every_task_with_its_time_and_cost() -> None:
    history = tuple(
        timeline.Entry("task-1", NINE, state, "", NINE + minutes * timedelta(minutes=1))
        for state, minutes in (("queued", 0), ("running", 5), ("done", 60))
    )
    done = record("task-1", Done(NINE + HOUR))
    facts = replace(OVER, records=(failed(), done), ended_at=NINE + HOUR, timezone=BERLIN)
    drawn = pictured(facts, history, ((NINE, 5),), NINE + 9 * HOUR)
    assert drawn.title == ("2026-11-20", "1 done, 1 failed", "$4.21 of $50.00")
    assert (drawn.cap, drawn.charges, drawn.until, drawn.timezone) == (
        from_usd("50"),
        ((NINE, 5),),
        NINE + HOUR,
        BERLIN,
    )
    rows = {row.label: row for row in drawn.rows}
    assert [(bar.state, bar.begin - NINE) for bar in rows["task-1 Name of task-1"].bars] == [
        ("queued", timedelta()),
        ("running", timedelta(minutes=5)),
    ]
    assert (rows["task-1 Name of task-1"].cost, rows["task-3 Name of task-3"].cost) == ("$1.00", "unknown")
    assert rows["task-3 Name of task-3"].state == "failed"


async def test_the_day_is_drawn_beside_its_report_from_ledger_and_history(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make_folders()
    ledger = Ledger.open(home.ledger(rehearsal=False))
    settle(ledger, from_usd("2"))
    ledger.close()
    timeline.note(home, record("task-1", Queued(NINE)))
    path = await closing.draw(home, OVER, NINE + HOUR)
    assert path == home.results / "2026-11-20-day.png"
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")
    await closing.draw(home, OVER, NINE + 2 * HOUR)
    assert path.read_bytes() == before  # the day is over: it is the same whenever it is drawn


async def test_a_picture_that_cannot_be_drawn_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path)
    home.make_folders()
    home.ledger(rehearsal=False).write_bytes(b"no ledger" * 1000)
    assert await closing.draw(home, OVER, NINE) is None
    assert "picture could not be drawn" in caplog.text
    assert not home.picture(TODAY, rehearsal=False).exists()


def test_the_report_shows_the_picture_only_if_there_is_one() -> None:
    named = "Time and spend as one image: [2026-11-20-day.png](2026-11-20-day.png)."
    assert named not in render_markdown(OVER)
    assert named in render_markdown(replace(OVER, picture="2026-11-20-day.png"))


# --- when ------------------------------------------------------------------------------------------


class Evening:
    """A dusk over a day that the test changes."""

    def __init__(self, folder: Path, facts: DayFacts, draws: bool = False) -> None:
        self.home, self.clock, self.facts = Home(folder), FakeClock(), facts
        self.home.make_folders()
        self.alerts: list[Alert] = []
        self.replies: list[tuple[str, str, bool]] = []
        self.git_seconds, self.looks_back = 0.0, 0
        self.dusk = Dusk(
            self.home, self.clock, "UTC", time(18), lambda: self.facts.records, lambda: self.facts,
            self.alerts.append, self.reply, draws, look_back=self.look_back,
        )  # fmt: skip

    def reply(self, request: str, lines: list[str], ok: bool) -> None:
        self.replies.append((request, *lines, ok))  # type: ignore[arg-type]

    async def look_back(self) -> None:
        self.looks_back += 1
        await asyncio.sleep(self.git_seconds)

    async def looks(self) -> list[str]:
        """A look at the day, and what it made known."""
        self.alerts.clear()
        self.dusk.look()
        await asyncio.gather(*(each for each in asyncio.all_tasks() if each.get_name() == "dusk"))
        return [alert.title.split(":")[0] for alert in self.alerts]

    @property
    def report(self) -> Path:
        return self.home.results / "2026-11-20-report.md"


async def test_git_is_asked_before_the_facts_are_and_meanwhile_others_have_their_turn(tmp_path: Path) -> None:
    evening, seen = Evening(tmp_path, OVER), list[str]()

    async def look_back() -> None:
        await asyncio.sleep(0.01)
        seen.append("git")

    def facts() -> DayFacts:
        seen.append("facts")
        return OVER

    dusk = Dusk(evening.home, evening.clock, "UTC", time(18), lambda: OVER.records, facts, evening.alerts.append,
                evening.reply, draws=False, look_back=look_back)  # fmt: skip
    asyncio.get_running_loop().call_later(0.005, seen.append, "another")
    await dusk.end()
    assert seen[:3] == ["another", "git", "facts"]


async def test_all_who_ask_for_the_report_by_then_have_one_and_who_asks_later_another(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    evening.git_seconds = 0.02
    for request in "ab":
        evening.dusk.take(request)
    assert evening.replies == []  # the loop is free meanwhile
    while not evening.replies:
        await asyncio.sleep(0)
    evening.dusk.take("c")
    await asyncio.gather(*(each for each in asyncio.all_tasks() if each.get_name() == "report"))
    assert evening.replies == [(request, str(evening.report), True) for request in "abc"]
    assert evening.looks_back == 2


async def test_a_report_that_was_asked_for_is_answered_before_the_end(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    evening.git_seconds = 0.02
    evening.dusk.take("a")
    await evening.dusk.end()
    assert evening.replies == [("a", str(evening.report), True)]


@pytest.mark.parametrize("fault", ["the disk", "git"])
async def test_who_asks_for_a_report_that_cannot_be_written_hears_why(tmp_path: Path, fault: str) -> None:
    evening = Evening(tmp_path, GOES_ON)
    evening.report.mkdir()
    evening.git_seconds = 0.0 if fault == "the disk" else "no number"  # type: ignore[assignment]
    evening.dusk.take("a")
    await asyncio.gather(*(each for each in asyncio.all_tasks() if each.get_name() == "report"))
    [(request, why, ok)] = evening.replies
    assert (request, ok) == ("a", False) and why.startswith("the report could not be written: ")


async def test_the_report_is_told_at_its_hour_once_a_day(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    assert await evening.looks() == [] and not evening.report.exists()
    evening.clock.time = NINE + 9 * HOUR
    assert await evening.looks() == ["The day of 2026-11-20 goes on"]
    assert await evening.looks() == [] and evening.report.exists()
    evening.clock.time += 24 * HOUR
    evening.facts = replace(GOES_ON, spent=from_usd("5"))
    assert await evening.looks() == ["The day of 2026-11-20 goes on"]


async def test_what_begins_after_the_hour_is_told_at_its_end_alone(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    late = NINE + 10 * HOUR
    evening.facts = replace(GOES_ON, records=tuple(replace(each, created_at=late) for each in GOES_ON.records))
    evening.clock.time = late
    assert await evening.looks() == []
    evening.facts = OVER
    assert await evening.looks() == ["The day of 2026-11-20 is over"]


async def test_over_restarts_an_evening_is_told_once_and_the_next_evening_too(tmp_path: Path) -> None:
    told, outbox = [], Outbox.open(tmp_path / "outbox.sqlite3")
    for hours in (9, 10, 33, 9, 34):  # a clock that is set back as well
        evening = Evening(tmp_path, GOES_ON)
        evening.clock.time = NINE + hours * HOUR
        await evening.looks()
        told += [(hours, alert.key) for alert in evening.alerts if outbox.add(alert)]
    outbox.close()
    key = "report:day:2026-11-20:going on"
    assert told == [(9, key), (33, f"{key}:2026-11-21")]


async def test_a_daemon_that_was_away_at_the_hour_tells_it_when_it_is_back(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    evening.clock.time = NINE + 10 * HOUR
    assert await evening.looks() == ["The day of 2026-11-20 goes on"]
    slept = Evening(tmp_path, GOES_ON)
    await slept.looks()
    slept.clock.time = NINE + 23 * HOUR
    assert await slept.looks() == ["The day of 2026-11-20 goes on"]


async def test_a_day_taken_up_after_the_hour_is_told_at_its_end_however_old_its_tasks(tmp_path: Path) -> None:
    late = NINE + 10 * HOUR
    step = Earlier(TODAY - timedelta(days=1), late, 1, 1)
    carried = tuple(replace(each, earlier=(step,)) for each in GOES_ON.records)
    of_yesterday = replace(GOES_ON.records[0], day=TODAY - timedelta(days=1))
    evening = Evening(tmp_path, replace(GOES_ON, records=(*carried, of_yesterday)))
    evening.clock.time = late
    assert await evening.looks() == []


async def test_the_end_that_comes_while_the_evening_is_drawn_is_told_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drawn(*facts: object) -> None:
        await asyncio.sleep(0.05)

    monkeypatch.setattr(closing, "draw", drawn)
    evening = Evening(tmp_path, GOES_ON, draws=True)
    await evening.looks()
    evening.clock.time = NINE + 9 * HOUR
    evening.dusk.look()
    await asyncio.sleep(0.01)
    evening.facts = OVER
    assert await evening.looks() == ["The day of 2026-11-20 goes on"]
    assert await evening.looks() == ["The day of 2026-11-20 is over"]


async def test_the_end_of_the_day_is_told_when_it_comes(tmp_path: Path) -> None:
    evening = Evening(tmp_path, GOES_ON)
    await evening.looks()
    evening.facts = OVER
    assert await evening.looks() == ["The day of 2026-11-20 is over"]
    evening.alerts.clear()
    assert await evening.dusk.end() == evening.report
    assert evening.alerts == []  # it is told already


async def test_what_was_over_before_is_not_told_again(tmp_path: Path) -> None:
    assert await Evening(tmp_path, OVER).looks() == []


async def test_a_daemon_that_ends_with_its_day_tells_it_and_draws_it(tmp_path: Path) -> None:
    evening = Evening(tmp_path, OVER, draws=True)
    await evening.dusk.end()
    (alert,) = evening.alerts
    assert alert.files == (str(evening.report), str(evening.home.picture(TODAY, rehearsal=False)))


async def test_a_daemon_that_was_stopped_writes_its_report_and_tells_nothing(tmp_path: Path) -> None:
    evening = Evening(tmp_path, replace(GOES_ON, records=(record("task-9", Parked(NINE, ParkReason.stop)),)))
    await evening.dusk.end()
    assert evening.report.exists() and evening.alerts == []


async def test_a_report_that_fails_is_no_end_of_the_daemon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evening = Evening(tmp_path, GOES_ON)
    evening.report.mkdir()
    evening.clock.time = NINE + 9 * HOUR
    evening.dusk.look()
    await asyncio.wait([each for each in asyncio.all_tasks() if each.get_name() == "dusk"])
    await asyncio.sleep(0)
    assert "the day's report: IsADirectoryError" in caplog.text


# --- the other alerts of a day -----------------------------------------------------------------------


def test_a_death_is_told_with_its_beginning_and_one_key() -> None:
    earlier = {"pid": 4711, "started_at": "2026-11-20T07:30:00Z", "rehearsal": False}
    alert = of_death(earlier, NINE, BERLIN)
    assert alert.text.startswith("It had run since 08:30. ")
    assert of_death(earlier, NINE + HOUR, "UTC").key == alert.key
    assert of_death({**earlier, "pid": 4712}, NINE, BERLIN).key != alert.key
    assert of_death({}, NINE, BERLIN).text.startswith("Nothing was spent")
    assert still_true(alert, None, NINE + 100 * HOUR)


@pytest.mark.parametrize(
    ("limit", "title", "until"),
    [
        (Limit(LimitKind.usage_limit, until=NINE + 5 * HOUR), "The provider serves no agent until 15:00", 5),
        (Limit(LimitKind.usage_limit, until=NINE + 50 * HOUR), "The provider serves no agent until 22 Nov 12:00", 50),
        (Limit(LimitKind.rate_limited, after=HOUR), "The provider serves no agent until 11:00", 1),
        (Limit(LimitKind.overloaded), "The provider serves no agent", 12),
        (Limit(LimitKind.credit, detail="HTTP 402"), "The provider serves no agent", None),
    ],
    ids=["today", "another day", "a pause", "no end known", "the person ends it"],
)
def test_a_limit_is_told_with_its_end_by_the_persons_clock(limit: Limit, title: str, until: int | None) -> None:
    alert = of_limit(limit, NINE, BERLIN)
    assert (alert.title, alert.until) == (title, NINE + until * HOUR if until else None)
    assert alert.text.startswith(limit.kind)


def test_a_cap_is_told_once_a_day_and_a_tasks_own_for_each_task() -> None:
    def key(task: str, window: str) -> str:
        return of_cap(record(task, Running(NINE, 1)), called(window), "$5.00 of $5.00 are spent", NINE).key

    day, own = day_window(TODAY), task_window(TODAY, "a")
    assert called(own) == OWN_CAP
    assert key("a", day) == key("b", day) != key("a", own) != key("b", own)
    alert = of_cap(record("a", Running(NINE, 1)), called(day), "$5.00 of $5.00 are spent", NINE)
    assert alert.title == "The cap of 2026-11-20 allows no more"
    assert of_cap(record("a", Running(NINE, 1)), OWN_CAP, "", NINE).title.startswith("a (Name of a): the task's own")
