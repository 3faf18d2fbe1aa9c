"""A day's report and a period's recap, made again from what is kept; the files beside follow where they differ."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from dayshift import files
from dayshift.commandline import BAD_ENVIRONMENT, Failure
from dayshift.commands.lookup import daemon, withdraw
from dayshift.home import Home
from dayshift.mailbox import inbox

FRESH_SECONDS = 10.0  #: of dozens of tasks that changed the same, git needs some of them
ENDING, RECAP_ENDING = "-report.md", "-recap.md"
MOST_NAMED = 7  #: days, the newest
DAYS_AGO = {"today": 0, "yesterday": 1}
_DAY = r"\d{4}-\d\d-\d\d"


@dataclass(frozen=True, slots=True)
class Told:
    """A report or a recap: where its Markdown lies, that, and the same as JSON; None if that is gone."""

    path: Path
    markdown: str
    json: str | None


def today() -> date:
    """The person's own day."""
    return datetime.now(UTC).astimezone().date()


def spoken_day(word: str) -> date | None:
    """The day that `today` or `yesterday` names; None for any other word."""
    return today() - timedelta(days=DAYS_AGO[word]) if word in DAYS_AGO else None


# --- a day -----------------------------------------------------------------------------------------


def of_day(home: Home, wanted: date | None, rehearsal: bool) -> Told:
    """The report of that day, or the newest: fresh if the daemon is at that day; Failure that names what there is."""
    served = _served(home, rehearsal)
    fresh = _fresh(home, rehearsal) if wanted in (None, today(), served) else None
    known = _known(home, rehearsal)
    day = wanted or fresh or (known[-1] if known else None)
    if day is None or day not in known:
        subject = f"no report of {wanted}" if wanted else "no report yet"
        raise Failure(f"there is {subject} in {home.results}; {_owed(home) or _existing(home, rehearsal)}")
    return _from_facts(home, day, rehearsal, settles=day != served) or _as_it_lies(home, day, rehearsal)


def _served(home: Home, rehearsal: bool) -> date | None:
    """The day a running daemon of that kind is at: that report is its own to write."""
    facts = daemon(home)
    kept = files.read_json(home.day_facts(rehearsal)) if facts and facts["rehearsal"] == rehearsal else None
    with suppress(KeyError, TypeError, ValueError):
        return date.fromisoformat(kept["day"]["date"]) if kept else None
    return None


def _fresh(home: Home, rehearsal: bool) -> date | None:
    """The day of the running daemon's report, written this moment; None if it has none of that kind or is silent."""
    facts = daemon(home)
    if facts is None or facts["rehearsal"] != rehearsal:
        return None
    request = inbox.submit(home, {"kind": "report"})
    answer = inbox.reply(home, request, FRESH_SECONDS)
    if answer is None or not answer[0]:
        withdraw(home, request)
        click.echo("the daemon wrote no new report; this is the last one there is", err=True)
        return None
    return date.fromisoformat(Path(answer[1][0]).name[:10])


def _from_facts(home: Home, day: date, rehearsal: bool, settles: bool) -> Told | None:
    """The report made again, its tasks reviewed as they are now; None if its facts were not kept."""
    if not home.facts(day, rehearsal).is_file():
        return None  # and nothing heavy is imported
    from dayshift.reporting import archive, report, report_json

    facts = archive.read(home, day, rehearsal)
    if facts is None:
        click.echo(f"{home.facts(day, rehearsal)} cannot be read; this is the report as it was written", err=True)
        return None
    path = _path(home, day, rehearsal)
    told = Told(path, report.render_markdown(facts, home.templates), _text(report_json.as_json(facts)))
    if settles:
        _settle(told)
    return told


def _as_it_lies(home: Home, day: date, rehearsal: bool) -> Told:
    path = _path(home, day, rehearsal)
    text = _read(path)
    if text is None:
        raise Failure(f"{path} is gone, and the facts to make it again cannot be read", BAD_ENVIRONMENT)
    return Told(path, text, _read(_beside(path)))


def _known(home: Home, rehearsal: bool) -> list[date]:
    """Every day that has a report, or the facts of one, oldest first."""
    kind = "-rehearsal" if rehearsal else ""
    names = [
        path.name for path in (*home.results.glob(f"*{kind}{ENDING}"), *home.facts(date.min, False).parent.glob("*"))
    ]
    found = set[date]()
    for name in names:
        if its := re.fullmatch(rf"({_DAY}){kind}({re.escape(ENDING)}|\.json)", name):
            with suppress(ValueError):
                found.add(date.fromisoformat(its[1]))
    return sorted(found)


def _owed(home: Home) -> str:
    """The cure where a daemon ended without a word, perhaps before it wrote its report."""
    ended = home.daemon_facts.exists() and daemon(home) is None
    return "the last daemon ended without a word: `dayshift start` goes on, and writes it" if ended else ""


def _existing(home: Home, rehearsal: bool) -> str:
    """What may be asked for instead, in words."""
    days = ", ".join(map(str, _known(home, rehearsal)[-MOST_NAMED:]))
    other = ", ".join(map(str, _known(home, not rehearsal)))
    hint = f"; {'real days' if rehearsal else 'rehearsals (--rehearsal)'}: {other}" if other else ""
    return f"there are: {days}{hint}" if days else f"`dayshift start FILE` runs a day{hint}"


def _path(home: Home, day: date, rehearsal: bool) -> Path:
    return home.results / f"{day}{'-rehearsal' if rehearsal else ''}{ENDING}"


# --- a week or a month -----------------------------------------------------------------------------


def of_period(home: Home, period: str) -> Told:
    """The recap of the week or the month, as it is known now; Failure if nothing is."""
    from dayshift.cost.statement import statement
    from dayshift.recaps import recap

    with statement(home.ledger(rehearsal=False)) as books:
        found = recap.gather(home, books, period, today())
    path = home.results / f"{period}{RECAP_ENDING}"
    if not found.outcomes and not any(found.total(account).requests for account in found.tables):
        if (text := _read(path)) is not None:
            return Told(path, text, _read(_beside(path)))
        raise Failure(f"nothing is known of {period}{_recaps(home)}")
    told = Told(path, recap.render(found, home.templates), _text(recap.as_json(found)))
    _settle(told)
    return told


def _recaps(home: Home) -> str:
    periods = ", ".join(path.name.removesuffix(RECAP_ENDING) for path in sorted(home.results.glob(f"*{RECAP_ENDING}")))
    return f"; there are: {periods}" if periods else "; `dayshift days` lists the days"


# --- files -----------------------------------------------------------------------------------------


def _beside(path: Path) -> Path:
    """The JSON of that Markdown."""
    name = path.name.removesuffix(ENDING).removesuffix(RECAP_ENDING)
    return path.with_name(f"{name}.json")


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def _settle(told: Told) -> None:
    """What lies there is what is shown; where nothing can be written, it is shown all the same."""
    for path, text in ((told.path, told.markdown), (_beside(told.path), told.json)):
        if text is not None and _read(path) != text:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write_atomically(path, text)
            except OSError as error:
                click.echo(f"{path} stays as it was: {error.strerror}", err=True)


def _read(path: Path) -> str | None:
    """None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}", BAD_ENVIRONMENT) from error
