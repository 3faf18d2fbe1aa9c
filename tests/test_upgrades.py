"""An upgrade in the middle of a day: what an earlier release left is taken up, what a newer one holds is left alone."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dayshift import files, holder, locks, records
from dayshift.cost import ledger_file, sqlite_file
from dayshift.home import Home
from dayshift.notifying.outbox import LAYOUT
from dayshift.running import spool
from dayshift.running.spool import Spool
from dayshift.states import Running
from metrics import Ledger
from tests.bygone import asked
from tests.elder import files as elder
from tests.test_holder import bare, begin, boxed, end_of, nap, output, until
from tests.test_holder import spool as a_spool

ROOT = Path(__file__).parent.parent
ELDER = ROOT / "tests" / "elder" / "holder.py"
__all__ = ["a_spool", "boxed", "nap"]  # fixtures


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    elder.written(home.own, project=str(tmp_path), session="3f9a", base="c0ffee")
    return home


# --- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_of_the_elder_holder_is_followed_and_ended(
    a_spool: Spool, boxed: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    monkeypatch.setattr(spool, "HOLDER", ELDER)
    a_spool.folder.mkdir(parents=True)
    (a_spool.folder / "out").write_text("of the run before\n")
    begin(a_spool, boxed(f"echo begun; sleep {300 if stopped else 1}; exit 7"))
    until(lambda: "begun" in output(a_spool))
    assert a_spool.alive and a_spool.started and not a_spool.forestall()
    assert (a_spool.protocol, a_spool.offset) == (1, len("of the run before\n"))
    if stopped:
        a_spool.end("mark")
    ended = end_of(a_spool)
    assert (ended.how, ended.launched) == (("stopped", True) if stopped else ("exited", True))
    assert stopped or ended.code == 7
    assert not a_spool.alive and a_spool.reap("mark") == 0


def test_what_an_elder_holder_that_was_killed_left_is_reaped(
    a_spool: Spool, boxed: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "HOLDER", ELDER)
    begin(a_spool, boxed("sleep 300"))
    until((a_spool.folder / "namespace.json").exists)
    for pid in _holders_of(a_spool):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not a_spool.alive)
    assert end_of(a_spool).how == "lost"
    a_spool.reap(str(a_spool.folder))
    assert a_spool.reap(str(a_spool.folder)) == 0


def _holders_of(a_spool: Spool) -> list[int]:
    named = str(a_spool.folder).encode()
    return [int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline") if _holds(each, named)]


def _holds(place: Path, named: bytes) -> bool:
    with contextlib.suppress(OSError):
        words = place.read_bytes().split(b"\0")
        return str(ELDER).encode() in words and named in words
    return False


@pytest.mark.parametrize("sandboxed", [False, True], ids=["bare", "boxed"])
def test_a_run_goes_on_to_its_end_when_the_program_is_taken_away_under_its_holder(
    a_spool: Spool, boxed: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandboxed: bool
) -> None:
    """As an upgrade does it: every file of the release that began the run is removed."""
    installed = tmp_path / "site-packages" / "dayshift"
    shutil.copytree(ROOT / "dayshift" / "holder", installed / "holder", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "failpoints.py"):
        shutil.copy(ROOT / "dayshift" / name, installed)
    monkeypatch.setattr(spool, "HOLDER", installed / "holder" / "__main__.py")
    script = "echo begun; python3 -c 'print(bytearray(90 << 20)[:5])'; sleep 300"
    begin(a_spool, boxed(script) if sandboxed else bare(script))
    until(lambda: "begun" in output(a_spool))
    shutil.rmtree(installed)
    time.sleep(1.2)  # several looks at what it takes
    assert a_spool.alive
    a_spool.end("mark")
    ended = end_of(a_spool)
    assert (ended.how, ended.why) == ("stopped", "")
    assert "Traceback" not in a_spool.stderr_tail()


def test_a_run_of_a_newer_protocol_is_not_touched(home: Home) -> None:
    """After a downgrade: the start is refused in plain words, and nothing is told to the holder."""
    run = home.run("worker", 1)
    run.mkdir(parents=True)
    start = {"protocol": holder.PROTOCOL + 1, "boot": processes_boot(), "offset": 0, "unheard of": True}
    files.write_json(run / "start.json", start)
    with locks.lock(run / "lock"):
        before = sorted(run.iterdir())
        said = asked(home, "start", "--rehearse")
        assert said.returncode == 3
        assert f"a newer dayshift began a run of worker (protocol {holder.PROTOCOL + 1})" in said.stderr
        assert sorted(run.iterdir()) == before
    assert '"running"' in (home.records / "worker.json").read_text()


def processes_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


# --- files -----------------------------------------------------------------------------------------


def test_the_files_of_the_first_release_are_read(home: Home, tmp_path: Path) -> None:
    known, broken = records.load_all(home)
    assert broken == []
    assert isinstance(known["worker"].state, Running) and known["worker"].session_id == "3f9a"
    records.save(home, known["worker"])
    assert records.load_all(home)[0] == known
    day, dirty = records.kept_day(home, rehearsal=False)
    assert day is not None and (day.date, day.project, dirty) == (date(2026, 11, 20), str(tmp_path), False)


def test_a_file_of_a_newer_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for name, version, opened in (
        ("ledger.sqlite3", len(ledger_file.MIGRATIONS), ledger_file.opened),
        ("outbox.sqlite3", LAYOUT.version, lambda path: sqlite_file.opened(path, LAYOUT)),
    ):
        path = tmp_path / name
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {version + 1}")
            database.execute("CREATE TABLE what_nobody_knows (x)")
        with pytest.raises(files.Unusable, match="was written by a newer dayshift"):
            opened(path)
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("what_nobody_knows",)]


# --- a migration, cut short ------------------------------------------------------------------------

OPENED = """
import sys
from pathlib import Path
from metrics import Ledger
print(flush=True)
Ledger.open(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""
REQUESTS = 1000


def ledger_of_version(path: Path, version: int) -> None:
    """A ledger as the release of that version made it, with as many requests as a month has."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN")
        for script in ledger_file.MIGRATIONS[:version]:
            for statement in script.split(";\n"):
                database.execute(statement)
        columns = [(name, kind) for _, name, kind, needed, default, _ in database.execute("PRAGMA table_info(request)")
                   if needed and default is None]  # fmt: skip
        values = {"day": "2026-11-20", "state": "settled", "id": None}
        for number in range(1, REQUESTS + 1):
            row = [values.get(name, number if kind == "INTEGER" else str(number)) for name, kind in columns]
            names = ", ".join(name for name, _ in columns)
            database.execute(f"INSERT INTO request ({names}) VALUES ({', '.join('?' * len(row))})", row)
        database.execute(f"PRAGMA user_version = {version}")
        database.execute("COMMIT")


@pytest.mark.long
def test_a_migration_that_is_killed_fifty_times_is_whole_each_time(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    chance, before, after, took = random.Random(seed), 0, 0, 0.0
    path = tmp_path / "ledger.sqlite3"
    for turn in range(63):  # fifty of them are cut short
        for each in tmp_path.glob("ledger.sqlite3*"):
            each.unlink()
        ledger_of_version(path, 1)
        with subprocess.Popen(
            [sys.executable, "-c", OPENED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            began = time.monotonic()
            if turn % 5 == 0:  # let it come to its end, for a measure of how long that takes
                process.stdout.readline()
                took = time.monotonic() - began
            else:
                time.sleep(chance.uniform(0, 1.2 * took))
            process.kill()
        with contextlib.closing(sqlite3.connect(path)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], (seed, turn)
            assert version in (1, len(ledger_file.MIGRATIONS)), (seed, turn)
            assert database.execute("SELECT count(*) FROM request").fetchone() == (REQUESTS,)
        before, after = before + (version == 1), after + (version != 1)
        ledger = Ledger.open(path)
        ledger.verify()
        ledger.close()
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM request").fetchone() == (REQUESTS,)
    print(f"seed {seed}: killed {before} times before the commit, {after} times after it")
    assert before and after, (seed, before, after)
