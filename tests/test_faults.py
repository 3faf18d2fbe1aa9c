"""Disks that are full or fail: the n-th call fails, n = 1, 2, 3 ... until none does. Old or new, never a part."""

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dayshift import files, records
from dayshift.alerts import Alert, Kind
from dayshift.home import Home
from dayshift.logbook.task_log import TaskLog
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.notifying.outbox import Outbox
from dayshift.running.spool import Ended, Spool
from dayshift.states import Done, Queued
from metrics import Ledger
from tests import faults
from tests.faults import Plan, struck
from tests.house import NINE, question, record
from tests.test_holder import PLENTY, bare
from tests.test_ledger import TODAY, admitted, settle

ERRORS = {"write": errno.ENOSPC, "fsync": errno.EIO, "rename": errno.EACCES, "open": errno.EMFILE}
QUEUED, OVER = record(Queued(NINE)), record(Done(NINE))
LONG = partial(pytest.param, marks=pytest.mark.long)
NEWS = Alert("key", Kind.stuck, "Look", NINE)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def each_fault(home: Home, deed: Callable[[], object], kinds: dict[str, int] | None = None) -> Iterator[faults.Ended]:
    """How the deed ends with the n-th call of a kind failing, until a deed goes through with none."""
    for kind, error in (kinds or ERRORS).items():
        plan, first = Plan(home.root, kind, error, 0), 0
        while first == 0 or plan.failed:
            first += 1
            plan = Plan(home.root, kind, error, first)
            ended = struck(plan, deed)
            assert plan.failed or ended.code == 0, (plan, ended)
            yield ended
        assert first > 1, f"no {kind} was met"


def test_the_record_of_a_task_is_the_old_or_the_new_one(home: Home) -> None:
    records.save(home, QUEUED)
    for ended in each_fault(home, lambda: records.save(home, OVER)):
        known, broken = records.load_all(home)
        assert broken == [] and known["a"] in ((QUEUED, OVER) if ended.code else (OVER,))
        assert ended.code == 0 or ended.error.startswith("OSError") or "Error: [Errno" in ended.error
        assert [each.name for each in home.records.iterdir()] == ["a.json"]  # and nothing lies about
        records.save(home, QUEUED)


def test_an_answer_that_was_acknowledged_is_there_whole_and_any_other_can_be_given_again(home: Home) -> None:
    box = Mailbox(home)
    box.publish(question())
    for ended in each_fault(home, lambda: box.submit("a", "use 50\nper page", "command")):
        with contextlib.suppress(FileNotFoundError):
            assert box.answer_file("a").read_text() == "use 50\nper page\n"
        assert ended.code or box.answer_file("a").exists()
        box.submit("a", "use 50\nper page", "command")  # again, as the person would
        assert box.answer_file("a").read_text() == "use 50\nper page\n"
        box.answer_file("a").unlink()


def test_a_request_that_was_left_is_there_whole(home: Home) -> None:
    for ended in each_fault(home, lambda: inbox.submit(home, {"kind": "order", "order": "pause"}, "one")):
        left = [request.content for request in inbox.pending(home)]
        assert left in ([], [{"kind": "order", "order": "pause"}]) and (left or ended.code)
        (home.inbox / "one.json").unlink(missing_ok=True)
        assert list(home.inbox.iterdir()) == []


def test_a_question_is_asked_and_put_away_whole(home: Home) -> None:
    box = Mailbox(home)

    def asks() -> None:
        box.publish(question())
        box.archive(question())

    for ended in each_fault(home, asks):
        box.archive(question())
        archive = home.questions / "archive"
        assert ended.code or len(list(archive.glob("*.md"))) == 1
        assert all("Which page size?" in each.read_text() for each in archive.glob("*.md"))
        files.remove_tree(archive)


@pytest.mark.parametrize("kind", ["fsync", LONG("write"), LONG("open")])
def test_money_is_reserved_or_it_is_not_and_the_books_agree(home: Home, kind: str) -> None:
    path = home.ledger(rehearsal=True)
    Ledger.open(path).close()

    def books() -> None:
        ledger = Ledger.open(path)
        id = admitted(ledger, 10, {TODAY: 1000})
        assert settle(ledger, id, 7)
        ledger.close()

    for ended in each_fault(home, books, {kind: ERRORS[kind]}):
        ledger = Ledger.open(path)
        ledger.verify()
        spent, reserved = ledger.spend(TODAY).settled, ledger.spend(TODAY).reserved
        ledger.recover(NINE)
        ledger.close()
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        Ledger.open(path).close()
        if ended.code:
            assert (spent, reserved) in ((0, 0), (0, 10), (7, 0)) and ended.error.startswith(
                ("Operational", "Unusable")
            )
        else:
            assert (spent, reserved) == (7, 0)


@pytest.mark.parametrize("kind", ["fsync", LONG("write")])
def test_what_the_person_is_to_be_told_is_kept_once(home: Home, kind: str) -> None:
    path = home.outbox(rehearsal=True)
    Outbox.open(path).close()

    def tells() -> None:
        outbox = Outbox.open(path)
        outbox.begin("screen", NINE)
        outbox.add(NEWS)

    for ended in each_fault(home, tells, {kind: ERRORS[kind]}):
        outbox = Outbox.open(path)
        outbox.begin("screen", NINE)
        assert ended.code or not outbox.add(NEWS)
        outbox.add(NEWS)
        assert [alert.key for _, alert in outbox.pending("screen")] == ["key"]
        outbox.close()
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        Outbox.open(path).close()


# --- a run's holder ----------------------------------------------------------------------------------


def begun(folder: Path) -> Spool:
    spool = Spool(folder / "runs" / "1")
    script = bare(f"echo words; echo begun >> {folder}/begun")
    spool.launch(script, {}, "the prompt", folder / "out", 30.0, PLENTY, folder)
    return spool


def told(folder: Path) -> None:
    """Launch a run and wait for its end."""
    spool = begun(folder)
    deadline = time.monotonic() + 20
    while spool.ended() is None or spool.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["rename", LONG("write"), LONG("fsync"), LONG("open")])
def test_a_run_is_refused_before_it_begins_or_comes_to_a_recorded_end(tmp_path: Path, kind: str) -> None:
    first, failed = 0, True
    while failed:
        first += 1
        folder = tmp_path / str(first)
        folder.mkdir()
        plan = Plan(folder, kind, errno.ENOSPC, first)
        ended, spool = struck(plan, lambda: told(folder)), Spool(folder / "runs" / "1")  # noqa: B023
        failed = bool(plan.failed)
        if plan.failed and plan.failed[0].endswith("begun"):
            continue  # it was the command's own
        if ended.code:
            assert not (folder / "begun").exists(), (plan, ended)
            assert ended.error.startswith(("OSError", "LaunchFailed")), ended
            assert spool.forestall() or not spool.alive
        elif (end := spool.ended()) and end.how == "hindered":
            assert not (folder / "begun").exists() and not end.launched
        else:
            assert end == Ended(0, "exited") and (folder / "out").read_text() == "words\n", (plan, end)
    assert first > 3


def test_while_the_disk_is_full_a_run_waits_and_nothing_it_says_is_lost(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "write", errno.ENOSPC, 8, seconds=1.5)

    def speaks() -> None:
        spool = Spool(tmp_path / "runs" / "1")
        script = bare("i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i; done")
        spool.launch(script, {}, "", tmp_path / "out", 30.0, PLENTY, tmp_path)
        while spool.ended() is None:
            time.sleep(0.02)

    assert struck(plan, speaks).code == 0 and len(plan.failed) > 1
    assert Spool(tmp_path / "runs" / "1").ended() == Ended(0, "exited")
    assert (tmp_path / "out").read_text() == "".join(f"line {number}\n" for number in range(1, 201))


def test_lines_of_a_log_wait_until_the_disk_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "a.log"

    def writes() -> None:
        log = TaskLog(path)
        for word in ("one", "two", "three"):
            log.add(word)

    assert struck(Plan(tmp_path, "write", errno.ENOSPC, 1, seconds=0), writes).code == 0
    assert path.read_text() == "one\ntwo\nthree\n"
