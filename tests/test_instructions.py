"""What an agent is told: everything it needs is in it, nothing in it can break out, and a broken template is named."""

import dataclasses
from pathlib import Path

import pytest

from dayshift.home import INSTALLATION, Home
from dayshift.inputs.documents import BadDocument
from dayshift.model import Task
from dayshift.money import PICO_PER_USD
from dayshift.running.instructions import LESSONS, Documents, Places, fenced, read_documents, render

PLACES = Places(Path("/h/agent_workspaces/task-001"))
NAMES = ("agent_instructions.md", "orchestrator_rules.md", "task_execution_patterns.md", "code_quality_standards.md")


@pytest.fixture(scope="module")
def shipped() -> Documents:
    return read_documents(Home(INSTALLATION))


def task(**fields: object) -> Task:
    """A plain task with these fields."""
    plain = Task("task-001", "Paginate the orders list", "Twenty to a page.\n", "sonnet")
    return dataclasses.replace(plain, **fields)  # type: ignore[arg-type]


def test_an_agent_is_told_its_whole_task(shipped: Documents) -> None:
    whole = task(
        module="orders",
        deliverables=("src/orders/list.py", "agent_workspaces/task-001/notes.md"),
        validate=("pytest -q tests/orders", "for x in a b; do\n  test -e $x\ndone"),
        max_cost=5 * PICO_PER_USD,
    )
    text = render(whole, {"docs/PAGINATION.md": "# Pages\n"}, shipped, PLACES, earlier="pytest exited 1")
    for part in (
        "# Task task-001: Paginate the orders list\n",
        "Module: orders",
        "Twenty to a page.",
        "- `src/orders/list.py`\n- `/h/agent_workspaces/task-001/notes.md`\n",
        "\n    pytest -q tests/orders\n    for x in a b; do\n      test -e $x\n    done\n",
        "### docs/PAGINATION.md\n\n```\n# Pages\n```\n",
        "An earlier attempt at this task did not pass.",
        "```\npytest exited 1\n```",
        "`/h/agent_workspaces/task-001/repo`",
        "`/h/agent_workspaces/task-001/summary.md`",
        "`/h/agent_workspaces/task-001/io/question.md`",
        "AskUserQuestion",
        "This task may cost $5.00 in all.",
        shipped.rules.strip(),
        shipped.patterns.strip(),
        shipped.quality.strip(),
    ):
        assert part in text
    assert "{{" not in text.replace(shipped.rules, "")
    assert "\n\n\n" not in text


def test_what_a_task_does_not_have_is_not_spoken_of(shipped: Documents) -> None:
    text = render(task(), {}, shipped, PLACES)
    for absent in ("Module:", "earlier attempt", "Each of these files", "These commands", "Files to know", "may cost"):
        assert absent not in text


def test_the_hosts_a_task_may_reach_are_named_and_without_any_there_is_no_network(shipped: Documents) -> None:
    text = render(task(network=("packages.example.org", "*.cdn.example.org")), {}, shipped, PLACES)
    assert "| the network, but for https to packages.example.org, *.cdn.example.org | " in text
    assert "| the network: curl, package installs, web pages | " in render(task(), {}, shipped, PLACES)


def test_lessons_stand_between_the_files_to_know_and_the_rules(shipped: Documents) -> None:
    lessons = "- Paginate.\n- Lint {{ all }}."
    text = render(task(), {"a": "x"}, shipped, PLACES, lessons=lessons)
    section = f"```\nx\n```\n\n{LESSONS.format(lessons)}\n{shipped.rules.strip()[:20]}"
    assert section in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("context", [{}, {"a": "x\n"}])
def test_without_lessons_the_instructions_are_what_they_were_before_there_were_any(
    shipped: Documents, context: dict[str, str]
) -> None:
    begin, end = "{% if lessons %}\n", "{{ lessons }}\n{% endif %}\n"
    of_old, rest = shipped.template.split(begin)
    older = dataclasses.replace(shipped, template=of_old + rest.split(end)[1])
    plain = render(task(), context, shipped, PLACES)
    assert plain == render(task(), context, older, PLACES)
    taught = render(task(), context, shipped, PLACES, lessons="- Lint.")
    assert taught.replace(f"{LESSONS.format('- Lint.')}\n", "") == plain


@pytest.mark.parametrize("template", ["{{ rules }}\n", "{{ rules }}{# {{ lessons }} #}"])
def test_an_older_template_of_the_persons_has_the_lessons_at_its_end(shipped: Documents, template: str) -> None:
    older = dataclasses.replace(shipped, template=template, rules="Mine.")
    assert render(task(), {}, older, PLACES, lessons="- Lint.") == f"Mine.\n\n{LESSONS.format('- Lint.')}"
    assert render(task(), {}, older, PLACES).strip() == "Mine."


@pytest.mark.parametrize(
    ("text", "fence"),
    [("plain", "```"), ("a `b` c", "```"), ("```\nout\n```", "````"), ("x\n``````", "```````"), ("", "```")],
)
def test_nothing_in_a_file_ends_its_fence(text: str, fence: str) -> None:
    lines = fenced(text).split("\n")
    assert (lines[0], lines[-1]) == (fence, fence)
    assert not any(line.strip().startswith(fence) for line in lines[1:-1])


def test_a_file_is_put_in_as_it_is_and_never_run_as_a_template(shipped: Documents) -> None:
    wild = "{{ places }} {% raise %} {# gone #} <b>&amp;</b>"
    wild_documents = dataclasses.replace(shipped, rules=wild)
    assert render(task(description=wild), {"a": wild}, wild_documents, PLACES, earlier=wild).count(wild) == 4


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("a\n{{ tsk.id }}", 2, "'tsk' is undefined"),
        ("{{ task.nme }}", 1, "has no attribute 'nme'"),
        ("a\nb\n{% if %}", 3, "Expected an expression"),
        ("\n{{ 1 + task.id }}", 2, "unsupported operand"),
        ("{% for x in context %}", 1, "Unexpected end of template"),
    ],
)
def test_a_broken_template_is_named_with_its_line(shipped: Documents, template: str, line: int, message: str) -> None:
    broken = dataclasses.replace(shipped, template=template, template_file="config/agent_instructions.md")
    with pytest.raises(BadDocument) as caught:
        render(task(), {}, broken, PLACES)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("config/agent_instructions.md", line)
    assert message in problem.message


def test_a_document_of_the_home_goes_before_the_installations(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "orchestrator_rules.md").write_text("Mine.\n")
    (tmp_path / "config" / "agent_instructions.md").write_text("{{ rules }} {{ task.id }}")
    found, shipped = read_documents(Home(tmp_path)), read_documents(Home(INSTALLATION))
    assert render(task(), {}, found, PLACES) == "Mine. task-001"
    assert (found.patterns, found.quality) == (shipped.patterns, shipped.quality)


@pytest.mark.parametrize("name", NAMES)
def test_an_unreadable_document_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / name).write_bytes(b"\0")
    with pytest.raises(BadDocument, match=f"{name}: .*binary"):
        read_documents(Home(tmp_path))


@pytest.mark.parametrize(
    ("deliverable", "told"),
    [
        ("src/a.py", "src/a.py"),
        ("agent_workspaces/task-001/notes/a.md", "/h/agent_workspaces/task-001/notes/a.md"),
        ("docs/agent_workspaces/a", "docs/agent_workspaces/a"),
    ],
)
def test_a_deliverable_in_the_workspace_gets_its_whole_path(deliverable: str, told: str) -> None:
    assert PLACES.of(deliverable) == told
