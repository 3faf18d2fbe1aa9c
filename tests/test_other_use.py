"""The account of other use: each message once, priced on its day, and nothing lost to a kill at any moment."""

import os
import signal
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.author import Author
from bench.truth import Truth
from dayshift.cost import harvest
from dayshift.cost.other_use import OtherUse
from dayshift.cost.valuation import Valuation
from dayshift.files import Unusable
from dayshift.money import from_usd
from tests.test_transcripts import line, written

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 20)
EVER = date.min, date.max
#: opus-5-5: (10 * 4 + 200 * 20 + 3000 * 0.2 + 50 * 5 + 20 * 8) millionths of a dollar
COST = from_usd("0.00505")
PLAIN = Valuation({}, "UTC")


def taken_in(folder: Path, account: OtherUse, valuation: Valuation = PLAIN, processes: int = 1) -> harvest.Harvest:
    return harvest.gather(account, [folder], lambda: valuation, processes=processes)


@pytest.fixture
def account(tmp_path: Path) -> OtherUse:
    return OtherUse.open(tmp_path / "own" / "other_use.sqlite3")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "projects"
    made.mkdir()
    return made


def agrees(account: OtherUse, truth: Truth) -> bool:
    days, models, [month, *more] = account.by("day"), account.by("model"), account.by("month")
    tokens = [line.tokens for line in days]
    kinds = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_searches")
    assert {each.key: each.cost for each in days if each.cost} == truth.by_day
    assert {each.key: each.requests for each in models} == truth.by_model
    assert [sum(getattr(each, kind) for each in tokens) for kind in kinds] == truth.counts
    assert sum(each.unpriced for each in models) == truth.unpriced
    return sum(each.cost for each in (month, *more)) == truth.pico


@pytest.mark.parametrize("processes", [1, 2])
def test_every_trap_at_once_comes_to_the_truth_to_the_pico_dollar(
    processes: int, account: OtherUse, folder: Path
) -> None:
    truth = Author(11).tree(folder, 20 * 10**6)
    harvested = taken_in(folder, account, processes=processes)
    assert (harvested.new, harvested.problems) == (truth.requests, [])
    assert agrees(account, truth)
    assert taken_in(folder, account).new == 0
    assert agrees(account, truth)


def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, folder: Path) -> None:
    truth = Author(12).tree(folder, 30 * 10**6)
    file = tmp_path / "account.sqlite3"
    script = (
        "import sys; from pathlib import Path; from dayshift.cost.harvest import gather;"
        " from dayshift.cost.other_use import OtherUse; from dayshift.cost.valuation import Valuation;"
        " gather(OtherUse.open(Path(sys.argv[1])), [Path(sys.argv[2])], lambda: Valuation({}, 'UTC'), processes=2,"
        " told=lambda so_far: print(so_far.new, flush=True))"
    )
    parts: list[int] = []
    for stop_after in (1, 2, 1):
        argv = [sys.executable, "-c", script, str(file), str(folder)]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            parts += [int(process.stdout.readline() or 0) for _ in range(stop_after)][-1:]
            os.kill(process.pid, signal.SIGKILL)
    account = OtherUse.open(file)
    taken_in(folder, account, processes=2)
    assert 0 < parts[0] < truth.requests, "the first was killed in the middle"
    assert agrees(account, truth)


def children() -> set[int]:
    """The processes that this one has begun; what all tests share is among them."""
    me = os.getpid()
    return {int(child) for child in Path(f"/proc/{me}/task/{me}/children").read_text().split()}


def test_a_second_process_that_dies_is_made_good(account: OtherUse, folder: Path) -> None:
    truth = Author(13).tree(folder, 20 * 10**6)
    others = children()

    def kill_it(so_far: harvest.Harvest) -> None:
        for child in children() - others:
            os.kill(child, signal.SIGKILL)

    harvest.gather(account, [folder], lambda: PLAIN, processes=2, told=kill_it)
    assert agrees(account, truth)


def test_what_is_appended_is_added_and_nothing_is_read_twice(account: OtherUse, folder: Path) -> None:
    written(folder, line())
    assert taken_in(folder, account).new == 1
    written(folder, line(), line(id="msg_2"))
    later = taken_in(folder, account)
    assert (later.files, later.read, later.size, later.new) == (1, 1, len(line(id="msg_2")), 1)
    assert taken_in(folder, account).read == 0
    assert account.spent(DAY, DAY) == 2 * COST


def test_a_fork_and_a_file_read_anew_add_nothing(account: OtherUse, folder: Path) -> None:
    written(folder, line(), line(id="msg_2"))
    written(folder, line(session="s-2"), line(id="msg_3", session="s-2"), name="fork.jsonl")
    assert taken_in(folder, account).new == 3
    written(folder, line())
    assert taken_in(folder, account).new == 0
    assert [(each.key, each.requests) for each in account.by("session")] == [("s-1", 2), ("s-2", 1)]


def test_an_aside_of_a_later_day_leaves_the_message_on_its_first(account: OtherUse, folder: Path) -> None:
    written(folder, line(side=True, at="2026-11-22T10:00:00.000Z", requestId="req_2"), name="aside.jsonl")
    taken_in(folder, account)
    assert [each.key for each in account.by("day")] == ["2026-11-22"]
    written(folder, line())
    taken_in(folder, account)
    assert [(each.key, each.requests) for each in account.by("day")] == [("2026-11-20", 1)]


def test_the_day_is_that_of_the_timezone_and_changes_with_it(account: OtherUse, folder: Path) -> None:
    written(folder, line(at="2026-11-20T23:30:00.000Z"))
    taken_in(folder, account, Valuation({}, "Europe/Berlin"))
    assert (account.spent(DAY, DAY), account.spent(date(2026, 11, 21), date.max)) == (0, COST)
    taken_in(folder, account, PLAIN)
    assert account.spent(DAY, DAY) == COST


def test_a_message_costs_what_its_model_cost_on_its_day(account: OtherUse, folder: Path) -> None:
    counts = {"input_tokens": 300_000, "output_tokens": 0, "cache_read_input_tokens": 0, "cache_creation": None}
    long: dict[str, Any] = {"model": "claude-opus-4-6", "usage": {**counts, "cache_creation_input_tokens": 0}}
    written(folder, line(id="msg_1", at="2026-03-12T12:00:00.000Z", **long),
            line(id="msg_2", at="2026-03-13T12:00:00.000Z", **long))  # fmt: skip
    taken_in(folder, account)
    assert [each.cost for each in account.by("day")] == [from_usd("3"), from_usd("1.5")]


def test_an_unpriced_model_is_no_zero_and_is_priced_once_somebody_says_its_price(
    account: OtherUse, folder: Path
) -> None:
    written(folder, line(model="glm-made-up-9"))
    taken_in(folder, account)
    [unpriced] = account.by("model")
    assert (unpriced.cost, unpriced.unpriced) == (0, 1)
    assert account.spent(*EVER) > COST, "a cap counts it at the dearest rates"
    taken_in(folder, account, Valuation({"glm-made-up-9": {"input": Decimal(1), "output": Decimal(1)}}, "UTC"))
    [priced] = account.by("model")
    assert (priced.unpriced, priced.cost) == (0, account.spent(*EVER))


def test_a_model_that_only_genai_prices_knows_is_priced(account: OtherUse, folder: Path) -> None:
    written(folder, line(model="claude-3-7-sonnet-20250219"))
    taken_in(folder, account)
    [known] = account.by("model")
    assert known.cost > 0 and known.unpriced == 0


def test_usage_that_nobody_understands_counts_as_the_most_it_can_have_been(account: OtherUse, folder: Path) -> None:
    written(folder, line(usage={"iterations": [{"type": "advisor"}]}))
    taken_in(folder, account)
    [unread] = account.by("model")
    assert (unread.requests, unread.unpriced, unread.cost) == (1, 1, 0)
    assert account.spent(*EVER) > from_usd(10)


def test_the_tables_are_kept_by_day_week_month_model_project_and_session(account: OtherUse, folder: Path) -> None:
    written(folder, line(), line(id="msg_2", at="2027-01-01T12:00:00.000Z"))
    taken_in(folder, account)
    keys = {kind: [each.key for each in account.by(kind)] for kind in ("week", "month", "model", "project", "session")}
    assert keys == {"week": ["2026-W47", "2026-W53"], "month": ["2026-11", "2027-01"], "model": ["claude-opus-5-5"],
                    "project": ["/src/shop"], "session": ["s-1"]}  # fmt: skip
    assert [each.key for each in account.by("day", date(2026, 12, 1))] == ["2027-01-01"]


def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(account: OtherUse, folder: Path) -> None:
    path = written(folder, line(), name="gone.jsonl")
    written(folder, line(id="msg_2"), name="here.jsonl")

    def gone_meanwhile() -> Valuation:
        Path(path).unlink()
        return PLAIN

    harvested = harvest.gather(account, [folder], gone_meanwhile)
    assert (harvested.new, harvested.problems) == (1, [(path, "No such file or directory")])


def test_a_folder_that_cannot_be_listed_is_told_and_stops_nothing(account: OtherUse, folder: Path) -> None:
    written(folder, line())
    harvested = harvest.gather(account, [folder / "gone", folder], lambda: PLAIN)
    told = (str(folder / "gone"), "the folder cannot be listed: No such file or directory")
    assert (harvested.new, harvested.problems) == (1, [told])


def test_reading_before_the_first_import_finds_nothing_and_makes_no_file(tmp_path: Path) -> None:
    account = OtherUse.read_only(tmp_path / "none.sqlite3")
    assert (account.spent(*EVER), account.by("day"), list(tmp_path.iterdir())) == (0, (), [])


def test_a_file_that_is_no_account_is_refused_with_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "other_use.sqlite3"
    file.write_bytes(b"words " * 1000)
    for opening in (OtherUse.open, OtherUse.read_only):
        with pytest.raises(Unusable, match="remove it and run `dayshift cost import` again"):
            opening(file)


def test_one_day_is_answered_at_once_from_the_index(account: OtherUse, folder: Path) -> None:
    Author(14).tree(folder, 10**6)
    taken_in(folder, account)
    sql = "EXPLAIN QUERY PLAN SELECT SUM(COALESCE(cost, most)) FROM message WHERE day BETWEEN '1' AND '2'"
    assert "USING COVERING INDEX message_day" in str(account._db.execute(sql).fetchall())
