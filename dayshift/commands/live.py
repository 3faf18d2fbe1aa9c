"""What `start` shows while the day runs: a table that stays, or plain lines where there is no terminal."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, Any, cast

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dayshift.home import Home
from dayshift.mailbox import status, status_table

REFRESH_PER_SECOND = 4
GONE = (errno.EPIPE, errno.EIO)  #: nobody reads on: a pipe whose reader has ended, a terminal that was closed


class Screen:
    """A file that people read. What cannot be written is dropped: a day does not end because nobody looks on."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write it, if somebody is there."""
        self._do(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Bring it there now."""
        self._do(self._file.flush)

    def _do(self, what: Callable[[], object]) -> None:
        try:
            what()
        except OSError as error:
            if error.errno in GONE:
                _look_away(self._file)


def _look_away(file: IO[str]) -> None:
    """From now on what is written there goes nowhere, also what Python still holds of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, file.fileno())
    os.close(nowhere)


@contextmanager
def shown(home: Home, rehearsal: bool) -> Iterator[Callable[[str], None]]:
    """Show progress for the block; yields what announces one line."""
    if rehearsal:
        click.echo("rehearsal: the scripted model plays every agent; no money is spent")
    console = Console(file=cast(IO[str], Screen(sys.stdout)))
    if not console.is_terminal:
        yield _plain
        return
    with Live(
        get_renderable=lambda: _table(home, console.width), console=console, refresh_per_second=REFRESH_PER_SECOND
    ):
        yield lambda text: console.print(f"{_now()} {text}", markup=False, highlight=False)


def _plain(text: str) -> None:
    click.echo(f"{_now()} {text}", file=cast(IO[str], Screen(sys.stdout)))


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def _table(home: Home, width: int) -> Text:
    lines = status_table.as_lines(status.read_all(home), datetime.now(UTC), width, colour=True)
    return Text.from_ansi("\n".join(lines))


def print_report(home: Home, code: int) -> None:
    """The newest report on the screen, and its path."""
    screen = cast(IO[str], Screen(sys.stdout))
    reports = sorted(home.results.glob("*-report.md"), key=lambda path: path.stat().st_mtime)
    if reports and sys.stdout.isatty():
        click.echo(reports[-1].read_text(), file=screen)
    if reports:
        click.echo(f"report: {reports[-1]} (exit code {code})", file=screen)
