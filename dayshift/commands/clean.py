"""The command `clean`: takes away what ended tasks left on disk, and what is left of none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from dayshift import records
from dayshift.commandline import Context, Failure
from dayshift.commands.clearing import cleared
from dayshift.commands.lookup import print_json
from dayshift.home import Home
from dayshift.model import Record
from dayshift.tidying import clearance, disposal, orphans
from dayshift.tidying.clearance import Choice
from dayshift.tidying.orphans import Kept, Orphan

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Removed:
    """One task that was taken away, or with --dry-run would be."""

    task_id: str
    freed: int  #: bytes
    places: tuple[Path, ...]
    salvaged: Path | None  #: where its unreviewed changes were saved

    def as_json(self) -> dict[str, Any]:
        """The facts with paths as text."""
        return {
            "task_id": self.task_id,
            "freed_bytes": self.freed,
            "paths": [str(place) for place in self.places],
            "salvaged": str(self.salvaged) if self.salvaged else None,
        }


def _age(context: click.Context, parameter: click.Parameter, text: str | None) -> timedelta | None:
    try:
        return clearance.age(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command
@click.argument("tasks", metavar="[TASK...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every task that may be cleaned.")
@click.option("--older-than", metavar="AGE", callback=_age, help="Those that ended so long ago: 12h, 7d, 4w.")
@click.option("--state", "states", multiple=True, type=click.Choice(clearance.STATES), help="Those that ended so.")
@click.option("--review", "reviews", multiple=True, type=click.Choice(clearance.REVIEWS), help="Those reviewed so.")
@click.option("--orphans", "strays", is_flag=True, help="What no task's record speaks for; work in it is saved first.")
@click.option("--force", is_flag=True, help="Unreviewed tasks too; their changes are saved as results/salvage/*.patch.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def clean(
    context: Context, tasks: tuple[str, ...], everything: bool, older_than: timedelta | None, states: tuple[str, ...],
    reviews: tuple[str, ...], strays: bool, force: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Remove workspace, runs, logs, status and record of ended, reviewed tasks. Reports and spending stay.

    A daemon that runs does it itself. What you chose by age, state or review is taken from all tasks, as with --all.

    \b
    Examples:
      dayshift clean task-001
      dayshift clean --all --dry-run
      dayshift clean --older-than 7d --state failed --state cancelled --force
      dayshift clean --orphans
    """
    home, choice = context.home, Choice(older_than, states, reviews)
    everything = everything or not choice.is_any
    known, broken = records.load_all(home)
    for name in broken:
        click.echo(f"the record {name} cannot be read; it is left as it is", err=True)
    now = datetime.now(UTC)
    meant = {task_id for task_id in known if choice.means(known[task_id], now)}
    hindered = {each: why for each in known if (why := clearance.hindrance(known[each], known, force))}
    chosen = [] if strays and not (tasks or everything) else _chosen(known, meant, hindered, tasks, everything)
    removed = list(_removed(home, [known[each] for each in chosen], force, dry_run))
    kept = {each: hindered[each] for each in hindered if everything and each in meant}
    left = orphans.found(home, orphans.projects(home))
    gone = _without(home, left, dry_run) if strays else {}
    if as_json:
        return print_json({"dry_run": dry_run, "removed": [each.as_json() for each in removed],
                           "kept": [{"task_id": task_id, "reason": why} for task_id, why in kept.items()],
                           "orphans": [_as_json(each, gone) for each in left]})  # fmt: skip
    lines = [*_said(removed, kept, dry_run)] if tasks or everything else []
    return click.echo("\n".join([*lines, *_said_of(left, gone, strays, dry_run)]))


def _chosen(
    known: Mapping[str, Record], meant: Iterable[str], hindered: Mapping[str, str], tasks: tuple[str, ...],
    everything: bool,
) -> list[str]:  # fmt: skip
    """The tasks to remove: all that are meant and may go, or exactly those named; Failure if one of these must not."""
    if everything == bool(tasks):
        free = [task_id for task_id in known if task_id not in hindered]
        raise Failure(f"name the tasks, or say --all or which (see --help); may go now: {', '.join(free) or 'none'}")
    if everything:
        return [task_id for task_id in known if task_id in meant and task_id not in hindered]
    wrong = [hindered[task] for task in tasks if task in hindered]
    wrong += [f"there is no task {task}; known: {', '.join(known) or 'none'}" for task in tasks if task not in known]
    if wrong:
        raise Failure("\n".join(wrong))
    return list(dict.fromkeys(tasks))


def _removed(home: Home, tasks: list[Record], force: bool, dry_run: bool) -> Iterable[Removed]:
    facts = {}
    for record in tasks:
        places = tuple(disposal.belongings(home, record.id))
        facts[record.id] = sum(map(disposal.size, places)), places
    if dry_run:
        return [Removed(record.id, *facts[record.id], None) for record in tasks]
    return (Removed(record.id, *facts[record.id], saved) for record, saved in cleared(home, tasks, force))


def _said(removed: list[Removed], kept: Mapping[str, str], dry_run: bool) -> list[str]:
    verb = "would remove" if dry_run else "removed"
    lines = []
    for each in removed:
        saved = f"; its changes are in {each.salvaged}" if each.salvaged else ""
        lines.append(f"{verb} {each.task_id}: {_readable(each.freed)}{saved}")
        lines += [f"    {place}" for place in each.places if dry_run]
    lines += [f"kept: {why}" for why in kept.values()]
    return [*lines, f"{'would free' if dry_run else 'freed'} {_readable(sum(each.freed for each in removed))}"]


def _readable(count: int) -> str:
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {UNITS[unit]}" if unit else f"{count} B"


# --- what is left of no task -------------------------------------------------------------------------

Gone = Mapping[Orphan, Path | Kept | None]  #: where the work of an orphan was saved, or why it stays


def _without(home: Home, left: Iterable[Orphan], dry_run: bool) -> Gone:
    """Everything of it removed that may be, or with --dry-run what would be."""
    gone: dict[Orphan, Path | Kept | None] = {}
    for each in left:
        try:
            gone[each] = orphans.remove(home, each) if each.removable and not dry_run else None
        except Kept as why:
            gone[each] = why
    return gone


def _as_json(orphan: Orphan, gone: Gone) -> dict[str, Any]:
    saved = gone.get(orphan)
    removed = orphan in gone and orphan.removable and not isinstance(saved, Kept)
    return {"kind": orphan.kind, "place": orphan.place, "why": str(saved) if isinstance(saved, Kept) else orphan.why,
            "removable": orphan.removable, "removed": removed,
            "salvaged": str(saved) if isinstance(saved, Path) else None}  # fmt: skip


def _said_of(left: Iterable[Orphan], gone: Gone, strays: bool, dry_run: bool) -> list[str]:
    if not strays:
        count = sum(each.removable for each in left)
        return [f"{count} left behind by no known task; `dayshift clean --orphans` removes it"] if count else []
    return [_line(each, gone[each], dry_run) for each in left] or ["nothing is left behind by unknown tasks"]


def _line(orphan: Orphan, saved: Path | Kept | None, dry_run: bool) -> str:
    if isinstance(saved, Kept):
        return f"kept: {saved}"
    what = f"{orphan.kind} {orphan.place}: {orphan.why}"
    if not orphan.removable:
        return f"kept: {what}"
    return f"{'would remove' if dry_run else 'removed'} {what}{f'; its work is in {saved}' if saved else ''}"
