"""A crash, told in one file that can be pasted into a report as it is: what happened, and nothing of the person's.

Joins cover, without which nothing is written, daemon_log for what was logged last, machine for what it ran on.
"""

import faulthandler
import os
import pwd
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.home import INSTALLATION, Home
from dayshift.host import machine
from dayshift.inputs.settings import Section, Settings
from dayshift.inputs.settings_sources import load_settings
from dayshift.logbook import daemon_log
from dayshift.logbook.cover import Cover

KEPT = 10  #: crash files; the oldest go
MOST_FRAMES = 40
CODE = (INSTALLATION, Path(sys.prefix), Path(sys.base_prefix))  #: whose lines are shown: nobody else's are
MOST_RECORDS = 2_000  #: that are looked into for texts


def write(home: Home, command: str, error: BaseException) -> Path | None:
    """Leave a file about the fault that ends this process; None if there is no home to leave it in, or no room."""
    return _written(home, lambda cover: "\n".join(_raised(error, cover)), command)


@contextmanager
def of_signals(home: Home) -> Iterator[None]:
    """For the block, a death by a signal of the machine's (a segmentation fault) leaves its stacks in the home; those
    that an earlier daemon left become a crash file. A home that takes no file goes without."""
    place = home.own / "fault.txt"
    with suppress(OSError):
        if left := place.read_text(errors="replace").strip():
            _written(home, lambda cover: cover.over(left), "start")
    try:
        file = place.open("w")
    except OSError:
        yield
        return
    with file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
    place.unlink(missing_ok=True)


def left_by(home: Home, earlier: Mapping[str, Any]) -> Path | None:
    """The crash file of that daemon: the newest since it began; None if it left none."""
    try:
        began = datetime.fromisoformat(str(earlier.get("started_at"))).timestamp()
        return next((path for path in reversed(_all(home)) if path.stat().st_mtime >= began), None)
    except (OSError, ValueError):
        return None


def _all(home: Home) -> list[Path]:
    return sorted(home.logs.glob("crash-*.md"))


def _written(home: Home, what: Callable[[Cover], str], command: str) -> Path | None:
    now = datetime.now(UTC)
    place = home.logs / f"crash-{now:%Y%m%dT%H%M%S%f}.md"
    if not home.logs.is_dir():
        return None
    try:
        files.write_atomically(place, _report(home, what, command, now), 0o600)
        for old in _all(home)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return place


# --- what stands in it -------------------------------------------------------------------------------


def _report(home: Home, what: Callable[[Cover], str], command: str, now: datetime) -> str:
    """The whole file; a part that cannot be told costs itself alone."""
    settings, records = _settings(home), _records(home)
    person = (Path.home(), Path(pwd.getpwuid(os.getuid()).pw_dir))
    cover = Cover.of(settings, os.environ, home.root, person, records)
    parts = (
        ("What happened", lambda: what(cover)),
        ("What was going on", lambda: "\n".join(_situation(home, records))),
        ("Last events", lambda: "\n".join(_events(cover))),
        ("Settings that differ from their defaults", lambda: "\n".join(_differing(settings)) or "none"),
        ("Libraries", lambda: "\n".join(f"{name} {number}" for name, number in machine.components().items())),
    )
    head = (
        f"# A crash of dayshift\n\n{rfc3339(now)}, `dayshift {command}`\n\n{cover.over(machine.machine())}\n\n"
        "Secrets, folders and texts are covered; look it through all the same before you paste it.\n"
    )
    return head + "".join(f"\n## {title}\n\n{_fenced(_told(part))}\n" for title, part in parts)


def _told(part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception as error:
        return f"cannot be told: {type(error).__name__}"


def _fenced(text: str) -> str:
    return f"````text\n{text.replace('````', '```')}\n````"


def _settings(home: Home) -> Settings:
    try:
        return load_settings(home, os.environ)
    except Exception:  # broken settings may be the very fault
        return Settings()


def _records(home: Home) -> list[Any]:
    paths = sorted(home.records.glob("*.json"))[:MOST_RECORDS]
    return [each for path in paths if isinstance(each := files.read_json(path), dict)]


def _situation(home: Home, records: list[Any]) -> Iterator[str]:
    """How many tasks were in which state, which was whose, and what kind of daemon it was."""
    states = Counter(str(each.get("state", {}).get("name")) for each in records)
    yield "tasks: " + (", ".join(f"{number} {name}" for name, number in sorted(states.items())) or "none")
    facts = files.read_json(home.daemon_facts)
    if isinstance(facts, dict):
        own = "this process" if facts.get("pid") == os.getpid() else "another process, or one that is gone"
        yield f"daemon: {own}, began {facts.get('started_at')}, rehearsal: {facts.get('rehearsal')}"
    for each in records:
        state = each.get("state", {})
        if state.get("name") in ("running", "verifying"):
            task_id = each.get("task", {}).get("id")
            yield f"{task_id}: {state['name']} since {state.get('since')}, run {each.get('runs')}"


def _raised(error: BaseException, cover: Cover, depth: int = 0) -> Iterator[str]:
    """The exception and what led to it: where, in our words and the libraries'; what it says is covered."""
    if (led := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) and depth < 5:
        yield from _raised(led, cover, depth + 1)
        yield "\nwhich led to:\n"
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames[-MOST_FRAMES:]:
        yield f'  File "{cover.over(frame.filename)}", line {frame.lineno}, in {frame.name}'
        if any(Path(frame.filename).is_relative_to(place) for place in CODE):
            yield f"    {cover.over(frame.line or '')}"
    yield f"{type(error).__module__}.{type(error).__qualname__}: {cover.over_words(str(error))}"
    if isinstance(error, BaseExceptionGroup) and depth < 5:
        for each in error.exceptions[:10]:
            yield from _raised(each, cover, depth + 1)


def _events(cover: Cover) -> Iterator[str]:
    for record in daemon_log.recent():
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        task, run = getattr(record, "task", None), getattr(record, "run", None)
        which = " ".join(filter(None, (task, f"run {run}" if run is not None else "")))
        raised = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
        named = f" [{which}]" if which else ""
        yield f"{at} {record.levelname} {record.name}{named} {cover.over_record(record)}{raised}"


def _differing(settings: Section, place: str = "") -> Iterator[str]:
    """Every setting that is not at its default; of words and lists only that they are set."""
    default = type(settings)()
    for name in type(settings).model_fields:
        value, usual = getattr(settings, name), getattr(default, name)
        if isinstance(value, Section):
            yield from _differing(value, f"{place}{name}.")
        elif value != usual:
            yield f"{place}{name}: {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | Decimal | date):
        return str(value)
    return f"set, {len(value)} entries" if isinstance(value, tuple | dict | list) else "set"


# --- what the terminal says --------------------------------------------------------------------------


def last_words(error: BaseException, place: Path | None) -> str:
    """One line for the terminal: what it was, where it is told, that nothing is lost, what to do; or all of it, if it
    could not be told in a file."""
    words = f"a fault in the program: {type(error).__name__}"
    if place is None:
        whole = "".join(traceback.format_exception(error)).rstrip()
        return f"{words}: {error}\n{whole}"
    return (
        f"{words}; nothing is lost: what was recorded is on disk, and `dayshift start` goes on from there. "
        f"Please report it with {place}, which holds no secrets"
    )
