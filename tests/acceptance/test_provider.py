"""The provider says no: one action for the whole fleet at the first sign, and nothing of it is a task's failure."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.rehearsing.written_turns import parse_turns

from .house import House, left_behind, until
from .model import PART, Model

pytestmark = pytest.mark.long

HURRIED = Path(__file__).with_name("hurried.py")
FLEET = ("one", "two", "three")
WORK = [{"bash": "echo first >> work.txt"}, {"bash": "echo second >> work.txt"}, {"text": "Done."}]


@dataclass(frozen=True, slots=True)
class No:
    """A refusal, as the API puts it."""

    status: int
    kind: str
    message: str = "words"
    headers: Mapping[str, str] | None = None


class Moody(Rehearsal):
    """The scripted model of a provider that serves only when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.mood: Callable[[], No | None] = lambda: None
        self.refused = 0

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        no = self.mood()
        if no is None:
            return await super()._messages(request)
        self.refused += 1
        shape = {"type": "error", "error": {"type": no.kind, "message": no.message}}
        return web.json_response(shape, status=no.status, headers=no.headers)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A house of real days with tasks that all meet the same provider."""

    house: House
    provider: Moody

    def day(self, *names: str) -> Path:
        return self.house.day(*({"id": name, "deliverables": ["work.txt"], "max_attempts": 1} for name in names))

    def are_done(self, *names: str) -> None:
        """Every task is done in its first attempt, and did everything once."""
        for name in names:
            task = self.house.task(name, rehearsal=False)
            assert (task["state"], task["attempt"]) == ("done", 1), task
            assert (self.house.workspace(name) / "repo" / "work.txt").read_text() == "first\nsecond\n"
        assert left_behind(self.house) == []

    def voided(self) -> int:
        """How many requests cost nothing because they were refused."""
        return len(self.house.query("SELECT id FROM request WHERE state = 'void'", rehearsal=False))


@pytest.fixture
def fleet(house: House, cli: Path) -> Iterator[Fleet]:
    model = Model()
    provider = model.server = Moody()
    with model.serving():
        house.environment |= model.environment(cli)
        model.plays(house.folder, WORK)
        yield Fleet(house, provider)


def for_seconds(seconds: float, no: No) -> Callable[[], No | None]:
    """In that mood from the first request on, for so long."""
    began: list[float] = []

    def mood() -> No | None:
        began.append(time.monotonic())
        return no if began[-1] - began[0] < seconds else None

    return mood


def test_a_pause_the_provider_asks_for_is_kept_by_all(fleet: Fleet) -> None:
    """However often the clients would try again meanwhile: who was refused is asked once more, after the pause."""
    fleet.provider.mood = for_seconds(2.5, No(429, "rate_limit_error", headers={"retry-after": "3"}))
    ended = fleet.house.run("start", fleet.day(*FLEET[:2]), "--once")
    assert ended.code == 0, ended
    assert 1 <= fleet.provider.refused <= 2  # both at once, at the most
    assert fleet.voided() == fleet.provider.refused
    fleet.are_done(*FLEET[:2])


def test_an_overloaded_provider_is_not_hammered_by_three_agents(fleet: Fleet) -> None:
    fleet.provider.mood = for_seconds(4, No(529, "overloaded_error", "Overloaded"))
    daemon = fleet.house.start("start", fleet.day(*FLEET), "--once")
    waiting = "waiting for the provider: overloaded, "
    until(
        lambda: any(waiting in str(fleet.house.status(name).get("activity")) for name in FLEET), 30, "the wait is shown"
    )
    assert daemon.ends() == 0, daemon.said
    # Three at once, then one after a second, one after two more; three clients on their own send nine.
    assert 1 <= fleet.provider.refused <= 6
    fleet.are_done(*FLEET)
    assert {fleet.house.task(name, rehearsal=False)["runs"] for name in FLEET} == {1}


def test_a_used_up_plan_parks_the_fleet_once_until_it_serves_again(fleet: Fleet, cli: Path) -> None:
    """A subscription: the five-hour window is rejected, every run ends by itself and is resumed after the reset."""
    del fleet.house.environment["ANTHROPIC_API_KEY"]
    fleet.house.environment["CLAUDE_CODE_OAUTH_TOKEN"] = "sk-ant-oat-the-persons-own"
    resets = list[float]()
    slow = {"bash": "sleep 3; echo first >> work.txt"}  # so that all three have begun before the first goes on
    fleet.provider.play(PART, parse_turns([slow, *WORK[1:]]), {})

    def mood() -> No | None:
        if len({seen.headers["x-claude-code-session-id"] for seen in fleet.provider.requests}) < 3:
            return None
        resets.append(time.time() + 4)
        if time.time() >= int(resets[0]):
            return None
        unified = {"status": "rejected", "reset": int(resets[0]), "representative-claim": "five_hour",
                   "overage-status": "rejected", "5h-status": "rejected", "5h-reset": int(resets[0]),
                   "5h-utilization": "1", "7d-status": "allowed", "7d-utilization": "0.41"}  # fmt: skip
        headers = {f"anthropic-ratelimit-unified-{name}": str(value) for name, value in unified.items()}
        return No(429, "rate_limit_error", "This request would exceed your account's rate limit.", headers)

    fleet.provider.mood = mood
    daemon = fleet.house.start("start", fleet.day(*FLEET), "--once", entry=HURRIED)
    daemon.waits("the provider serves no agent now")
    until(lambda: {fleet.house.state(name) for name in FLEET} == {"parked"}, 30, f"all are parked\n{daemon.said}")
    status = json.loads(fleet.house.run("status", "--json").out)
    assert [task["reason"].startswith("usage limit: the plan's window five_hour, until ") for task in status["tasks"]]
    assert [(each["window"], each["used_percent"]) for each in status["plan"]] == [
        ("five_hour", "100.0"), ("seven_day", "41.0")
    ]  # fmt: skip
    assert "plan: five_hour 100.0 % used (rejected until " in fleet.house.run("status").out
    assert daemon.ends() == 0, daemon.said
    assert daemon.said.count("the provider serves no agent now") == 1
    assert fleet.provider.refused <= 3  # what was under way at the first sign
    assert {fleet.house.task(name, rehearsal=False)["runs"] for name in FLEET} == {2}
    fleet.are_done(*FLEET)


def test_a_key_that_is_refused_ends_the_day_with_the_cure(fleet: Fleet) -> None:
    fleet.provider.mood = lambda: No(401, "authentication_error", "invalid x-api-key")
    ended = fleet.house.run("start", fleet.day(*FLEET), "--once")
    assert ended.code == 3, ended
    assert ended.out.count("the provider serves no agent now: authentication lost: HTTP 401, set a key") == 1
    assert 1 <= fleet.provider.refused <= 3
    for name in FLEET:
        status = fleet.house.status(name)
        assert (status["state"], status["attempt"], status["cost_usd"]) == ("parked", 1, "0.00")
        assert "start again" in status["reason"]
    assert "authentication lost" in fleet.house.report(rehearsal=False)
    assert left_behind(fleet.house) == []

    fleet.provider.mood = lambda: None
    ended = fleet.house.run("start", "--once")
    assert ended.code == 0, ended
    fleet.are_done(*FLEET)


def test_without_credit_all_rest_until_the_person_says_so(fleet: Fleet) -> None:
    no_credit = No(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
    fleet.provider.mood = lambda: no_credit
    daemon = fleet.house.start("start", fleet.day("one", "two"))
    daemon.waits("every task has ended or rests")
    refused = fleet.provider.refused
    assert 1 <= refused <= 2
    assert "credit exhausted: " in fleet.house.status("one")["reason"]
    assert fleet.house.run("resume").code == 0  # too early: one request finds out, for all
    until(lambda: fleet.provider.refused > refused, 30, "it was tried")
    until(lambda: {fleet.house.state(name) for name in ("one", "two")} == {"parked"}, 30, "both rest again")
    assert fleet.provider.refused == refused + 1
    assert fleet.house.run("stop").code == 0
    assert daemon.ends() == 4, daemon.said
    assert left_behind(fleet.house) == []
