"""What each order does in each state."""

import pytest

from dayshift.events import Order
from dayshift.states import (
    Cancelled,
    Done,
    Ending,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Running,
    State,
    Verifying,
    Waiting,
)
from tests.house import (
    ASKED,
    NINE,
    House,
    finished,
    label,
    left_by_an_earlier_daemon,
    passes,
    queued,
    ran,
    running,
    says,
    task,
)

STATES: dict[str, State] = {
    "queued": queued(),
    "running": Running(NINE, 1),
    "being parked": Running(NINE, 1, Ending.parked, "by the person", ParkReason.paused),
    "being ended for silence": Running(NINE, 1, Ending.silent, "nothing said"),
    "being halted": Running(NINE, 1, Ending.halted, "3 forbidden attempts"),
    "being cancelled": Running(NINE, 1, Ending.cancelled, "by the person"),
    "waiting": Waiting(NINE, 1),
    "parked by the cap": Parked(NINE, ParkReason.cap),
    "paused": Parked(NINE, ParkReason.paused, "by the person"),
    "verifying": Verifying(NINE),
    "done": Done(NINE),
    "failed": Failed(NINE, "red"),
    "halted": Halted(NINE, "3 forbidden attempts"),
    "cancelled": Cancelled(NINE),
}
NOTHING = "-"  #: refused in words, and nothing changes
OBEYED = {
    #                           pause              resume     cancel                retry
    "queued":                  ("parked(paused)",  NOTHING,   "cancelled",          NOTHING),
    "running":                 ("running(parked)", NOTHING,   "running(cancelled)", NOTHING),
    "being parked":            (NOTHING,           NOTHING,   "running(cancelled)", NOTHING),
    "being ended for silence": ("running(parked)", NOTHING,   "running(cancelled)", NOTHING),
    "being halted":            (NOTHING,           NOTHING,   NOTHING,              NOTHING),
    "being cancelled":         (NOTHING,           NOTHING,   NOTHING,              NOTHING),
    "waiting":                 (NOTHING,           NOTHING,   "cancelled",          NOTHING),
    "parked by the cap":       ("parked(paused)",  "queued",  "cancelled",          "queued"),
    "paused":                  (NOTHING,           "queued",  "cancelled",          "queued"),
    "verifying":               (NOTHING,           NOTHING,   "cancelled",          NOTHING),
    "done":                    (NOTHING,           NOTHING,   NOTHING,              NOTHING),
    "failed":                  (NOTHING,           NOTHING,   NOTHING,              "queued"),
    "halted":                  (NOTHING,           NOTHING,   NOTHING,              "queued"),
    "cancelled":               (NOTHING,           NOTHING,   NOTHING,              "queued"),
}  # fmt: skip
ORDERS = [(name, order, wanted) for name, row in OBEYED.items() for order, wanted in zip(Order, row, strict=True)]


@pytest.mark.parametrize(("name", "order", "wanted"), ORDERS, ids=[f"{order} {name}" for name, order, _ in ORDERS])
def test_an_order_in_a_state(name: str, order: Order, wanted: str) -> None:
    house = left_by_an_earlier_daemon(STATES[name])
    before = house["a"]
    house.orchestrator.handle(says(order))
    [(request, lines, ok)] = house.desk.replies
    assert request == "request"
    if wanted == NOTHING:
        assert house["a"] == before
        assert (ok, lines[0].endswith(f"there is nothing to {order}")) == (False, True)
    else:
        assert (label(house["a"].state), ok, lines) == (wanted, True, (f"a: {order}",))


def test_an_order_for_an_unknown_task_says_how_to_find_the_known_ones() -> None:
    house = running().happens(says("pause", "b"))
    assert house.desk.replies[-1] == ("request", ("there is no task b; `status` lists them",), False)


def test_an_order_for_all_reaches_those_that_have_not_ended_and_says_what_each_makes_of_it() -> None:
    house = running(task("a"), task("b"), task("c"), task("d", "a")).happens(
        finished("a"), passes("a"), ran("b", **ASKED)
    )
    assert house.states == "a done, b waiting, c running, d running"
    house.happens(says("pause", None))
    assert house.states == "a done, b waiting, c running(parked), d running(parked)"
    assert house.desk.replies[-1] == (
        "request", ("b is waiting (question 1); there is nothing to pause", "c: pause", "d: pause"), True,
    )  # fmt: skip


def test_an_order_for_all_without_any_task_is_answered_too() -> None:
    assert House().happens(says("resume", None)).desk.replies == [("request", ("no task to resume",), True)]


def test_a_cancelled_question_is_put_away() -> None:
    house = running().happens(ran(**ASKED), says("cancel"))
    assert house.desk.closed == house.desk.asked == list(house["a"].questions)
