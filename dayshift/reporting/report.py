"""The day's report: evidence for a person in Markdown, the same facts for machines in JSON.

Joins what a report is made of: attention, mermaid, templates and report_json; and the archive, which keeps the facts.
"""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dayshift.day_facts import DayFacts
from dayshift.failpoints import passing
from dayshift.files import write_atomically, write_json
from dayshift.home import Home
from dayshift.reporting import archive, attention, mermaid, phrases, templates
from dayshift.reporting.report_json import as_json


def write(home: Home, facts: DayFacts) -> Path:
    """Replace what is kept of the day, its results/*.json and *-report.md, each as a whole; the path of the last."""
    archive.keep(home, facts)
    kind = "-rehearsal" if facts.rehearsal else ""
    write_json(home.results / f"{facts.date}{kind}.json", as_json(facts))
    passing("report.half_written")
    path = home.results / f"{facts.date}{kind}-report.md"
    write_atomically(path, render_markdown(facts, home.templates))
    passing("report.written")
    return path


def render_markdown(facts: DayFacts, own: Path | None = None) -> str:
    """The report, by the templates in the folder `own` where there are any; the same facts give the same bytes.

    By the shipped templates, nothing an agent wrote becomes markup.
    """

    def moment(at: datetime) -> str:
        local = at.astimezone(ZoneInfo(facts.timezone))
        return local.strftime("%H:%M" if local.date() == facts.date else "%Y-%m-%d %H:%M")

    records, closing = attention.by_urgency(facts), facts.audit.closing
    opened = moment(closing.opened_at) if closing.opened_at else ""
    return templates.render(
        "report.md.j2", own, facts=facts, records=records, by_id={record.id: record for record in records},
        moment=moment, spend={row.key: row for row in facts.by_task}, tally=phrases.tally(facts),
        audit=phrases.audit_sentence(facts), closing=phrases.closing_sentence(closing, opened),
        answers={(answer.task_id, answer.number): answer for record in records for answer in record.answers},
        contradictions={record.id: attention.contradicted(facts, record) for record in records},
        calm=[record.id for record in records if attention.is_calm(facts, record)],
        unproven=attention.unproven(records), to_review=attention.to_review(facts), at_rest=attention.at_rest(records),
        overlaps=attention.still_open(facts), by_file=attention.by_file, by_key=attention.by_key,
        checks=attention.checks, attempt=phrases.attempt, share=phrases.share, drift=phrases.drift,
        timeline=mermaid.timeline(facts), curve=mermaid.spend(facts), shares=mermaid.shares(facts),
        models=mermaid.models(facts),
    )  # fmt: skip
