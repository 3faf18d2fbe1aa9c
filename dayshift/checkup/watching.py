"""Whether the kernel tells of a change in the folders that the daemon watches: tried, by writing a file."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from dayshift.checkup.points import Point, Subject

SECONDS = 1.0  #: the daemon looks so often by itself
PROBE = ".doctor-probe"  #: a name that nobody takes for an answer or a request


def watcher(subject: Subject) -> Iterator[Point]:
    """An answer written into the home is seen at once, or a second later."""
    for folder in (subject.home.questions, subject.home.inbox):
        if folder.is_dir():
            yield _tried(folder)


def _tried(folder: Path) -> Point:
    name = f"watching {folder.name}"
    try:
        seconds = arrival(folder)
    except OSError as error:
        cure = "raise fs.inotify.max_user_instances or max_user_watches if answers must be quicker"
        return Point(name, True, f"not possible ({error}): polling, answers take up to a second", cure=cure)
    if seconds is None:
        cure = "take a home on a local disk if answers must be quicker"
        return Point(name, True, "the file system tells nothing: polling, answers take up to a second", cure=cure)
    return Point(name, True, f"a file that was written was seen after {seconds * 1000:.0f} ms")


class _Heard(FileSystemEventHandler):
    def __init__(self, name: str, heard: threading.Event) -> None:
        self._name, self._heard = name, heard

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type == "closed" and Path(str(event.src_path)).name == self._name:  # the last it brings
            self._heard.set()


def arrival(folder: Path, within: float = SECONDS) -> float | None:
    """After how many seconds the kernel told of a file written there; None if it did not. OSError: it cannot watch."""
    path, heard = folder / f"{PROBE}-{os.getpid()}", threading.Event()
    observer = Observer()
    observer.schedule(_Heard(path.name, heard), str(folder), recursive=False)
    observer.start()
    try:
        began = time.monotonic()
        path.write_bytes(b"")
        return time.monotonic() - began if heard.wait(within) else None
    finally:
        observer.stop()
        observer.join(timeout=5)
        path.unlink(missing_ok=True)
