"""Caps too small for strict reservation: a paced hold grows with its answer, and one with no room left is cut."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dayshift.sandboxing.sandbox import SOCKET_NAME

from .conftest import BuildHouse
from .house import House, left_behind
from .oracle import Oracle, during
from .wire import Used, bash, turn

pytestmark = pytest.mark.long

OPUS = "claude-opus-5-5"
CAP_USD, CAP = 0.20, 200_000_000_000  # less than strict asks for one answer of the length below
LONG = "word " * 4_000  # 20,000 bytes, for which the cap has no room
SCRIPTS = {
    "brief": [turn(bash("echo hi"), used=Used(3_000, 60)), turn("Done.", used=Used(3_200, 10))],
    "host": [turn(bash("echo hi"), used=Used(3_000, 60), held=True), turn("Done.", used=Used(3_200, 10))],
    "host.long": [turn(LONG, used=Used(3_000, 5_000))],
}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(SCRIPTS).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def refusal() -> dict[str, Any]:
    """What the agent heard when it tried the cut request again."""
    return {}


@pytest.fixture(scope="module")
def ended(build: BuildHouse, cli: Path, oracle: Oracle, refusal: dict[str, Any]) -> House:
    """A house after a paced day of two agents, one of which asks for an answer that goes on and on."""
    house = build()
    house.environment |= oracle.environment(cli)
    house.environment |= {"DAYSHIFT_BUDGET__MODE": "paced", "DAYSHIFT_AGENT__TOOLS": "[Bash]"}
    tasks = [
        {"id": name, "description": f"part:{name}", "model": OPUS, "max_cost_usd": CAP_USD}
        for name in ("brief", "host")
    ]
    day = house.start("start", house.day(*tasks), "--once")
    during(day, lambda: oracle.holds("host"), "the host's answer has begun")
    refusal |= asyncio.run(cut_and_try_again(house.home.sockets() / "host" / SOCKET_NAME, oracle))
    assert day.ends() == 0, day.said
    return house


async def cut_and_try_again(socket: Path, oracle: Oracle) -> dict[str, Any]:
    """An answer that breaks off on its way, and what is said to who asks for it again."""
    body = {"model": OPUS, "max_tokens": 20_000, "stream": True,
            "messages": [{"role": "user", "content": "part:host.long"}]}  # fmt: skip
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as client:
        async with client.post("http://gateway/v1/messages", json=body) as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        oracle.let_go("host")  # while its answer is under way, the second try would only wait
        async with client.post("http://gateway/v1/messages", json=body) as response:
            return {"status": response.status, **(await response.json())["error"]}


def test_a_cap_that_strict_could_hardly_use_pays_for_brief_answers(ended: House, oracle: Oracle) -> None:
    assert ended.state("brief") == "done"
    assert costs(ended, "brief", "settled") == [entry.cost for entry in oracle.of("brief")]
    held, ceiling = ended.query("SELECT MAX(worst), MAX(ceiling) FROM request WHERE task = 'brief'", False)[0]
    assert held < ceiling * 2 // 3


def test_an_answer_no_cap_has_room_for_is_cut_and_not_paid_for_twice(ended: House, refusal: dict[str, Any]) -> None:
    assert (refusal["status"], refusal["type"]) == (402, "billing_error")
    (cut,) = costs(ended, "host", "estimated")
    assert 2_048 * 20_000_000 < cut < CAP  # its prompt, and the answer as far as it was held
    assert left_behind(ended) == []


def test_what_is_held_never_passes_the_cap(ended: House) -> None:
    windows = ended.query("SELECT window, cap, settled + reserved FROM budget WHERE cap IS NOT NULL", False)
    assert {window for window, *_ in windows} > {"task:2026-11-20/brief", "task:2026-11-20/host"}
    assert all(used <= cap for _, cap, used in windows)


def test_the_report_says_which_guarantee_held(ended: House) -> None:
    assert "paced: a request holds its prompt" in ended.report(rehearsal=False)


def costs(house: House, task: str, state: str) -> list[int]:
    rows = house.query(f"SELECT cost FROM request WHERE task = '{task}' AND state = '{state}' ORDER BY id", False)
    return [cost for (cost,) in rows]
