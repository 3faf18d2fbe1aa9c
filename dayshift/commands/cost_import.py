"""The command `cost import`: other use of the CLI by the same person, read from its transcripts."""

import gc
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from dayshift import markdown
from dayshift.commandline import Context, Failure
from dayshift.commands.lookup import print_json
from dayshift.cost import harvest
from dayshift.cost.harvest import Harvest
from dayshift.cost.other_use import KEYS, Line, OtherUse
from dayshift.home import Home
from dayshift.money import shown, to_usd

PATIENCE = 1.0  #: seconds without a word
SHOWN_PROBLEMS = 5
HEADINGS = ("requests", "cost", "unpriced", "tokens in", "out", "cache read", "cache written")


@click.command("import")
@click.option("--from", "folders", multiple=True, metavar="DIR", help="A folder with transcripts; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def import_(context: Context, folders: tuple[str, ...], as_json: bool) -> None:
    """Read what else you spent with the Claude Code CLI, from its transcripts.

    The amounts go into an account of their own, beside the ledger. Each request counts once, however often this is run.
    Without --from the folder is `projects` in CLAUDE_CONFIG_DIR, else in ~/.claude.

    \b
    Examples:
      dayshift cost import
      dayshift cost import --from /mnt/laptop/.claude/projects
      dayshift cost --other --by month
    """
    roots = [_folder(context.home, Path(each)) for each in folders] or [
        _folder(context.home, harvest.transcripts_of(os.environ))
    ]
    account = OtherUse.open(context.home.other_use)
    gc.disable()  # nothing here makes cycles, and the process ends with this command
    try:
        _, before = account.total()
        brought = harvest.gather(
            account, roots, lambda: _valuation(context.home), besides=[context.home.workspaces],
            processes=min(2, os.cpu_count() or 1), told=_progress(),
        )  # fmt: skip
        requests, amount = account.total()
        unpriced = account.unpriced()
    finally:
        account.close()
    if as_json:
        return print_json(_facts(brought, amount - before, requests, amount, unpriced))
    for line in _report(brought, amount - before, amount, unpriced):
        click.echo(line)
    return None


def _folder(home: Home, given: Path) -> Path:
    """The folder itself, whatever links led to it; a Failure if it is none, or this home's own agents'."""
    folder = given.expanduser().resolve()
    if not folder.is_dir():
        raise Failure(f"{given} is no folder; name one with transcripts: dayshift cost import --from DIR")
    if folder.is_relative_to(home.workspaces.resolve()):
        raise Failure(f"{given} holds the transcripts of this home's own agents; the ledger has what they spent")
    return folder


def _valuation(home: Home) -> Any:
    from dayshift.cost.valuation import Valuation
    from dayshift.inputs.documents import BadDocument
    from dayshift.inputs.settings_sources import load_settings

    try:
        settings = load_settings(home, os.environ)
    except BadDocument as error:
        raise Failure(str(error)) from error
    return Valuation(settings.prices, settings.timezone)


def _progress() -> Callable[[Harvest], None]:
    """Says how far it is, on a terminal, once it has taken a while."""
    began = time.monotonic()

    def told(so_far: Harvest) -> None:
        if sys.stderr.isatty() and time.monotonic() - began > PATIENCE:
            last = so_far.done >= so_far.size
            click.echo(f"\r{so_far.done >> 20} of {so_far.size >> 20} MiB", nl=last, err=True)

    return told


def _facts(brought: Harvest, added: int, requests: int, amount: int, unpriced: dict[str, int]) -> dict[str, Any]:
    return {
        "files": brought.files,
        "files_read": brought.read,
        "new_requests": brought.new,
        "added_usd": to_usd(added),
        "requests": requests,
        "cost_usd": to_usd(amount),
        "unpriced": unpriced,
        "problems": [{"file": file, "problem": problem} for file, problem in brought.problems],
    }


def _report(brought: Harvest, added: int, amount: int, unpriced: dict[str, int]) -> list[str]:
    lines = [f"{_clean(file)}: {problem}" for file, problem in brought.problems[:SHOWN_PROBLEMS]]
    if more := len(brought.problems) - len(lines):
        lines.append(f"… and {more} more files with something unreadable; --json names them all")
    lines.append(
        f"{brought.files:,} files, {brought.read:,} with something new: {brought.new:,} new requests, {shown(added)};"
        f" {shown(amount)} in all"
    )
    for model, requests in unpriced.items():
        lines.append(f"unpriced: {requests:,} requests of {_clean(model)}, not in these amounts")
    if unpriced:
        lines.append("add their figures to config/orchestrator.yaml under `prices:`, then run this again")
    return lines


def _clean(text: str) -> str:
    return markdown.clean(text).replace("\n", " ")


# --- `cost --other` -----------------------------------------------------------------------------------


def show_other(context: Context, by: Any, since: date | None, as_json: bool) -> None:
    """Print the table of other use."""
    if by not in KEYS:
        raise Failure(f"other use is not kept by {by}; known are {', '.join(KEYS)}")
    account = OtherUse.read_only(context.home.other_use)
    try:
        lines = account.by(by, since)
    finally:
        account.close()
    if as_json:
        return print_json({"by": by, "other": True, "rows": [_row(line) for line in lines]})
    if not lines:
        return click.echo("no other use is known; `dayshift cost import` reads it from the CLI's transcripts")
    rows = [(by, *HEADINGS), *map(_cells, lines), _cells(_total(lines))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for key, *cells in rows:
        others = (cell.rjust(room) for cell, room in zip(cells, widths[1:], strict=True))
        click.echo("  ".join([key.ljust(widths[0]), *others]))
    return None


def _total(lines: tuple[Line, ...]) -> Line:
    """The sum; each request is in exactly one of the lines."""
    kinds = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_searches")
    tokens = {kind: sum(getattr(line.tokens, kind) for line in lines) for kind in kinds}
    return Line(
        "total", sum(line.requests for line in lines), type(lines[0].tokens)(**tokens),
        sum(line.cost for line in lines), sum(line.unpriced for line in lines),
    )  # fmt: skip


def _row(line: Line) -> dict[str, Any]:
    counts = {kind: getattr(line.tokens, kind) for kind in ("input", "output", "cache_read", "cache_write")}
    return {"key": line.key, "requests": line.requests, "cost_usd": to_usd(line.cost), "unpriced": line.unpriced,
            "tokens": counts}  # fmt: skip


def _cells(line: Line) -> tuple[str, ...]:
    counts = (line.tokens.input, line.tokens.output, line.tokens.cache_read, line.tokens.cache_write)
    cost = shown(line.cost if line.unpriced < line.requests else None)
    return (_clean(line.key), f"{line.requests:,}", cost, f"{line.unpriced:,}", *(f"{count:,}" for count in counts))
