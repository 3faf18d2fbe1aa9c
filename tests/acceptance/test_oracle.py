"""The ledger against the provider's own bill, to the pico-USD, in everything the real CLI makes a provider bill."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dayshift.running.spool import MARK
from dayshift.sandboxing.sandbox import SOCKET_NAME

from .conftest import BuildHouse
from .house import House, left_behind
from .oracle import KEY, Entry, Oracle, cost, during
from .wire import CUT, Fault, Used, agent, bash, call, searched, thinking, turn

pytestmark = pytest.mark.long

SONNET, OPUS, OLD_OPUS, HAIKU = "claude-sonnet-5-5", "claude-opus-5-5", "claude-opus-4-7", "claude-haiku-5-5"
TITLES = "claude-haiku-4-5-20251001"
OVERLOADED = Fault(200, "overloaded_error")
BUSY = [Fault(429, "rate_limit_error", {"retry-after": "1"}), Fault(529, "overloaded_error", {"retry-after": "1"})]

#: What each task's model says. A subagent is named after a dot.
SCRIPTS = {
    "plain": [turn("Done.", used=Used(1_200, 42))],
    "thinking": [
        turn(thinking("Well. " * 20), "Two things.", bash("echo a > a"), bash("echo b > b"),
             used=Used(501, 310, 1_001, 2_003)),
        turn("Done.", used=Used(7, 11, 3_003, 17)),
    ],
    "foreground": [turn(agent("foreground.help")), turn("Done.", used=Used(2_222, 22, 33, 44))],
    "foreground.help": [turn(bash("echo hi"), used=Used(333, 33)), turn("Helped.", used=Used(444, 44))],
    "background": [
        turn(agent("background.help", background=True)),
        turn("It works.", used=Used(2_222, 22)),
        turn("It has ended.", used=Used(99, 9)),
    ],
    "background.help": [turn("Helped.", used=Used(333, 33), held=True)],
    "small": [turn(agent("small.help", model="haiku")), turn("Done.")],
    "small.help": [turn("Helped.", used=Used(777, 7, 77, 7_777))],
    "search": [turn(call("WebSearch", query="part:search.web")), turn("Done.")],
    "search.web": [turn(*searched("words"), "Found.", used=Used(12_000, 200, searches=3))],
    "cut": [turn("word " * 50, bash("echo x"), faults=(CUT, OVERLOADED), used=Used(1_001, 201)), turn("Done.")],
    "errors": [turn("Done.", faults=(Fault(400, "invalid_request_error"), *BUSY))],
    "resumed": [turn(bash("touch one")), turn("One."), turn(bash("touch two"), used=Used(9, 8, 7, 6)), turn("Two.")],
    "forked": [turn(bash("touch one")), turn("One."), turn(bash("touch two"), used=Used(6, 7, 8, 9)), turn("Two.")],
    "hour": [turn("Done.", used=Used(11, 22, 33, 44, 5_001))],
    "long": [
        turn(bash("true"), used=Used(1, 20, 60_000, 40_000)),
        turn("Done.", used=Used(1, 20, 60_000, 39_999)),
    ],
    "fast": [turn("Done.", used=Used(13, 23, 33, 43, speed="fast"))],
    "resident": [turn("Done.", used=Used(11, 21, 31, 41, 51, geo="us"))],
    "boaster": [turn("Done.", used=Used(1_234, 56, 7, 8))],
    "cancelled": [turn("word " * 50, used=Used(3_001, 1_999, 5, 6), held=True)],
    "rested": [turn("word " * 50, bash("touch it"), used=Used(4_001, 2_999), held=True), turn("Done.")],
    "host": [turn("word " * 50, held=True)],
    "host.title": [turn('{"title": "Short"}', used=Used(321, 12))],
    "host.fast": [turn("Done.", used=Used(13, 17, 19, 23, 29, speed="fast", geo="us"))],
    "host.hour": [turn("Done.", used=Used(3, 5, 7, 11, 1_301, geo="us"))],
    "host.later": [turn(*searched("words"), used=Used(40, 30, 20, 0, 5_000, searches=2), first=Used(4, 0, 2))],
    "host.cut": [turn("word " * 50, faults=(CUT,), used=Used(101, 99))],
    "host.error": [turn("Done.", faults=(Fault(413, "request_too_large"),))],
}  # fmt: skip
TASKS: Mapping[str, Mapping[str, Any]] = {
    "host": {},
    "cancelled": {},
    "long": {"model": HAIKU, "context_files": ["long.txt"]},
    "fast": {"model": OPUS},
    "resumed": {"validate": ["test -e two"]},
    "forked": {"validate": ["test -e two"]},
}
BROKEN = {"cut": 2, "host": 1}  #: how many answers of these bills broke off, so that nobody was told their cost
EXACT = sorted({name for name in SCRIPTS if "." not in name} - {"rested"})

#: The real CLI, told by some tasks to do what the program never tells it.
CLI = f"""#!/bin/sh
cli={{cli}}
case "${MARK}" in
*:forked:2) set -- "$@" --fork-session ;;
*:hour:*) export ENABLE_PROMPT_CACHING_1H=1 ;;
*:fast:*) export CLAUDE_CODE_SKIP_FAST_MODE_ORG_CHECK=1
    set -- "$@" --settings '{{{{"fastMode": true}}}}' ;;
*:boaster:*) "$cli" "$@" | sed -u 's/"total_cost_usd":[0-9.e-]*/"total_cost_usd":999/'; exit ;;
esac
exec "$cli" "$@"
"""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(SCRIPTS).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def home(build: BuildHouse, cli: Path, oracle: Oracle) -> House:
    """A house whose agents may search the web, with caps that nothing here can reach."""
    house = build(tracked={"long.txt": "word " * 25_000})
    wrapped = house.folder / "claude"
    wrapped.write_text(CLI.format(cli=cli))
    wrapped.chmod(0o755)
    policy = house.home.config / "policy.yaml"
    policy.write_text(policy.read_text().replace("tools: [Bash,", "tools: [WebSearch, Bash,"))
    house.environment |= oracle.environment(wrapped)
    house.environment |= {"DAYSHIFT_AGENT__TOOLS": "[Bash, Read, Agent, WebSearch]", "DAYSHIFT_MAX_AGENTS": "4",
                          "DAYSHIFT_BUDGET__DAILY_USD": "10000"}  # fmt: skip
    return house


@pytest.fixture(scope="module")
def ended(home: House, oracle: Oracle) -> House:
    """The house after a day on which everything happened that is billed in its own way."""
    names = [*TASKS, *(name for name in EXACT if name not in TASKS)]
    tasks = [{"id": name, "description": f"part:{name}", "model": SONNET, **TASKS.get(name, {})} for name in names]
    day = home.start("start", home.day(*tasks), "--once")
    during(day, lambda: oracle.holds("host"), "the host's answer has begun")
    asyncio.run(send_by_hand(home.home.sockets() / "host" / SOCKET_NAME))
    oracle.let_go("host")
    during(day, lambda: oracle.holds("cancelled"), "an answer has begun")
    assert home.run("cancel", "cancelled").code == 0
    during(day, lambda: home.state("cancelled") == "cancelled", "the agent is gone")
    oracle.let_go("cancelled")  # only now does its answer come to an end
    during(
        day, lambda: oracle.holds("background.help") and answered(oracle, "background") == 2, "its parent is through"
    )
    oracle.let_go("background.help")
    assert day.ends() == 0, day.said
    return home


def answered(oracle: Oracle, bill: str) -> int:
    return sum(entry.over for entry in oracle.of(bill))


# --- requests the CLI does not make here -------------------------------------------------------------


async def send_by_hand(socket: Path) -> None:
    """On the socket of a running agent: a title by a small model, and what else its CLI cannot be brought to send."""
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as client:
        hour = {"system": [{"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
        assert b"Short" in await _sent(client, request("host.title", TITLES, stream=True))
        assert b"Done." in await _sent(client, request("host.fast", OLD_OPUS, speed="fast", **hour))
        assert b"Done." in await _sent(client, request("host.hour", SONNET, stream=True, inference_geo="us", **hour))
        tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
        assert b"message_stop" in await _sent(client, request("host.later", SONNET, stream=True, tools=[tool], **hour))
        assert b"request_too_large" in await _sent(client, request("host.error", SONNET, stream=True))
        with pytest.raises(aiohttp.ClientPayloadError):
            await _sent(client, request("host.cut", SONNET, stream=True))
        counted = await client.post("http://gateway/v1/messages/count_tokens", json=request("host.title", SONNET))
        assert (await counted.json())["input_tokens"] > 0


def request(part: str, model: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"part:{part} " + "word " * 1_000}]
    return {"model": model, "max_tokens": 512, "messages": messages, **more}


async def _sent(client: aiohttp.ClientSession, body: Mapping[str, Any]) -> bytes:
    async with client.post("http://gateway/v1/messages", json=body, headers={"x-api-key": "none"}) as response:
        assert response.headers["request-id"].startswith("req_")
        return await response.read()


# --- the rows ----------------------------------------------------------------------------------------


def booked(house: House, task: str) -> list[tuple[Any, ...]]:
    """What the ledger has settled for the task."""
    sql = (
        "SELECT request_id, cost, input, output, cache_read, cache_write_5m, cache_write_1h, web_searches"
        f" FROM request WHERE task = '{task}' AND state = 'settled' ORDER BY request_id"
    )
    return house.query(sql, rehearsal=False)


def billed(entry: Entry) -> tuple[Any, ...]:
    used = entry.used
    counts = (used.input, used.output, used.read, used.write, used.write_1h, used.searches)
    return (entry.request_id, entry.cost, *counts)


def estimates(house: House, task: str) -> list[tuple[int, int]]:
    sql = f"SELECT cost, worst FROM request WHERE task = '{task}' AND state = 'estimated'"
    return house.query(sql, rehearsal=False)


@pytest.mark.parametrize("task", EXACT)
def test_the_ledger_equals_the_bill(ended: House, oracle: Oracle, task: str) -> None:
    """Every answer that came to its end, token by token; one that broke off is charged at the most it can have cost."""
    lines = oracle.of(task)
    told = [entry for entry in lines if not entry.cut]
    assert ended.state(task) == ("cancelled" if task == "cancelled" else "done")
    assert told and booked(ended, task) == sorted(map(billed, told))
    assert all(0 < entry.cost <= entry.most for entry in lines)
    unknown, charged = [entry for entry in lines if entry.cut], estimates(ended, task)
    assert len(unknown) == len(charged) == BROKEN.get(task, 0)
    for entry, (amount, worst) in zip(unknown, charged, strict=True):
        assert entry.cost <= amount == worst <= entry.most
    shown = sum(entry.cost for entry in told) + sum(amount for amount, _ in charged)
    assert pico(ended.status(task)["cost_usd"]) == shown
    assert pico(ended.task(task, rehearsal=False)["spend"]["cost_usd"]) == shown


def pico(dollars: str) -> int:
    whole, _, decimals = dollars.partition(".")
    return int(whole) * 10**12 + int(decimals.ljust(12, "0"))


def test_the_days_budget_is_the_sum_of_all_bills_and_nothing_is_reserved(ended: House, oracle: Oracle) -> None:
    told = sum(entry.cost for entry in oracle.bill if entry.bill in EXACT and not entry.cut)
    charged = sum(amount for task in BROKEN for amount, _ in estimates(ended, task))
    days = ended.query("SELECT settled, reserved FROM budget WHERE window LIKE 'day:%'", rehearsal=False)
    assert (sum(row[0] for row in days), sum(row[1] for row in days)) == (told + charged, 0)
    states = ended.query("SELECT DISTINCT state FROM request", rehearsal=False)
    assert {state for (state,) in states} == {"settled", "estimated", "void"}
    assert left_behind(ended) == []


def test_the_day_was_what_it_should_be(ended: House, oracle: Oracle) -> None:
    """The tests above mean something only if the CLI really sent all that."""
    bodies = {entry.part: json.dumps(entry.body) for entry in oracle.bill}
    assert len(oracle.of("thinking")) == 2
    for parent in ("foreground", "background", "small"):
        helpers = [entry for entry in oracle.of(parent) if "." in entry.part]
        assert helpers and all("x-claude-code-agent-id" in entry.headers for entry in helpers)
    assert {entry.body["model"].startswith("claude-haiku") for entry in oracle.of("small") if "." in entry.part} == {
        True
    }
    assert '"max_uses": 8' in bodies["search.web"]
    assert '"ttl": "1h"' in bodies["hour"] and '"ttl": "1h"' not in bodies["plain"]
    assert '"cache_control"' in bodies["plain"]
    assert '"speed": "fast"' in bodies["fast"]
    for resumed in ("resumed", "forked"):
        sessions = {entry.headers["x-claude-code-session-id"] for entry in oracle.of(resumed)}
        assert len(sessions) == (2 if resumed == "forked" else 1)
        assert ended.task(resumed, rehearsal=False)["runs"] == 2
    assert [status for part, status in oracle.errors if part == "errors"] == [400, 429, 529]
    assert [entry.cut for entry in oracle.of("cut")] == [True, True, False, False]


def test_the_modifiers_cost_what_the_list_says(oracle: Oracle, ended: House) -> None:
    """By hand, so that the oracle itself is held to something: dollars a million tokens are millions of pico-USD."""
    million = 10**6
    (hour,), (fast,), (resident,) = oracle.of("hour"), oracle.of("fast"), oracle.of("resident")
    assert (
        hour.cost
        == 11 * 2 * million + 22 * 10 * million + 33 * million // 10 + 44 * 5 * million // 2 + 5_001 * 4 * million
    )
    assert fast.cost == 2 * (13 * 4 * million + 23 * 20 * million + 33 * million // 5 + 43 * 5 * million)
    assert resident.cost * 10 == 11 * (
        11 * 2 * million + 21 * 10 * million + 31 * million // 10 + 41 * 5 * million // 2 + 51 * 4 * million
    )
    above, below = oracle.of("long")
    assert above.cost == 5 * (100_000 + 20 * 500_000 + 60_000 * 10_000 + 40_000 * 125_000)
    assert below.cost == 100_000 + 20 * 500_000 + 60_000 * 10_000 + 39_999 * 125_000
    (search,) = [entry for entry in oracle.of("search") if "." in entry.part]
    assert search.cost == 12_000 * 2 * million + 200 * 10 * million + 3 * 10**10
    assert cost(OLD_OPUS, Used(1, 0, speed="fast")) == 30 * million


def test_what_the_cli_says_it_cost_is_shown_and_never_counted(ended: House, oracle: Oracle) -> None:
    """It is wrong where it was made to lie, and by itself where a stream broke off."""
    boaster, cut = ended.record("boaster"), ended.record("cut")
    assert boaster["cli_cost"] == 999 * 10**12
    assert "the CLI's own estimate $999.00" in ended.report(rehearsal=False)
    assert pico(ended.status("boaster")["cost_usd"]) == oracle.total("boaster") < 10**12
    assert cut["cli_cost"] < oracle.total("cut")
    (spent,) = ended.query("SELECT SUM(cost) FROM request", rehearsal=False)[0]
    assert spent < 10 * 10**12


def test_no_agent_ever_saw_the_key(ended: House, oracle: Oracle) -> None:
    assert {entry.headers["x-api-key"] for entry in oracle.bill} == {KEY}
    assert KEY not in ended.stream("plain")


def test_an_answer_that_a_stop_leaves_alone_is_booked_whole(home: House, ended: House, oracle: Oracle) -> None:
    """The program is told to stop in the middle of a stream; the next one resumes the session in a new process."""
    day = home.start("start", home.day({"id": "rested", "description": "part:rested", "model": SONNET}), "--once")
    during(day, lambda: oracle.holds("rested"), "an answer has begun")
    stop = home.start("stop")
    during(day, lambda: home.state("rested") == "parked", "the agent is gone")
    oracle.let_go("rested")
    assert (day.ends(), stop.ends()) == (0, 0)
    assert booked(home, "rested") == [billed(entry) for entry in oracle.of("rested")]
    assert len(oracle.of("rested")) == 1
    assert home.run("start", "--once").code == 0
    assert home.state("rested") == "done"
    assert len(oracle.of("rested")) == 3
    assert booked(home, "rested") == sorted(map(billed, oracle.of("rested")))
    assert estimates(home, "rested") == []
