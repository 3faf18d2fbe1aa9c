"""Eight subagents at once under a cap of thirty cents: what is at stake at one moment never passes the cap."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import CLEAN, House, left_behind, until
from .oracle import KEY, Oracle, during
from .wire import Turn, Used, agent, bash, turn

OPUS = "claude-opus-5-5"
CAP, CAP_USD = 300_000_000_000, 0.30
HELPERS = range(8)
SMALL, LARGE = Used(100, 20), Used(2_500, 250)


def script(bill: str, used: Used, held: bool, background: bool = False) -> dict[str, list[Turn]]:
    """One turn that starts all eight at once, each of which needs two turns; whatever comes last ends it."""
    calls = [agent(f"{bill}.{number}", background) for number in HELPERS]
    own = [turn(bash("echo hi"), used=used, held=held), turn("Helped.", used=used)]
    return {bill: [turn(*calls, used=used)], **{f"{bill}.{number}": own for number in HELPERS}}


SCRIPTS = {
    **script("fan", SMALL, held=True),
    **script("swarm", LARGE, held=False, background=True),
    **script("unmetered", LARGE, held=True),
}


def helpers(bill: str) -> list[str]:
    return [f"{bill}.{number}" for number in HELPERS]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(SCRIPTS).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def waiting() -> list[str]:
    """What the status said while requests were held."""
    return []


@pytest.fixture(scope="module")
def ended(build: BuildHouse, cli: Path, oracle: Oracle, waiting: list[str]) -> House:
    """A house after two tasks that spread out, one of them for more than its cap allows."""
    house = build()
    house.environment |= oracle.environment(cli)
    house.environment |= {"DAYSHIFT_AGENT__MAX_OUTPUT_TOKENS": "1000", "DAYSHIFT_AGENT__TOOLS": "[Bash, Agent]"}
    tasks = [
        {"id": name, "description": f"part:{name}", "model": OPUS, "max_cost_usd": CAP_USD} for name in ("fan", "swarm")
    ]
    day = house.start("start", house.day(*tasks), "--once")
    during(day, lambda: "waiting for headroom" in activity(house, waiting), "a request is held, and shown to be")
    oracle.let_go(*helpers("fan"))
    assert day.ends() == 4, day.said  # one of them rests on its budget
    return house


def activity(house: House, seen: list[str]) -> str:
    seen.append(house.status("fan").get("activity", ""))
    return seen[-1]


@pytest.mark.parametrize("task", ["fan", "swarm"])
def test_what_is_at_stake_never_passes_the_cap(ended: House, oracle: Oracle, task: str) -> None:
    """By the provider's own reckoning: its bill so far, and the most that each answer under way can come to."""
    assert oracle.total(task) <= oracle.peak[task] <= CAP
    assert oracle.peak[task] > CAP * 3 // 4  # and the cap was used
    rows = ended.query(f"SELECT request_id, cost FROM request WHERE task = '{task}' AND state = 'settled'", False)
    assert sorted(rows) == sorted((entry.request_id, entry.cost) for entry in oracle.of(task))


def test_requests_wait_before_they_are_refused(ended: House, oracle: Oracle, waiting: list[str]) -> None:
    """All eight were held until there was room, none was turned away, and the status said so meanwhile."""
    assert ended.state("fan") == "done"
    helped = [entry.part for entry in oracle.of("fan") if "." in entry.part]
    assert sorted(helped) == sorted(2 * helpers("fan"))
    assert oracle.together["fan"] > 1  # as many as fit
    assert "API Error" not in ended.stream("fan")
    assert waiting[-1].startswith("waiting for headroom in the task's own cap: ")
    assert "is held by requests in flight" in waiting[-1]


def test_what_can_never_fit_parks_the_task(ended: House, oracle: Oracle) -> None:
    parked = ended.status("swarm")
    assert (parked["state"], parked["reason"].startswith("cap: ")) == ("parked", True)
    assert parked["reserved_usd"] == "0.00"
    assert len([entry for entry in oracle.of("swarm") if "." in entry.part]) > 4
    assert left_behind(ended) == []


def test_the_clis_own_budget_lets_more_than_that_out(cli: Path, oracle: Oracle, tmp_path: Path) -> None:
    """The same eight under the same cap, without the gateway. It shows that the measure above can fail."""
    words = [
        str(cli),
        "-p",
        "--model",
        OPUS,
        "--max-budget-usd",
        str(CAP_USD),
        "--allowedTools",
        "Agent",
        "--",
        "part:unmetered",
    ]
    environment = {**CLEAN, "HOME": str(tmp_path), "ANTHROPIC_BASE_URL": oracle.url, "ANTHROPIC_API_KEY": KEY,
                   "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}  # fmt: skip
    with (
        (tmp_path / "out").open("wb") as out,
        subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        ) as process,
    ):
        try:
            until(lambda: all(map(oracle.holds, helpers("unmetered"))), 60, "all of them are answered at once")
            oracle.let_go(*helpers("unmetered"))
            process.wait(60)
        finally:
            process.kill()
    assert oracle.peak["unmetered"] > 10 * CAP
