"""The daemon's log: one file that says to somebody who was asleep what happened; bounded, safe, never in the way.

Joins log_lines and log_files, for that is what is written and where, and redaction, for nothing goes past it.
"""

import errno
import logging
import os
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dayshift.logbook import log_files
from dayshift.logbook.log_lines import EVENTS, LogLine
from dayshift.logbook.redaction import Redaction

MB = 1 << 20
SAME_SECONDS = 60.0  #: the same words within this time are counted, not written
MOST_SAME = 200  #: different words that are looked for again
RECENT = 50  #: lines that a crash file tells

Format = Literal["text", "json"]


# --- what is written -------------------------------------------------------------------------------


def line_of(record: logging.LogRecord, redaction: Redaction) -> LogLine:
    """What a log record says, without a secret in any part of it."""
    facts = {name: _safe(value, redaction) for name, value in getattr(record, "facts", {}).items()}
    return LogLine(
        at=datetime.fromtimestamp(record.created, UTC), level=record.levelname, logger=record.name,
        message=redaction.redacted(_message(record)), task=getattr(record, "task", None),
        run=getattr(record, "run", None), event=getattr(record, "event", None), facts=facts,
        exception=redaction.redacted(_exception(record)),
    )  # fmt: skip


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # somebody's log line does not fit its arguments: the words alone are better than nothing
        return str(record.msg)


def _exception(record: logging.LogRecord) -> str:
    raised = "".join(traceback.format_exception(*record.exc_info)).rstrip() if record.exc_info else record.exc_text
    return "\n".join(filter(None, (raised, record.stack_info)))


def _safe(value: Any, redaction: Redaction) -> Any:
    """Numbers as they are, everything else as text without a secret."""
    return value if value is None or isinstance(value, bool | int | float) else redaction.redacted(str(value))


# --- the file ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Repeats:
    """Counts what is said again and again: such a line is written once a minute, with how often it was said."""

    _seen: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)  #: the line, and how often since

    def told(self, line: LogLine) -> Iterator[LogLine]:
        """What is to be written now: what is due of earlier lines, and this one unless it was said a moment ago."""
        yield from self._due(line.at)
        key = (line.logger, line.level, line.message)
        if line.event is not None or line.exception:  # each of these is told
            yield line
        elif key in self._seen:
            self._seen[key][1] += 1
        else:
            if len(self._seen) < MOST_SAME:
                self._seen[key] = [line, 0]
            yield line

    def rest(self) -> Iterator[LogLine]:
        """What was counted and not told yet."""
        for line, times in self._seen.values():
            if times:
                yield replace(line, message=f"said {times} more times since: {line.message}")
        self._seen.clear()

    def _due(self, now: datetime) -> Iterator[LogLine]:
        over = [key for key, (line, _) in self._seen.items()
                if not 0 <= (now - line.at).total_seconds() < SAME_SECONDS]  # fmt: skip
        for line, times in [self._seen.pop(key) for key in over]:
            if times:
                yield replace(line, at=now, message=f"said {times} more times since: {line.message}")


class LogFile(logging.Handler):
    """The file, rotated within bounds. Whatever the disk does, whoever logs goes on; what was lost is told later."""

    def __init__(self, path: Path, form: Format, most_bytes: int, keep: int, redaction: Redaction) -> None:
        super().__init__(logging.INFO)
        self.path, self._form, self._most, self._keep, self._redaction = path, form, most_bytes, keep, redaction
        self._repeats, self._lost, self._why = Repeats(), 0, ""
        if (first := _first_byte(path)) and (first == b"{") != (form == "json"):
            with suppress(OSError):
                log_files.set_aside(
                    self.path, self._keep
                )  # a file is all text or all JSON, so that each line of it can be parsed

    def emit(self, record: logging.LogRecord) -> None:
        """Write the event, unless it was said a moment ago."""
        with suppress(Exception):  # a fault of the log is no fault of who logs
            for line in self._repeats.told(line_of(record, self._redaction)):
                self._write(line)

    def close(self) -> None:
        """Write what was counted and not told yet."""
        with suppress(Exception):
            for line in self._repeats.rest():
                self._write(line)
        super().close()

    def _write(self, line: LogLine) -> None:
        """The line, and before it how many were lost; what the disk does not take is counted."""
        lost = self._lost
        told = replace(line, level="WARNING", event="lines lost", facts={"lines": lost}, exception="",
                       message=f"{lost} lines were lost: {self._why}")  # fmt: skip
        try:
            if lost:
                self._append(told)
                self._lost = 0
            self._append(line)
        except OSError as error:
            self._lost, self._why = self._lost + 1, error.strerror or str(error)

    def _append(self, line: LogLine) -> None:
        text = line.as_json() if self._form == "json" else line.as_text()
        data = f"{text}\n".encode("utf-8", "backslashreplace")
        if self._size() and self._size() + len(data) > self._most:
            log_files.set_aside(self.path, self._keep)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        try:
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, data) < len(data):
                os.ftruncate(descriptor, before)  # half a line could be taken for one
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def _first_byte(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1)
    except OSError:
        return b""


# --- what a crash file tells -------------------------------------------------------------------------


class Recent(logging.Handler):
    """The last events, as they were logged; debug lines too."""

    def __init__(self, most: int = RECENT) -> None:
        super().__init__(logging.DEBUG)
        self.records: deque[logging.LogRecord] = deque(maxlen=most)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it; an older one goes."""
        self.records.append(record)


def recent() -> list[logging.LogRecord]:
    """What this process logged last, oldest first; nothing where no log is kept."""
    kept = [each for each in logging.getLogger().handlers if isinstance(each, Recent)]
    return list(kept[0].records) if kept else []


@contextmanager
def kept(path: Path, form: Format, most_mb: float, keep: int, redaction: Redaction) -> Iterator[None]:
    """For the block, all that is logged goes into that file, and nowhere else; a fault that ends it, too."""
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, threading.excepthook
    root.handlers[:] = [Recent(), LogFile(path, form, int(most_mb * MB), keep, redaction)]
    root.setLevel(logging.INFO)
    logging.getLogger(EVENTS).setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    threading.excepthook = _thread_ended
    yield  # after a fault the log stays open: what ends the process has still to be written into it
    root.handlers[1].close()
    root.handlers[:], threading.excepthook = before, hook
    root.setLevel(level)


def _thread_ended(fault: threading.ExceptHookArgs) -> None:
    logging.getLogger("dayshift").critical(
        "a thread ended by a fault: %s", fault.thread.name if fault.thread else "unknown", exc_info=fault.exc_value
    )
