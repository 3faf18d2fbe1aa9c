"""The daemon's log: one event a line in both forms, no secret in it, bounded, and no trouble to whoever logs."""

import json
import logging
import resource
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayshift.events import RunEnded, Tick, Verified
from dayshift.evidence import Check
from dayshift.logbook import chronicle, daemon_log, log_files, log_lines
from dayshift.logbook.daemon_log import Format, LogFile, Repeats
from dayshift.logbook.log_lines import LogLine
from dayshift.logbook.redaction import Redaction
from dayshift.model import Exit

SECRET = "sk-ant-0123456789abcdef"
NOON = datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)
FORMS: tuple[Format, ...] = ("text", "json")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "daemon.log"


@pytest.fixture
def log(path: Path) -> Iterator[logging.Logger]:
    """A logger whose events go into the file as JSON."""
    yield from _logging(LogFile(path, "json", 1 << 20, 3, Redaction([SECRET])))


def _logging(handler: logging.Handler) -> Iterator[logging.Logger]:
    logger = logging.getLogger("dayshift.tests")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    handler.close()


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def event(message: str, **facts: object) -> LogLine:
    return LogLine(NOON, "INFO", "dayshift", message, **facts)  # type: ignore[arg-type]


# --- a line ----------------------------------------------------------------------------------------


def test_an_event_has_the_same_keys_whatever_it_is(log: logging.Logger, path: Path) -> None:
    log.warning("%d of %s", 3, "four")
    log.info("x", extra={"event": "run began", "task": "task-1", "run": 2, "facts": {"pid": 7}})
    first, second = written(path)
    assert list(first) == list(second) == ["time", "level", "logger", "task", "run", "event", "message", "facts",
                                           "exception"]  # fmt: skip
    assert (first["level"], first["message"], first["task"], first["facts"]) == ("WARNING", "3 of four", None, {})
    assert (second["task"], second["run"], second["event"], second["facts"]) == ("task-1", 2, "run began", {"pid": 7})
    assert datetime.fromisoformat(str(first["time"])).utcoffset() == timedelta(0)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_reads_every_line(log: logging.Logger, path: Path) -> None:
    record = log.makeRecord(log.name, logging.INFO, "", 0, "a\nb\x00\x1b[31m\u2028 \udc80 \x85", (), None)
    log.handlers[0].handle(record)  # past pytest's own handlers: workers cannot be sent half a character
    log.error("c", exc_info=ValueError("d\ne"))
    told = subprocess.run(["jq", "-r", ".level", path], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["INFO", "ERROR"]


@pytest.mark.parametrize("form", FORMS)
def test_an_exception_stands_with_its_event(form: Format, path: Path) -> None:
    for logger in _logging(LogFile(path, form, 1 << 20, 3, Redaction([]))):
        try:
            raise ValueError("in the middle\nof it")
        except ValueError:
            logger.exception("it broke")
        logger.info("and went on")
    broke, went_on = log_lines.read(path.read_text().splitlines())
    assert (broke.message, went_on.message, went_on.exception) == ("it broke", "and went on", "")
    assert broke.exception.startswith("Traceback") and "in the middle" in broke.exception and "of it" in broke.exception


FORGED = "2026-11-20T12:00:00.000Z CRITICAL dayshift | forged"


@pytest.mark.parametrize("mark", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c"])
def test_no_text_in_an_event_becomes_a_line_of_its_own(mark: str) -> None:
    text = event(f"said{mark}{FORGED}", exception=f"E: {mark}{FORGED}{mark}{FORGED}").as_text()
    assert [each.level for each in log_lines.read(text.splitlines())] == ["INFO"]
    assert all(line.startswith(log_lines.INDENT) for line in text.split("\n")[1:])


def test_nothing_in_a_line_steers_a_terminal() -> None:
    steering = "\x1b[2J\x1b]0;title\x07\u202eabc\x9b31m\x00\ufeff"
    text = event(steering, task="task-1", exception=steering).as_text()
    assert not any(character in text for character in "\x1b\x07\u202e\x9b\x00\ufeff")


@pytest.mark.parametrize("line", [
    event("plain"), event("of a task", task="task-1"), event("of a run", task="task-1", run=3),
    event("a | in [it]", task="a", run=1),
], ids=lambda line: line.message)  # fmt: skip
def test_what_was_written_is_read_again(line: LogLine) -> None:
    assert log_lines.parse(line.as_text()) == line
    assert log_lines.parse(line.as_json()) == line


def test_a_huge_message_is_clipped_and_says_so(log: logging.Logger, path: Path) -> None:
    log.info("x" * 1_000_000)
    assert len(str(written(path)[0]["message"])) < 20_000 and "984000 more" in str(written(path)[0]["message"])


# --- safe --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_in_any_part_of_an_event(form: Format, path: Path) -> None:
    for logger in _logging(LogFile(path, form, 1 << 20, 3, Redaction([SECRET]))):
        logger.info("key %s", SECRET, extra={"event": "x", "task": "a", "run": 1, "facts": {"what": f"<{SECRET}>"}})
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            logger.error(SECRET, exc_info=error, stack_info=True)
    assert SECRET not in path.read_text() and "[secret]" in path.read_text()


def test_a_line_that_does_not_fit_its_arguments_is_told_all_the_same(path: Path) -> None:
    wrong = logging.makeLogRecord({"msg": "%d apples", "args": ("many",), "levelno": logging.INFO})
    LogFile(path, "json", 1 << 20, 3, Redaction([])).emit(wrong)
    assert written(path)[0]["message"] == "%d apples"


# --- bounded -----------------------------------------------------------------------------------------


def test_the_file_is_set_aside_when_it_is_full_and_only_so_many_are_kept(path: Path) -> None:
    for logger in _logging(LogFile(path, "json", 2_000, 2, Redaction([]))):
        for number in range(100):
            logger.info("line %d", number)
    assert sorted(each.name for each in path.parent.iterdir()) == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(each.stat().st_size <= 2_000 for each in path.parent.iterdir())
    told = [json.loads(line)["message"] for line in log_files.lines(path, None)]
    assert told[-1] == "line 99" and told == [f"line {number}" for number in range(100 - len(told), 100)]


def test_nothing_is_kept_of_a_full_file_if_none_is_to_be(path: Path) -> None:
    for logger in _logging(LogFile(path, "text", 1_000, 0, Redaction([]))):
        for number in range(50):
            logger.info("line %d", number)
    assert [each.name for each in path.parent.iterdir()] == ["daemon.log"] and path.stat().st_size <= 1_000


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_the_other_form_is_set_aside_first(form: Format, path: Path) -> None:
    path.write_text("2026-11-20 text of an older release\n" if form == "json" else '{"a": 1}\n')
    for logger in _logging(LogFile(path, form, 1 << 20, 3, Redaction([]))):
        logger.info("new")
    assert len(path.read_text().splitlines()) == 1 and log_files.numbered(path, 1).exists()


def test_what_is_said_again_within_a_minute_is_counted(path: Path) -> None:
    repeats, told = Repeats(), []
    for second in range(130):
        line = event("no room")
        told += list(repeats.told(LogLine(NOON + timedelta(seconds=second), "WARNING", "dayshift", line.message)))
    told += list(repeats.rest())
    assert [line.message for line in told] == [
        "no room", "said 59 more times since: no room", "no room", "said 59 more times since: no room", "no room",
        "said 9 more times since: no room",
    ]  # fmt: skip


def test_every_event_with_facts_and_every_exception_is_written(log: logging.Logger, path: Path) -> None:
    for _ in range(3):
        log.info("running", extra={"event": "state", "task": "a", "run": 1, "facts": {}})
        log.error("broke", exc_info=ValueError("x"))
        log.info("words")
    assert [each["message"] for each in written(path)].count("running") == 3
    assert [each["message"] for each in written(path)].count("broke") == 3
    assert [each["message"] for each in written(path)].count("words") == 1


# --- never in the way --------------------------------------------------------------------------------


def test_a_disk_that_takes_nothing_troubles_nobody_and_what_was_lost_is_counted(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for logger in _logging(LogFile(path, "json", 1 << 20, 3, Redaction([]))):
        path.symlink_to("/dev/full")
        for number in range(5):
            logger.info("lost %d", number)
        path.unlink()
        logger.info("kept")
        logger.info("and this")
    assert [each["message"] for each in written(path)] == [
        "5 lines were lost: No space left on device", "kept", "and this"]  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cannot_be_opened_troubles_nobody(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path.mkdir()
    for logger in _logging(LogFile(path, "text", 1 << 20, 3, Redaction([]))):
        logger.info("somewhere else")
    assert capfd.readouterr() == ("", "")


def test_a_log_that_was_taken_away_is_begun_anew(log: logging.Logger, path: Path) -> None:
    log.info("one")
    path.unlink()
    log.info("two")
    assert [each["message"] for each in written(path)] == ["two"]


def test_in_the_block_all_is_logged_and_afterwards_nothing(path: Path) -> None:
    before = list(logging.getLogger().handlers)
    with daemon_log.kept(path, "json", 1, 2, Redaction([])):
        chronicle.handled(RunEnded("a", Exit(1, 0, finished=True), 12.5))
        chronicle.handled(Tick())
        chronicle.handled(Verified("a", (Check("validate", "make", 2), Check("validate", "true", 0))))
        logging.getLogger("dayshift.gate").warning("the provider: %s", "overloaded")
        seen = [record.getMessage() for record in daemon_log.recent()]
    assert logging.getLogger().handlers == before and daemon_log.recent() == []
    ended, checked, gate = written(path)
    assert (ended["event"], ended["task"], ended["run"]) == ("run ended", "a", 1)
    assert ended["facts"]["seconds"] == 12.5 and ended["facts"]["code"] == 0  # type: ignore[index]
    assert checked["facts"] == {"checks": 2, "failed": 1} and gate["logger"] == "dayshift.gate"
    assert len(seen) == 3


def test_a_thread_that_ends_by_a_fault_is_logged(path: Path) -> None:
    def fails() -> None:
        raise ValueError("in a thread")

    with daemon_log.kept(path, "json", 1, 2, Redaction([])):
        thread = threading.Thread(target=fails, name="writer")
        thread.start()
        thread.join()
    (told,) = written(path)
    assert told["message"] == "a thread ended by a fault: writer" and "in a thread" in str(told["exception"])


# --- read again --------------------------------------------------------------------------------------


def test_the_last_lines_go_over_all_files(path: Path) -> None:
    log_files.numbered(path, 2).write_text("1\n2\n")
    log_files.numbered(path, 1).write_text("3\n")
    path.write_text("4\n5\n")
    assert b"".join(log_files.lines(path, None)) == b"1\n2\n3\n4\n5\n"
    assert b"".join(log_files.lines(path, 3)) == b"3\n4\n5\n"
    assert list(log_files.lines(path, 0)) == []


def test_following_goes_on_when_the_file_is_set_aside(path: Path) -> None:
    path.write_text("1\n")
    turns = iter([("2", False), ("3", True), ("5", False), ("", False)])
    last = False

    def over() -> bool:
        nonlocal last
        text, is_full = next(turns, ("", False))
        last = not text
        add(path, f"{text}\n" if text else "")
        if is_full:
            log_files.set_aside(path, 1)
            add(path, "4\n")
        return last

    assert b"".join(log_files.lines(path, None, over)) == b"1\n2\n3\n4\n5\n"


def test_a_log_whose_descriptor_limit_is_reached_waits(log: logging.Logger, path: Path) -> None:
    log.info("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        log.info("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    log.info("after")
    assert [each["message"] for each in written(path)] == [
        "before", "1 lines were lost: Too many open files", "after"]  # fmt: skip
