"""`cost reprice`: settled requests at the prices now known for their day; shown first, booked once, all or none."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dayshift.cost.booking import Admitted, Reservation
from dayshift.cost.budgets import periods
from dayshift.home import Home
from dayshift.messages import usage_readers
from dayshift.model import Usage
from dayshift.money import Pico, from_usd
from metrics import Ledger
from tests.command_line import DAY, NOON, ROOT, daemon, run

EARLIER = date(2026, 11, 12)  #: another day and week, the same month
MILLION = {"input_tokens": 10**6, "output_tokens": 0}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    home.config.mkdir()
    return home


class Books:
    """The home's ledger, filled request by request."""

    def __init__(self, home: Home) -> None:
        self.path = home.ledger(rehearsal=False)

    def reserve(self, ledger: Ledger, day: date, model: str, account: Any = "api") -> int:
        prefix = "plan/" if account == "plan" else ""
        windows: dict[str, Pico | None] = {prefix + name: from_usd(500) for name in (*periods(day).values(), "task:x")}
        request = Reservation("x", 1, day, model, "as it was", from_usd(10), windows, NOON, account=account)
        outcome = ledger.reserve(request)
        assert isinstance(outcome, Admitted)
        return outcome.id

    def settle(
        self, cost: str, day: date = DAY, model: str = "claude-sonnet-5-5", account: str = "api", **raw: Any
    ) -> int:
        """A request that was answered by that model with such a usage, booked at that cost."""
        usage = usage_readers.read_json(json.dumps({"model": model, "usage": {**MILLION, **raw}}).encode())
        assert isinstance(usage, Usage)
        ledger = Ledger.open(self.path)
        id = self.reserve(ledger, day, model, account)
        assert ledger.settle(id, usage, from_usd(cost), "req", NOON)
        ledger.close()
        return id

    def spent(self, window: str) -> Pico:
        ledger = Ledger.open(self.path)
        try:
            assert ledger.audit() == []
            return ledger.spend(window).settled
        finally:
            ledger.close()

    def rows(self, columns: str = "cost, price") -> list[tuple[Any, ...]]:
        ledger = Ledger.open(self.path)
        try:
            return ledger.connection.execute(f"SELECT {columns} FROM request ORDER BY id").fetchall()
        finally:
            ledger.close()


@pytest.fixture
def books(home: Home) -> Books:
    return Books(home)


def facts(home: Home, *options: str) -> Any:
    result = run(home, "cost", "reprice", "--json", *options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def own_price(home: Home, text: str) -> None:
    (home.config / "orchestrator.yaml").write_text(f"prices: {text}\n")


# --- what is shown -----------------------------------------------------------------------------------


def test_it_shows_the_old_and_the_new_amount_of_each_model_and_changes_nothing(home: Home, books: Books) -> None:
    books.settle("3", EARLIER)
    books.settle("2")
    books.settle("0.1", model="claude-haiku-4-5")
    before = books.rows("*")
    result = run(home, "cost", "reprice")
    table = [line.split("  ") for line in result.stdout.splitlines()]
    assert [[cell.strip() for cell in row if cell] for row in table[1:4]] == [
        ["claude-haiku-4-5", "1", "1", "$0.10", "$1.00", "+$0.90"],
        ["claude-sonnet-5-5", "2", "1", "$5.00", "$4.00", "-$1.00"],
        ["total", "3", "2", "$5.10", "$5.00", "-$0.10"],
    ]
    assert "--yes" in result.stdout
    assert books.rows("*") == before


def test_what_is_booked_as_it_should_be_is_said_to_be(home: Home, books: Books) -> None:
    books.settle("2")
    assert run(home, "cost", "reprice").stdout.splitlines()[-1] == "every amount is as it is booked"


def test_without_a_ledger_nothing_is_made(home: Home) -> None:
    assert "no settled request" in run(home, "cost", "reprice", "--yes").stdout
    assert list(home.own.glob("*.sqlite3*")) == []


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ((), ["claude-haiku-4-5", "claude-sonnet-5-5", "total"]),
        (("--since", "2026-11-20"), ["claude-haiku-4-5", "total"]),
        (("--model", "sonnet"), ["claude-sonnet-5-5", "total"]),
        (("--model", "claude-haiku-4-5-20251001"), ["claude-haiku-4-5", "total"]),
        (("--model", "gpt-5"), []),
    ],
)
def test_only_what_is_asked_for_is_priced_anew(home: Home, books: Books, options: list[str], keys: list[str]) -> None:
    books.settle("1", EARLIER)
    books.settle("1", model="claude-haiku-4-5")
    assert [row["key"] for row in facts(home, *options)["rows"]] == keys


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{m: {input: 1}}", "prices: m: output is missing (dollars per million tokens)"),
        ("{sonnet: {input: 1e999}}", "prices.sonnet.input: must be a number such as 20 or 7.50, not inf"),
        ("{sonnet: {fast: 0.5}}", "prices.sonnet: `fast` must be from 1 to 1000, not 0.5"),
    ],
)
def test_own_figures_that_make_no_sense_are_refused_in_one_line(home: Home, given: str, said: str) -> None:
    own_price(home, given)
    result = run(home, "cost", "reprice")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [result.stderr.strip()]
    assert said in result.stderr


# --- what is booked ----------------------------------------------------------------------------------


def test_it_books_in_every_budget_and_a_second_time_finds_nothing(home: Home, books: Books) -> None:
    books.settle("3", EARLIER)
    books.settle("2")
    assert facts(home, "--yes")["booked"] == 1
    assert books.rows() == [(from_usd(2), "shipped 2026-11-20 (list)"), (from_usd(2), "as it was")]
    first, second = periods(EARLIER), periods(DAY)
    assert books.spent(first["daily_usd"]) == books.spent(first["weekly_usd"]) == from_usd(2)
    assert books.spent(second["daily_usd"]) == from_usd(2)
    assert books.spent(first["monthly_usd"]) == books.spent("task:x") == books.spent("total") == from_usd(4)
    again = facts(home, "--yes")
    assert (again["booked"], again["rows"][-1]["changed"]) == (0, 0)


def test_the_persons_own_figures_of_today_count(home: Home, books: Books) -> None:
    books.settle("2")
    own_price(home, "{sonnet: {input: 7}}")
    assert facts(home, "--yes")["rows"][-1] == {
        "key": "total", "requests": 1, "changed": 1, "unpriced": 0, "booked_usd": "2.00", "anew_usd": "7.00",
    }  # fmt: skip
    assert books.rows() == [(from_usd(7), "config/orchestrator.yaml")]


def test_a_price_counts_from_its_first_day_on(home: Home, books: Books) -> None:
    for day in (date(2026, 3, 12), date(2026, 3, 13)):
        books.settle("1", day, "claude-opus-4-6")
    facts(home, "--yes")
    assert [cost for cost, _ in books.rows()] == [from_usd(10), from_usd(5)]


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({"speed": "fast", "inference_geo": "us"}, "8.8"),
        ({"server_tool_use": {"web_search_requests": 3}}, "4.03"),
        ({"input_tokens": 0, "cache_creation_input_tokens": 10**6,
          "cache_creation": {"ephemeral_1h_input_tokens": 10**6}}, "8"),
    ],
)  # fmt: skip
def test_all_that_made_the_price_is_kept_with_the_request(
    home: Home, books: Books, usage: dict[str, Any], dollars: str
) -> None:
    books.settle("1", model="claude-opus-5-5", **usage)
    facts(home, "--yes")
    assert books.rows("cost") == [(from_usd(dollars),)]


def test_it_is_the_answers_model_that_counts_not_the_one_that_was_asked(home: Home, books: Books) -> None:
    usage = usage_readers.read_json(json.dumps({"model": "claude-haiku-4-5", "usage": MILLION}).encode())
    assert isinstance(usage, Usage)
    ledger = Ledger.open(books.path)
    assert ledger.settle(books.reserve(ledger, DAY, "claude-opus-5-5"), usage, from_usd(4), "req", NOON)
    ledger.close()
    (row, _) = facts(home)["rows"]
    assert (row["key"], row["anew_usd"]) == ("claude-haiku-4-5", "1.00")


def test_a_request_kept_by_an_older_version_is_priced_by_the_model_that_was_asked(home: Home, books: Books) -> None:
    books.settle("1")
    ledger = Ledger.open(books.path)
    ledger.connection.execute("UPDATE request SET usage = json_remove(usage, '$.model')")
    ledger.close()
    facts(home, "--yes")
    assert books.rows("cost") == [(from_usd(2),)]


def test_a_dearer_price_is_no_overrun_and_an_overrun_stays_one(home: Home, books: Books) -> None:
    books.settle("2")
    books.settle("11")
    own_price(home, "{sonnet: {input: 40}}")
    facts(home, "--yes")
    assert books.rows("cost > ceiling") == [(0,), (1,)]


def test_requests_without_a_known_end_and_those_in_flight_are_left_alone(home: Home, books: Books) -> None:
    ledger = Ledger.open(books.path)
    ledger.settle_unknown(books.reserve(ledger, DAY, "sonnet"), NOON)
    books.reserve(ledger, DAY, "sonnet")
    ledger.close()
    assert facts(home, "--yes") == {"booked": 0, "rows": [], "notional": [], "unpriced": []}
    assert books.spent("total") == from_usd(10)


# --- what has no price -------------------------------------------------------------------------------


def test_what_has_no_price_stays_as_it_is_booked_and_the_cure_is_said(home: Home, books: Books) -> None:
    books.settle("2", model="nobody-knows-it")
    books.settle("2", model="claude-sonnet-5-5", speed="fast")
    result = run(home, "cost", "reprice", "--yes")
    assert "2 more requests have no price and stay as they are booked, at $4.00:" in result.stdout
    assert "nobody-knows-it has no known price. Add these lines to config/orchestrator.yaml" in result.stdout
    assert "claude-sonnet-5-5 has no price for fast mode" in result.stdout
    assert books.spent("total") == from_usd(4)
    own_price(home, "{nobody-knows-it: {input: 1, output: 1}, sonnet: {fast: 2}}")
    facts(home, "--yes")
    assert [cost for cost, _ in books.rows()] == [from_usd(1), from_usd(4)]


def test_a_usage_that_is_not_understood_is_named_and_stays_as_it_is_booked(home: Home, books: Books) -> None:
    books.settle("3")
    ledger = Ledger.open(books.path)
    ledger.connection.execute("UPDATE request SET usage = json_set(usage, '$.of_tomorrow', 1)")
    ledger.close()
    assert facts(home, "--yes")["unpriced"] == [
        "claude-sonnet-5-5 counted something this version cannot price: of_tomorrow"
    ]
    assert books.spent("total") == from_usd(3)


def test_a_plans_amounts_are_a_table_of_their_own(home: Home, books: Books) -> None:
    books.settle("1")
    books.settle("5", account="plan")
    found = facts(home, "--yes")
    assert [found[name][-1]["anew_usd"] for name in ("rows", "notional")] == ["2.00", "2.00"]
    assert (books.spent("total"), books.spent("plan/total")) == (from_usd(2), from_usd(2))
    assert "no bill" in run(home, "cost", "reprice").stdout


# --- beside a daemon, and cut off --------------------------------------------------------------------


def test_a_daemon_may_run_and_is_said_to_know_the_old_prices(home: Home, books: Books) -> None:
    books.settle("1")
    with daemon(home):
        assert "until it is started again" in run(home, "cost", "reprice", "--yes").stdout


def test_requests_booked_at_the_same_time_are_all_counted(home: Home, books: Books) -> None:
    """Several reprice at once while others settle: every budget is the sum of its requests at the end."""
    for _ in range(20):
        books.settle("1")
    words = [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(home.root), "cost", "reprice", "--yes"]
    with ExitStack() as stack:
        at_once = [
            stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, cwd=home.root)) for _ in range(3)
        ]
        for _ in range(20):
            books.settle("2")
        for process in at_once:
            process.communicate(timeout=60)
    assert [process.returncode for process in at_once] == [0, 0, 0]
    assert books.spent("total") == 40 * from_usd(2)


CUT_OFF = """
import sys, time
from pathlib import Path
import corrections
def costs():
    yield 1, 5 * 10**12, "new"
    print("one is changed", flush=True)
    time.sleep(60)
corrections.reprice(Path(sys.argv[1]), costs())
"""


def test_cut_off_in_the_middle_nothing_is_changed(home: Home, books: Books) -> None:
    books.settle("1")
    books.settle("1")
    with subprocess.Popen([sys.executable, "-c", CUT_OFF, books.path], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one is changed\n"
        process.send_signal(signal.SIGKILL)
    assert books.rows() == [(from_usd(1), "as it was")] * 2
    assert books.spent("total") == from_usd(2)
