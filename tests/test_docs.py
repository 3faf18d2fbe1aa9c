"""The documents say what is there: every name in them is held against the code."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import click
import jinja2
import pytest
import yaml
from jinja2 import meta

from dayshift.commandline import COMMANDS
from dayshift.guard.examples import check_examples
from dayshift.guard.policy import Policy
from dayshift.guard.policy_file import load_policy
from dayshift.inputs import dayfile, dayfile_shape, documents
from dayshift.inputs.settings import Settings
from dayshift.inputs.settings_sources import variables
from dayshift.records import STATES
from dayshift.rehearsing import written_turns
from dayshift.rehearsing.written_turns import parse_turns

ROOT = Path(__file__).parent.parent
README, HOUSE = ROOT / "README.md", ROOT / "docs" / "architecture.md"
DAY_FILE, CONFIGURATION = ROOT / "docs" / "guides" / "day-file.md", ROOT / "docs" / "guides" / "configuration.md"
COST = ROOT / "docs" / "guides" / "cost.md"
EVENING = ROOT / "docs" / "guides" / "evening.md"
SECURITY = ROOT / "docs" / "security.md"
WRITTEN = [README, HOUSE, DAY_FILE, CONFIGURATION, COST, EVENING, SECURITY, ROOT / "AGENTS.md", ROOT / "CHANGELOG.md"]

# A file is named by as much of its path as tells it from others, so that parts may move into folders.
SOURCES = [*ROOT.glob("*.py"), *(ROOT / "dayshift").rglob("*.py")]
DESCRIBED = [path for path in SOURCES if path.name != "__init__.py"]


def meant(name: str) -> list[Path]:
    """The sources whose path ends in this name."""
    return [path for path in SOURCES if f"/{path.relative_to(ROOT)}".endswith(f"/{name}")]


def part(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank."""
    rank = heading.split()[0]
    after = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(rank)}}} ", after, maxsplit=1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row; headings and rules are left out."""
    tables = re.findall(r"(?:^\|.*\n)+", text + "\n", re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def keys(text: str) -> list[str]:
    """The first cell of every row, bare."""
    return [names(row[0])[0] for row in rows(text)]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


# --- the house and its routes ------------------------------------------------------------------------


def housed() -> list[str]:
    return [name for row in rows(part(HOUSE.read_text(), "## The house")) for name in names(row[0])]


def test_every_file_of_the_house_is_one_that_exists() -> None:
    assert {name: len(meant(name)) for name in housed()} == dict.fromkeys(housed(), 1)


def test_every_module_has_its_line_in_the_house() -> None:
    told = {path for name in housed() for path in meant(name)}
    assert sorted(str(path.relative_to(ROOT)) for path in set(DESCRIBED) - told) == []


def steps() -> list[tuple[str, str]]:
    found = re.findall(r"`([\w/]+\.py):(\w+)`", part(HOUSE.read_text(), "## Routes"))
    assert len(found) > 50
    return sorted(set(found))


@cache
def functions(path: Path) -> frozenset[str]:
    walked = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in walked if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("file", "function"), steps(), ids=lambda word: word)
def test_a_route_goes_through_functions_that_exist(file: str, function: str) -> None:
    (path,) = meant(file)
    assert function in functions(path)


def test_the_diagram_knows_exactly_the_states_of_the_model() -> None:
    (diagram,) = blocks(HOUSE, "mermaid")
    arrows = re.findall(r"^ +(\S+) --> ([^\s:]+)", diagram, re.MULTILINE)
    assert {state for arrow in arrows for state in arrow} - {"[*]"} == set(STATES)
    assert {target for _, target in arrows} >= set(STATES), "every state can be reached"


# --- commands ----------------------------------------------------------------------------------------


def command_rows() -> dict[str, str]:
    table = part(README.read_text(), "## Commands")
    return {names(row[0])[0].split()[0]: row[1] for row in rows(table) if names(row[0])}


def test_every_command_is_in_the_readme_and_in_the_changelog() -> None:
    assert list(command_rows()) == list(COMMANDS)
    assert [name for name in COMMANDS if f"`{name}`" not in (ROOT / "CHANGELOG.md").read_text()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_in_its_line(name: str) -> None:
    command: click.Command = getattr(importlib.import_module(f"dayshift.commands.{COMMANDS[name][0]}"), name)
    told = re.findall(r"--[a-z-]+", command_rows()[name])
    wanted = [option for each in command.params for option in each.opts if option.startswith("--")]
    assert sorted(set(told)) == sorted(wanted)


def test_no_document_names_a_command_that_is_not_there() -> None:
    spans = [code for path in WRITTEN for code in re.findall(r"`(dayshift [^`]+)`", path.read_text())]
    lines = [line for path in WRITTEN for block in blocks(path, "sh") for line in block.splitlines()]
    told = {word for text in (*spans, *lines) for word in re.findall(r"\bdayshift ([a-z]+)", text)}
    assert told <= set(COMMANDS)
    assert len(told) > 10


# --- settings, day files, policy, instructions --------------------------------------------------------


def settings_rows() -> list[list[str]]:
    return rows(part(CONFIGURATION.read_text(), "## config/orchestrator.yaml"))


def test_every_setting_is_described_with_its_default() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "orchestrator.yaml").read_text())
    told = {names(row[0])[0]: yaml.safe_load(names(row[2])[0]) for row in settings_rows()}
    flat: dict[str, Any] = {}
    for place in variables().values():
        flat[".".join(place)] = shipped[place[0]] if len(place) == 1 else shipped[place[0]][place[1]]
    assert told == flat


def test_the_example_of_a_price_is_one() -> None:
    (example,) = (yaml.safe_load(block) for block in blocks(CONFIGURATION, "yaml") if "prices:" in block)
    assert Settings.model_validate(example).prices["claude-example-1"]["input"] == 3


@pytest.mark.parametrize(
    ("heading", "model"),
    [("## Keys of the file", dayfile_shape.DayShape), ("## Keys of a task", dayfile_shape.TaskShape)],
)
def test_every_key_of_a_day_file_is_described(heading: str, model: Any) -> None:
    wanted = [field.alias or name for name, field in model.model_fields.items()]
    assert sorted(keys(part(DAY_FILE.read_text(), heading))) == sorted(wanted)


def test_every_key_of_a_turn_is_described() -> None:
    assert sorted(keys(part(DAY_FILE.read_text(), "## Rehearsal turns"))) == sorted(written_turns.READERS)


def day_blocks() -> list[str]:
    return [block for path in (README, DAY_FILE) for block in blocks(path, "yaml") if "tasks:" in block]


@pytest.mark.parametrize("text", day_blocks())
def test_a_day_file_in_the_documents_is_a_good_one(text: str, tmp_path: Path) -> None:
    home, shop = tmp_path / "home", tmp_path / "shop"
    (shop / ".git").mkdir(parents=True)
    home.mkdir()
    written = yaml.safe_load(text)
    for context in [path for task in written["tasks"] for path in task.get("context_files", ())]:
        (shop / context).parent.mkdir(parents=True, exist_ok=True)
        (shop / context).write_text("something\n")
    file = home / "day.yaml"
    file.write_text(text)
    try:
        day = dayfile.load_day(file, Settings(), shop, home=home, known_model=lambda _: None, parse_turns=parse_turns)
    except documents.BadDocument as error:
        pytest.fail(str(error))
    assert [task.id for task in day.tasks] == [task["id"] for task in written["tasks"]]


@cache
def policy() -> Policy:
    return load_policy(ROOT / "config" / "policy.yaml")


def test_every_rule_of_the_policy_is_described() -> None:
    section = part(CONFIGURATION.read_text(), "## config/policy.yaml")
    described = [names(row[0])[0] for row in rows(section) if len(row) == 2 and names(row[0])]
    assert [name for name in described if name in policy().rules] == list(policy().rules)


def test_the_example_of_own_rules_is_a_good_one(tmp_path: Path) -> None:
    (own,) = (yaml.safe_load(block) for block in blocks(CONFIGURATION, "yaml") if "commands:" in block)
    whole = yaml.safe_load((ROOT / "config" / "policy.yaml").read_text()) | own
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(whole))
    loaded = load_policy(tmp_path / "policy.yaml")
    assert set(loaded.rules) - set(policy().rules) == {"no-publish", "infrastructure"}
    assert check_examples(loaded) == []


def test_every_variable_of_the_instructions_is_described() -> None:
    template = (ROOT / "config" / "agent_instructions.md").read_text()
    used = meta.find_undeclared_variables(jinja2.Environment().parse(template))
    assert set(keys(part(CONFIGURATION.read_text(), "## What agents are told"))) == used


# --- the documents themselves --------------------------------------------------------------------------


def headings(path: Path) -> set[str]:
    """What a link may name of a document after `#`."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = (each.partition("#") for each in re.findall(r"\]\(([^)\s]+)\)", path.read_text()) if "://" not in each)
    targets = [(path.parent / file if file else path, heading) for file, _, heading in links]
    wrong = [(file, head) for file, head in targets if not file.exists() or (head and head not in headings(file))]
    assert wrong == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_test_named_in_a_document_exists(path: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)", path.read_text())
    assert [name for name in named if not (ROOT / name).is_file()] == []
