"""What `start` shows while the day runs: a table that stays, or plain lines where there is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dayshift import status
from dayshift.home import Home

REFRESH_PER_SECOND = 4


@contextmanager
def shown(home: Home, rehearsal: bool) -> Iterator[Callable[[str], None]]:
    """Show progress for the block; yields what announces one line."""
    if rehearsal:
        click.echo("rehearsal: the scripted model plays every agent; no money is spent")
    console = Console()
    if not console.is_terminal:
        yield _plain
        return
    with Live(
        get_renderable=lambda: _table(home, console.width), console=console, refresh_per_second=REFRESH_PER_SECOND
    ):
        yield lambda text: console.print(f"{_now()} {text}", markup=False, highlight=False)


def _plain(text: str) -> None:
    click.echo(f"{_now()} {text}")
    sys.stdout.flush()


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def _table(home: Home, width: int) -> Text:
    lines = status.as_lines(status.read_all(home), datetime.now(UTC), width, colour=True)
    return Text.from_ansi("\n".join(lines))


def print_report(home: Home, code: int) -> None:
    """The newest report on the screen, and its path."""
    reports = sorted(home.results.glob("*-report.md"), key=lambda path: path.stat().st_mtime)
    if reports and sys.stdout.isatty():
        click.echo(reports[-1].read_text())
    if reports:
        click.echo(f"report: {reports[-1]} (exit code {code})")
