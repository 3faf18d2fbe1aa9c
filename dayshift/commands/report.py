"""The command `report`: a day's report as it was written, fresh if the daemon can write it anew."""

from datetime import UTC, date, datetime
from pathlib import Path

import click

from dayshift import inbox
from dayshift.commandline import Context, Failure
from dayshift.commands.lookup import daemon, withdraw
from dayshift.home import Home

FRESH_SECONDS = 2.0
ENDING = "-report.md"
RECAP_ENDING = "-recap.md"


def day_or_month(text: str) -> date | str:
    """The date, or the month as it stands; ValueError for anything else."""
    try:
        return text if len(text) == 7 and date.fromisoformat(f"{text}-01") else date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date; write one such as 2026-11-20, or a month such as 2026-11") from None


@click.command
@click.argument("day", metavar="[DATE]", required=False, type=day_or_month)
@click.option("--rehearsal", is_flag=True, help="The report of a rehearsal.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's facts as one JSON document instead.")
@click.pass_obj
def report(context: Context, day: date | str | None, rehearsal: bool, as_json: bool) -> None:
    """Show the report of DATE, or the newest one. A month, such as 2026-11, shows its recap, once it is over.

    \b
    Examples:
      dayshift report
      dayshift report 2026-11-20
      dayshift report 2026-11
      dayshift report --json | jq .counts
    """
    home = context.home
    if isinstance(day, str):
        return _print_recap(home, day, as_json)
    fresh = _fresh(home, rehearsal) if day in (None, _today()) else None
    path = _named(home, day, rehearsal) if day or fresh is None else fresh
    if as_json:
        path = path.with_name(path.name.removesuffix(ENDING) + ".json")
    try:
        return click.echo(path.read_text(encoding="utf-8"), nl=False)
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}); {_existing(home, rehearsal)}") from error


def _print_recap(home: Home, month: str, as_json: bool) -> None:
    path = home.results / (f"{month}.json" if as_json else f"{month}{RECAP_ENDING}")
    try:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    except OSError as error:
        months = ", ".join(each.name[:7] for each in sorted(home.results.glob(f"????-??{RECAP_ENDING}")))
        there = f"; there are: {months}" if months else ""
        raise Failure(
            f"there is no recap of {month} in {home.results}{there}. A month with spending gets one when a daemon "
            "runs after it"
        ) from error


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _fresh(home: Home, rehearsal: bool) -> Path | None:
    """The running daemon's report, written this moment; None if it has none of that kind or does not answer."""
    facts = daemon(home)
    if facts is None or facts["rehearsal"] != rehearsal:
        return None
    request = inbox.submit(home, {"kind": "report"})
    answer = inbox.reply(home, request, FRESH_SECONDS)
    if answer is None or not answer[0]:
        withdraw(home, request)
        click.echo("the daemon wrote no new report; this is the last one there is", err=True)
        return None
    return Path(answer[1][0])


def _named(home: Home, wanted: date | None, rehearsal: bool) -> Path:
    """The report of that day, or the newest; Failure that names what there is."""
    written = _written(home, rehearsal)
    if wanted is None and written:
        return written[-1]
    if wanted is not None and (path := home.results / f"{wanted}{_kind(rehearsal)}{ENDING}") in written:
        return path
    subject = "no report yet" if wanted is None else f"no report of {wanted}"
    raise Failure(f"there is {subject} in {home.results}; {_existing(home, rehearsal)}")


def _written(home: Home, rehearsal: bool) -> list[Path]:
    """Every report of that kind, oldest first."""
    return sorted(home.results.glob(f"????-??-??{_kind(rehearsal)}{ENDING}"))


def _kind(rehearsal: bool) -> str:
    return "-rehearsal" if rehearsal else ""


def _existing(home: Home, rehearsal: bool) -> str:
    """What may be asked for instead, in words."""
    days = [path.name[:10] for path in _written(home, rehearsal)]
    other = [path.name[:10] for path in _written(home, not rehearsal)]
    hint = f"; {'real days' if rehearsal else 'rehearsals (--rehearsal)'}: {', '.join(other)}" if other else ""
    return f"there are: {', '.join(days) or 'none'}{hint}"
