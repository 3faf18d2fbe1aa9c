"""The ledger's file: brought up to date with every sum kept, refused when it cannot be trusted, copied once a day."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayshift.cost.booking import Admitted, Reservation, Spend
from dayshift.cost.budgets import week
from dayshift.cost.ledger_file import MIGRATIONS, WEEK, backups, opened, opened_for_reading
from dayshift.cost.statement import Statement, Window, statement
from dayshift.files import Unusable
from metrics import Ledger

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = "day:2026-11-20"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """In a folder whose name a shell would take apart."""
    return tmp_path / "a person's home" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(path)
    yield ledger
    ledger.close()


def spend(ledger: Ledger, worst: int) -> int:
    outcome = ledger.reserve(Reservation("task-1", 1, DAY, "m", "p", worst, {TODAY: 10**9, "total": None}, NOON))
    assert isinstance(outcome, Admitted)
    return outcome.id


# --- from an older program ---------------------------------------------------------------------------


def old_file(path: Path) -> None:
    """As version 1 left it: two days, a task carried over, one request still open, one voided."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(MIGRATIONS[0])
        rows = [
            (1, "old", "2026-11-19", "settled", 50, 20), (2, "old", "2026-11-20", "settled", 60, 30),
            (3, "new", "2026-11-20", "estimated", 70, 70), (4, "new", "2026-11-20", "void", 80, 0),
            (5, "new", "2026-12-31", "open", 90, None),
        ]  # fmt: skip
        for id, task, day, state, worst, cost in rows:
            database.execute(
                "INSERT INTO request (id, task, run, day, model, price, state, worst, cost, admitted_at, input)"
                " VALUES (?, ?, 1, ?, 'm', 'p', ?, ?, ?, 'then', 7)",
                (id, task, day, state, worst, cost),
            )
            file_day = "2026-11-19" if task == "old" else "2026-11-20"
            for window in (f"day:{day}", f"task:{file_day}/{task}"):
                database.execute("INSERT INTO booking VALUES (?, ?)", (window, id))
                database.execute(
                    "INSERT INTO budget VALUES (?, 1000, ?, ?) ON CONFLICT DO UPDATE SET"
                    " settled = settled + excluded.settled, reserved = reserved + excluded.reserved",
                    (window, cost or 0, worst if state == "open" else 0),
                )
        database.execute("INSERT INTO budget VALUES ('day:2026-11-18', 500, 0, 0)")
        database.execute("INSERT INTO mark VALUES ('day', '2026-12-31')")
        database.execute("PRAGMA user_version = 1")


def test_an_older_file_keeps_every_sum_and_learns_of_weeks_months_and_the_total(path: Path) -> None:
    old_file(path)
    ledger = Ledger.open(path)
    ledger.verify()
    assert Statement(ledger.connection).windows() == (
        Window("day:2026-11-18", 500, 0, 0), Window("day:2026-11-19", 1000, 20, 0),
        Window(TODAY, 1000, 100, 0), Window("day:2026-12-31", 1000, 0, 90),
        Window("month:2026-11", None, 120, 0), Window("month:2026-12", None, 0, 90),
        Window("task:2026-11-19/old", 1000, 50, 0), Window("task:2026-11-20/new", 1000, 70, 90),
        Window("total", None, 120, 90),
        Window("week:2026-W47", None, 120, 0), Window("week:2026-W53", None, 0, 90),
    )  # fmt: skip
    assert [(line.key, line.cost) for line in Statement(ledger.connection).by("task")] == [
        ("2026-11-19/old", 50), ("2026-11-20/new", 70)
    ]  # fmt: skip
    assert ledger.memoranda.current_day(DAY) == date(2026, 12, 31)
    ledger.close()


def test_a_request_an_older_program_left_open_is_charged_where_it_was_booked(path: Path) -> None:
    old_file(path)
    ledger = Ledger.open(path)
    assert ledger.recover(NOON) == 1
    assert ledger.audit() == []
    for window in ("day:2026-12-31", "week:2026-W53", "month:2026-12"):
        assert ledger.spend(window).settled == 90
    assert ledger.spend("total") == Spend(210, 0, None)
    ledger.close()


def test_an_older_file_is_brought_up_to_date_once_also_by_who_only_reads(path: Path) -> None:
    old_file(path)
    reader = opened_for_reading(path)
    assert reader
    assert reader.execute("SELECT settled FROM budget WHERE window = 'total'").fetchone() == (120,)
    assert reader.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    reader.close()
    opened(path).close()


@pytest.mark.parametrize("day", [date(2020, 1, 1) + timedelta(days=n) for n in range(0, 5000, 97)] + [
    date(year, month, day) for year in range(2020, 2034) for month, day in ((1, 1), (1, 3), (1, 4), (12, 28), (12, 31))
])  # fmt: skip
def test_the_week_of_an_old_request_is_its_iso_week(day: date) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        assert database.execute(f"SELECT {WEEK} FROM (SELECT ? AS day)", (str(day),)).fetchone() == (week(day),)


def test_a_file_of_a_newer_program_is_left_alone(ledger: Ledger, path: Path) -> None:
    ledger.connection.execute("PRAGMA user_version = 99")
    for look in (Ledger.open, opened_for_reading):
        with pytest.raises(Unusable, match="newer dayshift"):
            look(path)
    assert ledger.connection.execute("PRAGMA user_version").fetchone() == (99,)


# --- broken ------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    """What a start says of that file."""
    with pytest.raises(Unusable) as found:
        ledger = Ledger.open(path)
        try:
            ledger.verify()
        finally:
            ledger.close()
    return str(found.value)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_named_with_its_cure_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert str(path) in refused(path) and "no backup yet" in refused(path)
    with pytest.raises(Unusable, match="empty ledger"):
        opened_for_reading(path)
    assert path.read_bytes() == content


def spent_much(path: Path) -> None:
    """A ledger of many pages, with a backup from before its last request."""
    ledger = Ledger.open(path)
    for _ in range(300):
        ledger.void(spend(ledger, 10), NOON)
    ledger.settle_unknown(spend(ledger, 500), NOON)
    ledger.backup(DAY)
    ledger.settle_unknown(spend(ledger, 77), NOON)
    ledger.close()


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\x5a" * (4096 * 3)
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 5 + 100])


@pytest.mark.parametrize("harm", [overwritten, truncated])
def test_a_broken_ledger_is_refused_and_the_cure_that_is_named_works(path: Path, harm: object) -> None:
    spent_much(path)
    harm(path)  # type: ignore[operator]
    broken = path.read_bytes()
    said = refused(path)
    assert "/backups/ledger-2026-11-20.sqlite3" in said
    subprocess.run(["sh", "-ec", said.partition("missing in it): ")[2]], check=True)
    ledger = Ledger.open(path)
    ledger.verify()
    assert ledger.spend(TODAY).settled == 500
    ledger.close()
    assert (path.parent / "ledger.broken-1" / path.name).read_bytes() == broken
    harm(path)  # type: ignore[operator]
    subprocess.run(["sh", "-ec", refused(path).partition("missing in it): ")[2]], check=True)
    assert (path.parent / "ledger.broken-2").is_dir() and (path.parent / "ledger.broken-1").is_dir()


def test_a_ledger_that_breaks_off_while_it_is_read_is_refused_with_the_cure(path: Path) -> None:
    spent_much(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    with pytest.raises(Unusable, match="malformed\\nto go on with the newest backup"), statement(path) as books:
        assert books is not None
        books.by("task")


def test_an_emptied_ledger_is_not_taken_for_a_new_one(path: Path) -> None:
    spent_much(path)
    path.write_bytes(b"")
    for open_it in (opened, opened_for_reading):
        with pytest.raises(Unusable, match="the file is empty\\nto go on with the newest backup"):
            open_it(path)


def test_what_cannot_be_opened_is_said_in_words(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(Unusable, match="unable to open database file; it must be a file in a folder"):
        opened(path)
    with pytest.raises(Unusable, match=r"ledger\.sqlite3: "):
        opened_for_reading(path)


def test_the_cure_without_a_backup_begins_with_an_empty_ledger(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    cure = refused(path).rpartition("from zero!): ")[2]
    path.with_name(f"{path.name}-wal").write_bytes(b"of the same file")
    subprocess.run(["sh", "-ec", cure], check=True)
    ledger = Ledger.open(path)
    assert ledger.spend(TODAY) == Spend()
    ledger.close()
    assert sorted(each.name for each in (path.parent / "ledger.broken-1").iterdir()) == [path.name, f"{path.name}-wal"]


def test_budgets_that_are_not_the_sum_of_their_requests_stop_a_start(path: Path) -> None:
    spent_much(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE budget SET settled = settled - 1 WHERE window = 'total'")
        database.commit()
    assert "total: settled" in refused(path) and "newest backup" in refused(path)


# --- copies ------------------------------------------------------------------------------------------


def test_one_backup_a_day_that_is_a_whole_ledger_and_only_seven_stay(ledger: Ledger, path: Path) -> None:
    ledger.settle_unknown(spend(ledger, 5), NOON)
    copies = [ledger.backup(DAY + timedelta(days=n)) for n in range(9)]
    assert sorted((path.parent / "backups").iterdir()) == copies[2:] == backups(path)
    ledger.settle_unknown(spend(ledger, 5), NOON)
    assert ledger.backup(DAY + timedelta(days=8)) == copies[8]
    copy = Ledger.open(copies[8])
    copy.verify()
    assert copy.spend(TODAY).settled == 5
    copy.close()


def test_the_copies_of_a_rehearsals_ledger_are_not_taken_for_the_real_ones(ledger: Ledger, path: Path) -> None:
    other = Ledger.open(path.with_name("ledger-rehearsal.sqlite3"))
    assert ledger.backup(DAY) != other.backup(DAY)
    assert len(backups(path)) == 1
    other.close()
