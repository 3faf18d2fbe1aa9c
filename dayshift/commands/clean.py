"""The command `clean`: takes away what ended tasks left on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dayshift import disposal, records
from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import print_json
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reviewing import acceptance
from dayshift.reviewing.passage import Refused

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


@click.command
@click.argument("tasks", metavar="[TASK...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every task that may be cleaned.")
@click.option("--force", is_flag=True, help="Unreviewed tasks too; their changes are saved as results/salvage/*.patch.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def clean(
    context: Context, tasks: tuple[str, ...], everything: bool, force: bool, dry_run: bool, as_json: bool
) -> None:
    """Remove workspace, runs, logs, status and record of ended, reviewed tasks. Reports and spending stay.

    \b
    Examples:
      dayshift clean task-001
      dayshift clean --all --dry-run
      dayshift clean --all --force
    """
    home = context.home
    known, broken = records.load_all(home)
    for name in broken:
        click.echo(f"the record {name} cannot be read; it is left as it is", err=True)
    hindered = {task_id: why for task_id in known if (why := hindrance(known[task_id], known, force))}
    chosen = _chosen(known, hindered, tasks, everything)
    removed = [_remove(home, known[task_id], dry_run) for task_id in chosen]
    kept = hindered if everything else {}
    if as_json:
        return print_json({"dry_run": dry_run, "removed": [each.as_json() for each in removed],
                           "kept": [{"task_id": task_id, "reason": why} for task_id, why in kept.items()]})  # fmt: skip
    return click.echo("\n".join(_said(removed, kept, dry_run)))


def hindrance(record: Record, known: Mapping[str, Record], force: bool) -> str | None:
    """Why the task must not be cleaned, in words; None if it may."""
    if not record.ended:
        return f"{record.id} is {record.state.name}; `dayshift cancel {record.id}` ends it"
    needing = [other.id for other in known.values() if not other.ended and record.id in other.task.depends_on]
    if needing:
        return f"{record.id} is what {', '.join(needing)} will start from"
    if record.in_quarantine and not force:
        return f"{record.id} is in quarantine: look into agent_workspaces/{record.id} first; --force removes it"
    if record.review == "pending" and not (force or record.rehearsal):
        return f"{record.id} was not reviewed yet; --force saves its changes as a patch and removes it"
    return None


def _chosen(
    known: Mapping[str, Record], hindered: Mapping[str, str], tasks: tuple[str, ...], everything: bool
) -> list[str]:
    """The tasks to remove: all that may go, or exactly those named; Failure if one of these must not."""
    free = [task_id for task_id in known if task_id not in hindered]
    if everything == bool(tasks):
        raise Failure(f"name the tasks, or say --all; may go now: {', '.join(free) or 'none'}")
    if everything:
        return free
    wrong = [hindered[task] for task in tasks if task in hindered]
    wrong += [f"there is no task {task}; known: {', '.join(known) or 'none'}" for task in tasks if task not in known]
    if wrong:
        raise Failure("\n".join(wrong))
    return list(dict.fromkeys(tasks))


def _remove(home: Home, record: Record, dry_run: bool) -> Removed:
    places = tuple(disposal.belongings(home, record.id))
    freed, salvaged = sum(map(disposal.size, places)), None
    if dry_run:
        return Removed(record.id, freed, places, None)
    try:
        if record.review == "pending" and not record.rehearsal:
            acceptance.must_be_nowhere(home, record)
            salvaged = disposal.salvage(home, record)
        disposal.discard(home, record)
    except Refused as refused:
        raise Failure(str(refused)) from refused
    except (disposal.Unsaved, OSError) as error:
        raise Failure(f"{record.id} was not removed: {error}", BAD_ENVIRONMENT) from error
    if left := disposal.belongings(home, record.id):
        raise Failure(f"{record.id}: could not remove {', '.join(map(str, left))}", BAD_ENVIRONMENT)
    return Removed(record.id, freed, places, salvaged)


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
