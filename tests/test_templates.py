"""The person's own templates: they are used, part by part; a broken one is named and costs nothing."""

from pathlib import Path

import pytest

from dayshift.home import Home
from dayshift.reporting.report import render_markdown, write
from dayshift.reporting.templates import SHIPPED
from tests.day_examples import all_done, everything

SHIPPED_REPORT = render_markdown(all_done())


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder for the person's templates, as a home has it."""
    folder = Home(tmp_path).templates
    folder.mkdir(parents=True)
    return folder


def test_without_a_folder_or_with_an_empty_one_the_shipped_report_is_made(own: Path) -> None:
    assert render_markdown(all_done(), own) == render_markdown(all_done(), own / "none") == SHIPPED_REPORT


def test_the_persons_template_is_used_and_seen_when_it_changes(own: Path) -> None:
    (own / "report.md.j2").write_text("{{ facts.date }}: {{ tally }}\n")
    assert render_markdown(all_done(), own).startswith("2026-11-20: 3 done")
    (own / "report.md.j2").write_text("changed, and longer than before\n")
    assert render_markdown(all_done(), own) == "changed, and longer than before\n"


def test_one_part_can_be_replaced_alone(own: Path) -> None:
    (own / "report-card.md.j2").write_text("### {{ record.id }}: {{ record.claim | code }}\n")
    text = render_markdown(all_done(), own)
    assert "### task-1: `Did add paging to the list.`\n" in text
    assert text.split("## Tasks")[0] == SHIPPED_REPORT.split("## Tasks")[0]


def test_a_copy_of_what_is_shipped_gives_the_same_bytes(own: Path) -> None:
    for template in SHIPPED.glob("report*.j2"):
        (own / template.name).write_bytes(template.read_bytes())
    assert render_markdown(everything(), own) == render_markdown(everything())


def test_a_home_has_its_templates_in_its_config(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_folders()
    home.templates.mkdir(parents=True)
    (home.templates / "report.md.j2").write_text("mine\n")
    assert write(home, all_done()).read_text() == "mine\n"


BROKEN = {
    "syntax": ("one\n{% for x %}\n", "line 2: "),
    "undefined name": ("one\ntwo\n{{ fact }}\n", "line 3: 'fact' is undefined"),
    "undefined attribute": ("{{ facts.spend }}\n", "has no attribute 'spend'"),
    "unknown filter": ("one\n{{ tally | shout }}\n", "line 2: No filter named 'shout'"),
    "an error within": ("\n{{ 1 // 0 }}\n", "line 2: "),
    "includes itself": ('{% include "report.md.j2" %}\n', "could not be used"),
    "includes what is not there": ('\n{% include "mine.md.j2" %}\n', "line 2: mine.md.j2"),
    "reaches out": ("\n{{ ''.__class__.__mro__ }}\n", "is unsafe"),
    "changes the facts": ("\n{{ calm.append('x') }}\n", "line 2: "),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_template_costs_no_report_and_is_named_with_its_line(own: Path, kind: str) -> None:
    content, said = BROKEN[kind]
    (own / "report.md.j2").write_text(content)
    head, _, rest = render_markdown(all_done(), own).partition(
        "**`config/templates/report.md.j2` could not be used** ("
    )
    told, _, tail = rest.partition("; this is the form dayshift ships.\n\n")
    assert said in "could not be used " + told.replace("\\", "")
    assert head + tail == SHIPPED_REPORT


def test_a_broken_part_is_named_too(own: Path) -> None:
    (own / "report-card.md.j2").write_text("fine\n{{ recrd.id }}\n")
    assert "**`config/templates/report-card.md.j2` could not be used** (line 2: " in render_markdown(all_done(), own)


def test_what_is_no_text_costs_no_report(own: Path) -> None:
    (own / "report.md.j2").write_bytes(b"\xff\xfe\x00")
    assert "**`config/templates/report.md.j2` could not be used**" in render_markdown(all_done(), own)


def test_words_of_an_error_become_no_markup(own: Path) -> None:
    (own / "report.md.j2").write_text('{{ facts["**x** <b>"] }}')
    assert "<b>" not in render_markdown(all_done(), own).replace("\\<b\\>", "")
