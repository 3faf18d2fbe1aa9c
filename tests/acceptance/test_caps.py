"""Money: what is settled and what is reserved never pass a cap together, and what is booked is what was billed."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.statement import Statement
from dayshift.rehearsing.rehearsal import Served
from metrics import Ledger

from .house import House, left_behind
from .model import Model

#: Our own figures, so that a sum can be checked without the program's table: pico-USD a token.
RATES = {
    "input": 3_000_000,
    "output": 15_000_000,
    "cache_read": 300_000,
    "cache_write_5m": 3_750_000,
    "cache_write_1h": 6_000_000,
}
PRICES = json.dumps({"claude-sonnet-5-5": {kind: rate / 10**6 for kind, rate in RATES.items()}})
OBSERVED = """
    CREATE TABLE observed (window TEXT, settled INTEGER, reserved INTEGER, cap INTEGER);
    CREATE TRIGGER observe AFTER UPDATE ON budget BEGIN
        INSERT INTO observed VALUES (new.window, new.settled, new.reserved, new.cap);
    END;
"""


@pytest.fixture
def observed(house: House, model: Model, cli: Path) -> House:
    """A house of real days whose ledger notes every value its budgets ever have."""
    house.environment["DAYSHIFT_PRICES"] = PRICES
    house.home.own.mkdir(exist_ok=True)
    Ledger.open(house.home.ledger(rehearsal=False)).close()
    with contextlib.closing(sqlite3.connect(house.home.ledger(rehearsal=False))) as database:
        database.executescript(OBSERVED)
    house.environment |= model.environment(cli)
    return house


def history(house: House) -> list[tuple[Any, ...]]:
    """Every value of every budget; none of them above its cap."""
    rows = house.query("SELECT window, settled, reserved, cap FROM observed", rehearsal=False)
    assert rows
    assert [row for row in rows if row[3] is not None and row[1] + row[2] > row[3]] == []
    return rows


def billed(served: Iterable[Served]) -> int:
    return sum(getattr(each.tokens, kind) * rate for each in served for kind, rate in RATES.items())


@pytest.mark.long
def test_a_task_stops_at_its_cap_and_goes_on_under_a_higher_one(observed: House, model: Model) -> None:
    """The ledger equals the provider's bill to the pico-USD, before and after."""
    house = observed
    usage = {"input": 60_000, "output": 6_000, "cache_read": 1_001, "cache_write": 2_003}
    model.plays(house.workspace("study"), [
        {"bash": "echo one >> work.txt", "usage": usage}, {"bash": "echo two >> work.txt", "usage": usage},
        {"bash": "echo three >> work.txt", "usage": usage}, {"text": "Done.", "usage": usage},
    ])  # fmt: skip
    task = {"id": "study", "deliverables": ["work.txt"]}
    ended = house.run("start", house.day({**task, "max_cost_usd": 0.5}), "--once")
    assert ended.code == 4, ended
    parked = house.status("study")
    assert (parked["state"], parked["reason"].startswith("cap: ")) == ("parked", True)
    history(house)
    assert house.facts(rehearsal=False)["cap_reached"] is True
    assert sum_of(house) == billed(model.server.bill) <= 500_000_000_000
    assert parked["reserved_usd"] == "0.00"
    requests = len(model.server.bill)
    assert 1 <= requests < 4

    ended = house.run("start", house.day({**task, "max_cost_usd": 5}), "--once")
    assert ended.code == 0, ended
    done = house.task("study", rehearsal=False)
    assert (done["state"], done["session_id"]) == ("done", parked["session_id"])
    assert (house.workspace("study") / "repo" / "work.txt").read_text() == "one\ntwo\nthree\n"
    assert len(model.server.bill) > requests
    assert sum_of(house) == billed(model.server.bill)
    rows = house.query("SELECT request_id, input, output, cache_read, cache_write_5m, cache_write_1h FROM request"
                       " WHERE state = 'settled' ORDER BY id", rehearsal=False)  # fmt: skip
    assert rows == [(each.request_id, each.tokens.input, each.tokens.output, each.tokens.cache_read,
                     each.tokens.cache_write_5m, each.tokens.cache_write_1h) for each in model.server.bill]  # fmt: skip
    history(house)
    assert left_behind(house) == []


def sum_of(house: House) -> int:
    """What the ledger says was spent, once it is proven to hold together."""
    with house.ledger(rehearsal=False) as ledger:
        assert ledger.audit() == []
        return sum(line.cost for line in Statement(ledger.connection).by("day"))


@pytest.mark.long
def test_three_agents_at_once_never_pass_the_days_cap(observed: House, model: Model) -> None:
    house = observed
    house.environment["DAYSHIFT_AGENT__MAX_OUTPUT_TOKENS"] = "8000"
    uncached = {"cache_read": 0, "cache_write": 0}
    turn = {"bash": "date >> work.txt", "usage": {"input": 20_000, "output": 4_000, **uncached}, "delay": 0.5}
    model.plays(house.folder, [turn] * 9)
    tasks = [{"id": f"agent-{n}", "deliverables": ["work.txt"]} for n in range(3)]
    ended = house.run("start", house.day(*tasks, max_cost_usd=3), "--once")
    assert ended.code == 4, ended
    window = [row for row in history(house) if row[0].startswith("day:")]
    assert {row[3] for row in window} == {3_000_000_000_000}
    (most,) = house.query("SELECT MAX(worst) FROM request", rehearsal=False)[0]
    assert max(row[2] for row in window) > most  # several requests were under way at once
    assert max(row[1] for row in window) > 2_250_000_000_000  # and the cap was really used
    outputs = [output for (output,) in house.query("SELECT output FROM request WHERE state <> 'void'", rehearsal=False)]
    assert set(outputs) == {4_000}
    assert sum_of(house) == len(outputs) * (20_000 * RATES["input"] + 4_000 * RATES["output"])
    assert {house.state(f"agent-{n}") for n in range(3)} <= {"parked", "done"}
    assert "75 % of the cap of " in ended.out  # warned on the way
    assert left_behind(house) == []


@pytest.mark.long
def test_an_overloaded_api_and_a_cut_stream_cost_what_they_cost(house: House) -> None:
    house.environment["DAYSHIFT_PRICES"] = PRICES
    ask = {"bash": "echo x > work.txt", "usage": {"input": 1_000, "output": 100, "cache_read": 0, "cache_write": 0}}
    done = {"text": "Done.", "usage": {"input": 2_000, "output": 10, "cache_read": 0, "cache_write": 0}}
    overloaded = {**ask, "error": {"status": 529, "type": "overloaded_error", "retry_after": 1}}
    tasks: list[dict[str, Any]] = [{"id": "overloaded", "deliverables": ["work.txt"], "rehearsal": [overloaded, done]},
             {"id": "cut", "deliverables": ["work.txt"], "rehearsal": [{**ask, "cut": True}, done]}]  # fmt: skip
    ended = house.run("start", house.day(*tasks), "--rehearse", "--once")
    assert ended.code == 0, ended
    rows = house.query("SELECT task, state, cost FROM request ORDER BY id")
    first = 1_000 * RATES["input"] + 100 * RATES["output"]
    last = 2_000 * RATES["input"] + 10 * RATES["output"]
    refused, booked = ([(state, cost) for task, state, cost in rows if task == name] for name in ("overloaded", "cut"))
    assert refused == [("void", 0), ("settled", first), ("settled", last)]
    assert [state for state, _ in booked] == ["estimated", "settled", "settled"]
    assert [cost for _, cost in booked[1:]] == [first, last]
    assert booked[0][1] >= first  # what was cut is charged at its worst case, never at nothing
    assert house.status("cut")["estimated_requests"] == 1


def test_an_unpriced_model_is_refused_with_the_lines_that_price_it(house: House) -> None:
    day = house.day({"id": "odd", "model": "claude-unheard-of-9", "rehearsal": [{"text": "Done."}]})
    before = set(house.home.root.rglob("*"))
    ended = house.run("start", day, "--rehearse", "--once")
    assert ended.code == 2
    assert "claude-unheard-of-9 has no known price" in ended.err
    assert "prices:\n" in ended.err and "claude-unheard-of-9:\n" in ended.err and "input: " in ended.err
    assert set(house.home.root.rglob("*")) == before
    house.environment["DAYSHIFT_PRICES"] = '{"claude-unheard-of-9": {"input": 1, "output": 2}}'
    assert house.run("check", day).code == 0
