"""Alerts: which changes of a task are told, under which keys, when one is stale, how a burst is put together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dayshift import alerts
from dayshift.alerts import (
    ALONE,
    MOST_APART,
    PRESSING,
    Alert,
    Kind,
    bundles,
    of_cap,
    of_change,
    of_death,
    of_limit,
    of_money,
    quiet,
    still_true,
    which,
)
from dayshift.attempts import Blocked, Bypass
from dayshift.evidence import Finding, Who
from dayshift.limits import Kind as LimitKind
from dayshift.limits import Limit
from dayshift.model import Record
from dayshift.money import from_usd
from dayshift.notices import milestones, shares
from dayshift.states import Cancelled, Done, Failed, Halted, Parked, ParkReason, Queued, Running, State, Waiting
from tests.house import HOUR, NINE, question, record, task

BLOCKED = Blocked(NINE, "Bash", "git push", "git-network", "no network")
BYPASS = Bypass(NINE, "Bash", "git push", "git-write", "was run without leave of the hook")
WORKING = record(Running(NINE, 1))


def told(before: Record | None, after: Record, doing: str = "") -> list[Alert]:
    return list(of_change(before, after, doing, NINE))


def keys(before: Record | None, after: Record) -> list[str]:
    """The keys without which task they are of."""
    return [alert.key.replace(which(after), "a") for alert in told(before, after)]


def news(key: str, kind: Kind = Kind.failed) -> Alert:
    return Alert(key, kind, key, NINE)


# --- what is one ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "key"),
    [
        (Failed(NINE, "no"), "failed:a:1"),
        (Halted(NINE, "three refused commands"), "halted:a:1"),
        (Parked(NINE, ParkReason.stuck), "stuck:a:1"),
        (Parked(NINE, ParkReason.credit), "stuck:a:1"),
        (Parked(NINE, ParkReason.authentication), "stuck:a:1"),
        (Waiting(NINE, 1), "question:a:1"),
        (Parked(NINE, ParkReason.paused), None),
        (Parked(NINE, ParkReason.cap), None),
        (Parked(NINE, ParkReason.usage_limit), None),
        (Queued(NINE), None),
        (Done(NINE), None),
        (Cancelled(NINE), None),
    ],
)  # fmt: skip
def test_a_change_of_state_is_told_if_the_person_should_know(state: State, key: str | None) -> None:
    after = replace(WORKING, state=state, questions=(question(),))
    assert keys(WORKING, after) == ([key] if key else [])
    assert keys(None, after) == ([key] if key else [])  # also to a daemon that finds it so
    assert keys(after, after) == []


def test_a_question_comes_with_all_it_takes_to_answer_it() -> None:
    asked = question(2, options=("20", "50"))
    after = replace(WORKING, state=Waiting(NINE, 2), questions=(question(1), asked), task=task("a"))
    [alert] = told(WORKING, after, "Edit list.py")
    assert alert.title == "a (Task a) asks, question 2"
    assert "Which page size?" in alert.text and "Edit list.py" in alert.text
    assert (alert.task_id, alert.question, alert.options) == ("a", 2, ("20", "50"))


def test_every_forbidden_attempt_and_every_bypass_is_told_once() -> None:
    first = replace(WORKING, blocked=(BLOCKED,))
    both = replace(first, blocked=(BLOCKED, BLOCKED), bypasses=(BYPASS,))
    assert keys(WORKING, first) == ["forbidden:a:1"]
    assert keys(first, both) == ["forbidden:a:2", "bypassed:a:1"]
    assert keys(None, both) == ["forbidden:a:1", "forbidden:a:2", "bypassed:a:1"]


def test_findings_are_told_if_somebody_did_wrong_or_the_person_should_look() -> None:
    harmless = Finding(1, "a ref of yours moved", halts=False, who=Who.person)
    grave, doubtful = Finding(1, "HEAD moved", halts=True), Finding(1, "a hook is new", halts=False, look=True)
    after = replace(WORKING, findings=(harmless, grave, doubtful))
    assert keys(WORKING, after) == ["audit:a:2", "audit:a:3"]


def test_the_same_change_has_the_same_keys_and_another_task_of_that_id_has_others() -> None:
    after = replace(WORKING, state=Failed(NINE, "no"))
    again = replace(after, created_at=NINE + timedelta(days=1))
    assert told(WORKING, after) == told(WORKING, after)
    assert told(WORKING, after)[0].key != told(None, again)[0].key
    assert told(WORKING, after)[0].key != told(None, replace(after, runs=3))[0].key


def test_money_s_notices_are_alerts_of_their_kind_with_their_bar() -> None:
    [warning] = shares("day:2026-11-20", "the day", from_usd("9"), from_usd("12"), [Decimal("0.75")])
    [milestone] = milestones("November", "month:2026-11", from_usd("9"), from_usd("12"), [Decimal(5)])
    assert of_money(warning, NINE).kind is Kind.budget
    assert of_money(milestone, NINE).kind is Kind.milestone
    assert "[###############-----] 75 %" in of_money(warning, NINE).title
    assert still_true(of_money(milestone, NINE), None, NINE + timedelta(days=9))
    assert not still_true(of_money(warning, NINE), None, NINE + timedelta(days=1))


def test_a_cap_is_told_once_a_day_for_each_budget_and_a_task_s_own_for_each_task() -> None:
    other = record(Running(NINE, 1), "b")
    daily = [of_cap(each, "the day's cap", "$5 of $5", NINE).key for each in (WORKING, other)]
    own = [of_cap(each, alerts.OWN_CAP, "$5 of $5", NINE).key for each in (WORKING, other)]
    assert daily[0] == daily[1]
    assert own[0] != own[1]
    assert of_cap(replace(WORKING, day=NINE.date() + timedelta(days=1)), "the day's cap", "", NINE).key != daily[0]


def test_a_limit_of_the_provider_says_when_it_ends_by_the_person_s_clock() -> None:
    limit = Limit(LimitKind.usage_limit, until=NINE + 2 * HOUR)
    alert = of_limit(limit, NINE, "Asia/Tokyo")
    assert alert.title.endswith("until 20:00")
    assert alert.key == of_limit(limit, NINE + HOUR, "UTC").key
    assert still_true(alert, None, NINE + HOUR) == (not still_true(alert, None, NINE + 2 * HOUR))


def test_a_daemon_that_died_is_told_once_by_who_it_was() -> None:
    facts = {"pid": 7, "started_at": "2026-11-20T08:00:00Z"}
    assert of_death(facts, NINE, "UTC").key == of_death(facts, NINE + HOUR, "UTC").key
    assert "08:00" in of_death(facts, NINE, "UTC").text
    assert of_death({}, NINE, "UTC").kind is Kind.died  # whatever it had left


# --- when it is stale -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "now", "true"),
    [
        (Waiting(NINE, 1), {}, True),
        (Waiting(NINE, 1), {"state": Queued(NINE)}, False),  # answered
        (Waiting(NINE, 1), {"state": Waiting(NINE, 2)}, False),  # it asks something else by now
        (Failed(NINE, "no"), {}, True),
        (Failed(NINE, "no"), {"state": Running(NINE, 2)}, False),  # tried again
        (Failed(NINE, "no"), {"runs": 2}, False),  # and failed again, which is told by itself
        (Halted(NINE, "no"), {}, True),
        (Halted(NINE, "no"), {"state": Cancelled(NINE)}, False),
        (Parked(NINE, ParkReason.stuck), {}, True),
        (Parked(NINE, ParkReason.stuck), {"state": Parked(NINE, ParkReason.paused)}, False),
        (Failed(NINE, "no"), {"created_at": NINE + timedelta(days=1)}, False),  # another task of that id
        (Waiting(NINE, 1), {"created_at": NINE + timedelta(days=1)}, False),
    ],
)  # fmt: skip
def test_what_a_task_was_is_told_as_long_as_it_is_so(of: State, now: dict[str, Any], true: bool) -> None:
    then = replace(WORKING, state=of, questions=(question(1), question(2)))
    [alert] = told(WORKING, then)
    assert still_true(alert, replace(then, **now), NINE) == true
    assert not still_true(alert, None, NINE)  # the task is gone


@pytest.mark.parametrize("kind", [Kind.forbidden, Kind.audit, Kind.milestone, Kind.report, Kind.died])
def test_what_has_happened_stays_true(kind: Kind) -> None:
    assert still_true(news("a", kind), None, NINE + timedelta(days=30))


def test_what_has_an_end_is_true_until_then() -> None:
    limit = replace(news("limit", Kind.limit), until=NINE + HOUR)
    assert still_true(limit, None, NINE + HOUR - timedelta(seconds=1))
    assert not still_true(limit, None, NINE + HOUR)


# --- how it is put together -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "messages"),
    [
        ("", ""),
        ("a", "a"),
        ("a b c", "a|b|c"),
        ("a b c d", "a b c d"),
        ("a b c d Q e f", "a b c d|Q|e|f"),
        ("Q R Q2", "Q|R|Q2"),
        ("a b Q c d", "a|b|Q|c|d"),
    ],
)
def test_a_burst_is_put_together_and_order_is_kept(waiting: str, messages: str) -> None:
    kinds = {"Q": Kind.question, "R": Kind.report}
    found = bundles([news(key, kinds.get(key[0], Kind.forbidden)) for key in waiting.split()])
    assert "|".join(" ".join(alert.key for alert in bundle) for bundle in found) == messages


def test_few_are_told_one_by_one() -> None:
    few: Sequence[Alert] = [news(str(number)) for number in range(MOST_APART)]
    assert [len(bundle) for bundle in bundles(few)] == [1] * MOST_APART


@pytest.mark.parametrize(
    ("now", "hours", "is_quiet"),
    [
        ("12:00", None, False),
        ("21:59", "22:00-07:00", False),
        ("22:00", "22:00-07:00", True),
        ("00:00", "22:00-07:00", True),
        ("06:59", "22:00-07:00", True),
        ("07:00", "22:00-07:00", False),
        ("12:30", "12:00-13:00", True),
        ("13:00", "12:00-13:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(now: str, hours: str | None, is_quiet: bool) -> None:
    moment = datetime.combine(NINE.date(), time.fromisoformat(now), UTC)
    begin, _, end = (hours or "").partition("-")
    assert quiet(moment, (time.fromisoformat(begin), time.fromisoformat(end)) if hours else None) == is_quiet


def test_what_blocks_an_agent_is_pressing_and_what_is_answered_stands_alone() -> None:
    assert {Kind.question, Kind.stuck, Kind.cap, Kind.halted} <= PRESSING
    assert not {Kind.report, Kind.milestone, Kind.budget} & PRESSING
    assert {Kind.question, Kind.report} == ALONE
