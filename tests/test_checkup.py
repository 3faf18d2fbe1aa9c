"""The state of a home as `doctor` sees it: every fault is found, what is safe is put right, the rest is left alone."""

import json
import os
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayshift import files
from dayshift.checkup import allowances, clocks, disks, watching
from dayshift.checkup.examination import Fixed, examined, fixed
from dayshift.checkup.points import Point, Repair, Subject
from dayshift.holder.bounds import Bounds
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.repository import git
from dayshift.running import holders
from dayshift.running.spool import Spool
from dayshift.states import Done, Running
from metrics import Ledger
from tests.acceptance.house import until
from tests.command_line import NOON, add, daemon, everything, run

NOW = datetime.now(UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A sound home: one task done, with its status, and a ledger."""
    home = Home(tmp_path / "home")
    home.make_folders()
    add(home, "task-1", Done(NOON))
    Ledger.open(home.ledger(rehearsal=False)).close()
    return home


def look(home: Home, settings: Settings | None = None, now: datetime | None = None) -> dict[str, Point]:
    points = list(examined(home, settings or Settings(), None, now or datetime.now(UTC)))
    assert len({point.name for point in points}) == len(points)
    return {point.name: point for point in points}


def fix(home: Home, pretend: bool = False) -> list[Fixed]:
    return list(fixed(home, look(home).values(), pretend))


def wrong(home: Home) -> list[str]:
    """The faulty points, but for what this machine may lack."""
    machine = ("disk", "open files", "processes", "file watches")
    return [name for name, point in look(home).items() if not point.ok and not name.startswith(machine)]


def test_a_sound_home_has_nothing_wrong_and_is_not_changed(home: Home) -> None:
    before = everything(home)
    began = time.monotonic()
    assert wrong(home) == [] and fix(home) == []
    assert time.monotonic() - began < 10
    after = everything(home)  # SQLite makes its shared memory to read, and an empty log
    assert {path: each for path, each in after.items() if not path.endswith(("-shm", "-wal"))} == before


def test_a_home_without_a_day_has_no_state_to_be_wrong(tmp_path: Path) -> None:
    assert wrong(Home(tmp_path)) == [] and not list(tmp_path.iterdir())


# --- torn files --------------------------------------------------------------------------------------

OURS = ["tasks/task-1.json", "day.json", "limits.json", "lessons.json", "days/2026-11-20.json", "inbox/1-2.json",
        "history/2026-11-19/task-9-20261119T090000000000.json"]  # fmt: skip


TORN = (b"", b'{"day": {"dat', b"\x00\xff", b"[[[[", b'{"state": 7, "day": []}')


@pytest.mark.parametrize(("name", "content"), [(name, TORN[0]) for name in OURS] + [(OURS[0], each) for each in TORN])
def test_a_torn_file_is_found_and_set_aside_with_all_it_holds(home: Home, name: str, content: bytes) -> None:
    path = home.own / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert "files" in wrong(home) and str(path.relative_to(home.root)) in look(home)["files"].found
    done = fix(home)
    assert all(each.done for each in done), done
    assert not path.exists() and path.with_name(f"{path.name}.broken").read_bytes() == content
    assert "files" not in wrong(home)
    assert "set aside" in look(home)


def test_a_torn_file_of_a_run_is_told_but_stays_for_it_is_the_runs_proof(home: Home) -> None:
    place = home.run("task-1", 1)
    place.mkdir(parents=True)
    (place / "start.json").write_text("{")
    assert wrong(home) == ["files"] and fix(home) == [] and (place / "start.json").read_text() == "{"


@pytest.mark.parametrize("content", [None, "", "{", '{"state": "running"}'])
def test_a_status_that_is_gone_torn_or_old_is_made_anew_from_its_record(home: Home, content: str | None) -> None:
    path = home.status / "task-1.json"
    path.unlink() if content is None else path.write_text(content)
    assert wrong(home) == ["status files"]
    assert [each.done for each in fix(home)] == [True] and wrong(home) == []
    facts = files.read_facts(path)
    assert facts["state"] == "done" and facts["name"] == "Name of task-1"


def test_lines_of_a_history_that_were_cut_off_are_counted(home: Home) -> None:
    (home.own / "timeline" / "2026-11-20.jsonl").write_text('\n{"task": "a"}\n{"task": ')
    assert "1 of 2 lines" in look(home)["histories"].found and wrong(home) == []


# --- the money ---------------------------------------------------------------------------------------


def test_a_broken_ledger_is_told_with_its_cure_and_never_touched(home: Home) -> None:
    path = home.ledger(rehearsal=False)
    ledger = Ledger.open(path)
    copy = ledger.backup(date(2026, 11, 20))
    ledger.close()
    path.write_bytes(path.read_bytes()[:5000] + b"x" * 3000)
    broken = path.read_bytes()
    assert wrong(home) == ["ledger"] and f"cp {copy}" in look(home)["ledger"].found
    assert fix(home) == [] and path.read_bytes() == broken


def test_a_budget_that_is_not_the_sum_of_its_requests_is_found(home: Home) -> None:
    with sqlite3.connect(home.ledger(rehearsal=False)) as connection:
        connection.execute("INSERT INTO budget (window, cap, settled, reserved) VALUES ('total', NULL, 5, 0)")
    connection.close()
    assert wrong(home) == ["ledger"] and "total: settled" in look(home)["ledger"].found


def test_a_backup_that_is_no_use_is_found(home: Home) -> None:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    ledger.backup(date(2026, 11, 20)).write_bytes(b"SQLite format 3\0 no more")
    ledger.close()
    assert wrong(home) == ["ledger"] and "its newest backup" in look(home)["ledger"].found


def rehearsed(home: Home) -> Path:
    """A rehearsal's ledger, with a backup; the path of the backup."""
    ledger = Ledger.open(home.ledger(rehearsal=True))
    copy = ledger.backup(date(2026, 11, 20))
    ledger.close()
    return copy


@pytest.mark.parametrize("broken", ["page", "sum", "emptied"])
def test_a_rehearsals_ledger_that_no_rehearsal_could_use_is_set_aside(home: Home, broken: str) -> None:
    path, copy = home.ledger(rehearsal=True), rehearsed(home)
    assert wrong(home) == [] and look(home)["rehearsal's ledger"].found == f"sound; newest backup {copy.name}"
    if broken == "sum":
        with sqlite3.connect(path) as connection:
            connection.execute("INSERT INTO budget (window, cap, settled, reserved) VALUES ('total', NULL, 5, 0)")
        connection.close()
    else:
        path.write_bytes(path.read_bytes()[:5000] + b"x" * 3000 if broken == "page" else b"")
    assert wrong(home) == ["rehearsal's ledger"] and str(path) in look(home)["rehearsal's ledger"].found
    assert [each.done for each in fix(home)] == [True] and wrong(home) == [] and not path.exists()
    Ledger.open(path).close()
    assert copy.exists() and home.ledger(rehearsal=False).exists()


def test_a_rehearsals_ledger_of_a_newer_program_is_told_and_stays(home: Home) -> None:
    path = home.ledger(rehearsal=True)
    rehearsed(home)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert wrong(home) == ["rehearsal's ledger"] and "newer dayshift" in look(home)["rehearsal's ledger"].found
    assert fix(home) == [] and path.exists()


def test_a_rehearsals_backup_that_is_no_use_is_set_aside_and_the_ledger_stays(home: Home) -> None:
    copy = rehearsed(home)
    copy.write_bytes(b"SQLite format 3\0 no more")
    assert (
        wrong(home) == ["rehearsal's ledger"] and f"its newest backup {copy}" in look(home)["rehearsal's ledger"].found
    )
    assert [each.done for each in fix(home)] == [True] and wrong(home) == [] and not copy.exists()
    assert home.ledger(rehearsal=True).exists()


def test_counts_of_one_and_of_several_are_told_as_such(home: Home) -> None:
    assert look(home)["status files"].found == "1 says what its record says"
    (home.own / "a.broken").touch()
    assert look(home)["set aside"].found == "1 file: .dayshift/a.broken"
    (home.own / "b.broken").touch()
    assert look(home)["set aside"].found == "2 files: .dayshift/a.broken, .dayshift/b.broken"


def test_another_database_that_is_broken_is_set_aside_with_its_logs(home: Home) -> None:
    path = home.outbox(rehearsal=False)
    for ending in ("", "-wal"):
        path.with_name(path.name + ending).write_bytes(b"no database at all, " * 300)
    assert wrong(home) == ["outbox.sqlite3"]
    assert [each.done for each in fix(home)] == [True] and wrong(home) == []
    assert not path.exists() and not path.with_name(f"{path.name}-wal").exists()
    assert path.with_name(f"{path.name}.broken").exists() and path.with_name(f"{path.name}-wal.broken").exists()


def test_a_grown_write_ahead_log_is_put_into_its_file(home: Home) -> None:
    path = home.telegram
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE a (b)")
    connection.execute("INSERT INTO a VALUES (zeroblob(18000000))")
    connection.commit()
    log = path.with_name(f"{path.name}-wal")
    assert wrong(home) == [] and "MiB" in look(home)[log.name].found
    assert [each.done for each in fix(home)] == [True] and log.stat().st_size == 0
    connection.close()


def test_requests_in_a_day_that_the_clock_has_not_reached_are_found(home: Home) -> None:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    ledger.memoranda.current_day((datetime.now(UTC) + timedelta(days=40)).date())
    ledger.close()
    assert wrong(home) == ["ledger's day"] and "cost rewind" in look(home)["ledger's day"].cure


# --- locks and runs ----------------------------------------------------------------------------------


def test_a_daemon_that_ended_without_a_word_is_told_and_what_it_left_stays_for_the_next(home: Home) -> None:
    files.write_json(home.daemon_facts, {"pid": 4711, "started_at": "2026-11-20T09:00:00Z", "rehearsal": False})
    assert wrong(home) == [] and "ended without a word" in look(home)["daemon"].found
    assert fix(home) == [] and home.daemon_facts.exists()


def test_what_a_daemon_left_torn_is_set_aside(home: Home) -> None:
    home.daemon_facts.write_text("{")
    assert wrong(home) == ["daemon"] and [each.done for each in fix(home)] == [True] and wrong(home) == []


def test_while_a_daemon_runs_its_home_is_only_looked_at(home: Home) -> None:
    (home.records / "task-2.json").write_text("{")
    home.outbox(rehearsal=False).write_bytes(b"no database at all, " * 300)
    before = everything(home)
    with daemon(home):
        assert look(home)["daemon"].ok
        done = fix(home)
        assert len(done) == 2 and not any(each.done for each in done)
        assert all("dayshift stop" in each.said for each in done)
    assert {path for path in before if everything(home)[path] != before[path]} == set()


@pytest.fixture
def living(home: Home) -> Iterator[Spool]:
    """A run that lives, as a holder holds it; nobody's unless a record says so."""
    spool = Spool(home.run("task-2", 3))
    where = home.workspace("task-2")
    where.mkdir()
    environment = {"DAYSHIFT_RUN": f"{home.root}:task-2:3", "PATH": os.environ["PATH"]}
    spool.launch(["sleep", "60"], environment, "", home.logs / "task-2.jsonl", 60, Bounds(1 << 30, 99, 1 << 30), where)
    yield spool
    spool.end(f"{home.root}:task-2:3")


def test_a_run_that_goes_on_without_a_daemon_is_the_next_ones(home: Home, living: Spool) -> None:
    add(home, "task-2", Running(NOON, 3), runs=3)
    assert wrong(home) == [] and "no daemon follows them" in look(home)["runs"].found
    assert fix(home) == [] and living.alive


def test_a_run_that_nobody_knows_is_ended_and_only_that(home: Home, living: Spool) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid = holders.of(living.folder)
        assert pid is not None and f"pid {pid}" in look(home)["runs"].found
        add(home, "task-2", Running(NOON, 4), runs=4)  # its record speaks of another run
        assert wrong(home) == ["runs"]
        assert [each.done for each in fix(home) if "end run 3" in each.what] == [True]
        assert not living.alive and stranger.poll() is None
        until(lambda: holders.of(living.folder) is None, 10, "its holder goes on")
        stranger.kill()


def test_a_run_whose_record_cannot_be_read_is_left_alone(home: Home, living: Spool) -> None:
    (home.records / "task-2.json").write_text("{")
    assert look(home)["runs"].ok and living.alive


def test_runs_that_were_cut_off_are_told(home: Home) -> None:
    add(home, "task-2", Running(NOON, 1), runs=1)
    assert wrong(home) == [] and "1 was cut off" in look(home)["runs"].found


# --- what no record speaks for -----------------------------------------------------------------------


def test_an_orphan_is_removed_and_its_work_is_saved(home: Home) -> None:
    (home.workspace("gone") / "repo").mkdir(parents=True)
    (home.workspace("gone") / "repo" / "work.txt").write_text("hours of it\n")
    assert wrong(home) == ["orphans"]
    assert all(each.said == "would be done" for each in fix(home, pretend=True)) and home.workspace("gone").exists()
    done = fix(home)
    assert [each.done for each in done] == [True] and not home.workspace("gone").exists() and wrong(home) == []
    saved = [path.read_text() for path in (home.results / "salvage").rglob("*") if path.is_file()]
    assert "hours of it" in "".join(saved)


# --- this machine ------------------------------------------------------------------------------------


def test_the_watcher_is_tried_with_a_real_file_that_does_not_stay(home: Home) -> None:
    seconds = watching.arrival(home.inbox)
    assert seconds is not None and seconds < 1.0 and not list(home.inbox.iterdir())


def test_where_the_kernel_tells_nothing_it_is_said_and_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PROBE", "elsewhere/.probe")  # below the folder, which is watched by itself
    (tmp_path / "elsewhere").mkdir()
    point = watching._tried(tmp_path)
    assert point.ok and "up to a second" in point.found and point.cure


def subject(home: Home, **facts: object) -> Subject:
    given = {"home": home, "settings": Settings(), "now": NOW, "is_served": False, "records": {}, "broken": (), **facts}
    return Subject(**given)  # type: ignore[arg-type]


def test_a_clock_that_is_behind_is_found_by_the_files(home: Home) -> None:
    (point,) = clocks.clock(subject(home, now=NOW - timedelta(hours=3)))
    assert not point.ok and "set back" in point.found and "timedatectl" in point.cure
    (point,) = clocks.clock(subject(home, now=datetime(2001, 1, 1, tzinfo=UTC)))
    assert "the program was installed on" in point.found


def test_a_clock_that_jumps_is_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 3700.0])
    monkeypatch.setattr(time, "time", lambda: next(moments))
    (point,) = clocks.clock(subject(home, now=datetime.now(UTC)))
    assert not point.ok and "the clock jumps" in point.found


def test_a_folder_that_everybody_may_write_is_found(home: Home) -> None:
    home.inbox.chmod(0o777)
    assert wrong(home) == ["folders"] and f"chmod o-w {home.inbox}" in look(home)["folders"].found
    home.inbox.chmod(0o700)
    assert stat.S_IMODE(home.inbox.stat().st_mode) == 0o700 and wrong(home) == []


def test_more_agents_than_files_may_be_open_for_are_told(home: Home) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        found = {each.name: each for each in allowances.allowances(subject(home, settings=Settings(max_agents=64)))}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not found["open files"].ok and "ulimit -n 1664" in found["open files"].cure


def test_a_disk_with_less_room_than_the_floor_is_told(home: Home) -> None:
    settings = Settings.model_validate({"limits": {"free_gb": 100_000}})
    found = [each for each in disks.disks(subject(home, settings=settings)) if not each.ok]
    assert found and "limits.free_gb is 100000" in found[0].found


# --- the command -------------------------------------------------------------------------------------


def test_a_repair_that_fails_is_told_and_keeps_no_other_from_its_turn(home: Home) -> None:
    def fails() -> str:
        raise OSError("the disk is full")

    points = [Point("a", False, "", repairs=(Repair("one", fails), Repair("two", lambda: "so it is")))]
    assert list(fixed(home, points, pretend=False)) == [
        Fixed("one", False, "the disk is full"), Fixed("two", True, "so it is")]  # fmt: skip


@pytest.mark.long
def test_the_command_puts_right_and_tells_machines_what_it_did(home: Home, project: git.Repository) -> None:
    home.config.mkdir()
    (home.config / "orchestrator.yaml").write_text(f"project: {project.work_tree}\nsandbox: none\n")
    (home.records / "task-2.json").write_text("{")
    told = run(home, "doctor", "--json")
    points = {each["name"]: each for each in json.loads(told.stdout)}
    assert told.returncode == 3 and not points["files"]["ok"] and points["files"]["fixes"]
    rehearsed = json.loads(run(home, "doctor", "--fix", "--dry-run", "--json").stdout)
    assert [each["done"] for each in rehearsed["fixes"]] == [False] and (home.records / "task-2.json").exists()
    done = json.loads(run(home, "doctor", "--fix", "--json").stdout)
    assert [each["done"] for each in done["fixes"]] == [True]
    assert {each["name"]: each["ok"] for each in done["points"]}["files"]
    assert "--dry-run says what --fix would do" in run(home, "doctor", "--dry-run").stderr
