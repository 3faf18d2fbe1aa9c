"""Wakes the daemon when a control file changes. It only makes things quick: a rescan makes them right.

Joins the inbox, whose replies are the daemon's own.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from dayshift.mailbox.inbox import REPLY_SUFFIX

log = logging.getLogger("dayshift.watch")


class _Waker(FileSystemEventHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        self._loop, self._changed = loop, changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        name = Path(os.fsdecode(event.dest_path or event.src_path)).name
        ours = event.is_directory or name.startswith(".") or name.endswith(REPLY_SUFFIX)  # our replies wake nobody
        if event.event_type in ("created", "modified", "moved", "closed") and not ours:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                self._loop.call_soon_threadsafe(self._changed.set)


@contextlib.contextmanager
def watching(folders: Iterable[Path], changed: asyncio.Event) -> Iterator[None]:
    """Set the event whenever something in the folders changes; without inotify only the rescan is left, and said."""
    observer = Observer()
    waker = _Waker(asyncio.get_running_loop(), changed)
    try:
        for folder in folders:
            observer.schedule(waker, str(folder), recursive=False)
        observer.start()
    except OSError as error:
        log.warning("files are not watched (%s); they are looked at every second instead", error)
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join(timeout=5)
