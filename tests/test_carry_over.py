"""What a day left as a day file: read back exactly as it was, and never over anything that a person wrote."""

import string
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from dayshift.home import Home
from dayshift.inputs import yaml_text
from dayshift.inputs.dayfile import load_day
from dayshift.inputs.document_yaml import parse
from dayshift.inputs.settings import Budget, Settings
from dayshift.model import Complexity, Day, Record, Task
from dayshift.money import PICO_PER_USD as USD
from dayshift.money import from_usd
from dayshift.outlook import carry_over
from dayshift.outlook.carry_over import Left
from dayshift.rehearsing.written_turns import parse_turns
from dayshift.states import Failed, Queued
from tests.house import NINE, TODAY, record, task

TOMORROW = date(2026, 11, 21)
DEFAULTS = Settings()
WHOLE = Task(
    "orders-page", "Paginate: the orders", "Show 50 a page.\n\n  Keep the order.\n", "sonnet", module="orders",
    kind="feature", complexity=Complexity.high, context_files=("docs/PAGES.md",), deliverables=("src/list.py", "b c"),
    priority=1, max_cost=5 * USD, timeout_minutes=90, validate=("pytest -q tests/orders", 'grep -q "50" x | wc'),
    max_attempts=3, carry_over=True, rehearsal=({"text": "hello"}, {"bash": "ls", "delay": 0.5}),
    network=("*.cdn.example.org", "db.example.org:5432"),
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    home.tasks.mkdir(parents=True)
    return home


def left(home: Home, *tasks: Task, remarks: tuple[str, ...] = ()) -> list[Left]:
    shop = str(home.root.parent / "shop")
    return [Left(replace(record(Failed(NINE, "red"), task=each), project=shop), remarks) for each in tasks]


def write(home: Home, *tasks: Task, max_cost: int | None = 20 * USD, remarks: tuple[str, ...] = ()) -> Path:
    carry_over.write(home, DEFAULTS, TODAY, max_cost, left(home, *tasks, remarks=remarks))
    return home.tasks / "2026-11-21-carry-over.yaml"


def loaded(home: Home, file: Path, settings: Settings = DEFAULTS) -> Day:
    return load_day(
        file, settings, home.root, home=home.root, known_model=lambda name: None, parse_turns=parse_turns
    )  # fmt: skip


# --- what it says ----------------------------------------------------------------------------------


def test_the_file_reads_like_one_that_a_person_wrote(home: Home) -> None:
    after = task("after", "orders-page", "gone", complexity=Complexity.low, max_attempts=2)
    first, *rest = write(home, after, WHOLE, remarks=("failed: red\n  - id: forged",)).read_text().splitlines()
    assert first.startswith("# Written by dayshift; once edited it is yours and stays as it is (")
    assert (
        "\n".join(rest)
        == """\
# What 2026-11-20 left. Each task goes on where it stopped: its session, its workspace, its open question.
date: 2026-11-21
max_cost_usd: 20.00
project: ../shop
tasks:
  # failed: red - id: forged
  - id: orders-page
    name: "Paginate: the orders"
    description: |
      Show 50 a page.

        Keep the order.
    module: orders
    kind: feature
    estimated_complexity: high
    context_files: [docs/PAGES.md]
    deliverables: [src/list.py, b c]
    priority: 1
    model: sonnet
    max_cost_usd: 5.00
    timeout_minutes: 90
    validate:
      - pytest -q tests/orders
      - "grep -q \\"50\\" x | wc"
    max_attempts: 3
    network: ["*.cdn.example.org", "db.example.org:5432"]
    carry_over: true
    continues: 2026-11-20
    rehearsal:
      - {"text": "hello"}
      - {"bash": "ls", "delay": 0.5}
  # failed: red - id: forged
  - id: after
    name: Task after
    description: |-
      words
    estimated_complexity: low
    depends_on: [orders-page]
    priority: 5
    model: sonnet
    continues: 2026-11-20"""
    )


def test_what_is_read_back_is_what_was_left(home: Home) -> None:
    day = loaded(home, write(home, WHOLE))
    assert (day.date, day.max_cost, day.project) == (TOMORROW, 20 * USD, str(home.root.parent / "shop"))
    assert day.tasks == (replace(WHOLE, continues=TODAY),)


PATHS = strategies.text(string.ascii_letters + "é世 '\"#:,[]{}&*!|>%@`-", min_size=1, max_size=20).map(
    lambda text: f"src/x{text}y"
)
HOSTILE = strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=60) | strategies.text(
    " \n\t:#-'\"|>{}[],&*!%@`\\a\r\x85\u2028\ufeff\x00", max_size=40
)
ONE_LINE = HOSTILE.map(lambda text: " ".join(text.split()))
TASKS = strategies.builds(
    Task,
    id=strategies.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True).filter(
        lambda each: each != "daemon" and not each.endswith("-answer")
    ),
    name=ONE_LINE.filter(bool),
    description=HOSTILE.filter(lambda text: bool(text.strip())),
    model=HOSTILE.filter(bool), module=ONE_LINE, kind=ONE_LINE, complexity=strategies.sampled_from(Complexity),
    context_files=strategies.tuples(PATHS), deliverables=strategies.lists(PATHS, max_size=3).map(tuple),
    priority=strategies.integers(1, 9), max_cost=strategies.none() | strategies.integers(10**10, 10**18),
    timeout_minutes=strategies.integers(1, 1440), max_attempts=strategies.integers(1, 10),
    validate=strategies.lists(HOSTILE.filter(lambda text: text.strip() and "\0" not in text), max_size=2).map(tuple),
    carry_over=strategies.booleans(), continues=strategies.none() | strategies.just(date(2026, 11, 19)),
    network=strategies.lists(strategies.sampled_from(["*.example.org", "a.example.org:8080"]), unique=True).map(tuple),
    rehearsal=strategies.none() | strategies.tuples(HOSTILE.map(lambda text: {"text": f"x{text}"})),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None,
          max_examples=80)  # fmt: skip
@given(tasks=strategies.lists(TASKS, min_size=1, max_size=3, unique_by=lambda each: each.id), remark=HOSTILE)
def test_whatever_a_task_says_survives_to_the_letter(home: Home, tasks: list[Task], remark: str) -> None:
    tasks = [replace(each, depends_on=tuple(other.id for other in tasks[:number])) for number, each in enumerate(tasks)]
    day = loaded(home, write(home, *tasks, max_cost=None, remarks=(remark,)))
    given = sorted((replace(each, continues=TODAY) for each in tasks), key=lambda each: each.id)
    assert sorted(day.tasks, key=lambda each: each.id) == given


@settings(deadline=None, max_examples=200)
@given(one=HOSTILE, other=HOSTILE)
def test_every_way_to_write_a_text_keeps_it(one: str, other: str) -> None:
    lines = [f"a: {yaml_text.scalar(one)}", f"b: {yaml_text.block(one, '  ')}", f"c: {yaml_text.quoted(other)}",
             f"d: {yaml_text.flow({one: [other, 1, 0.5, True, None]})}",
             f"e: {yaml_text.listed([one, other], '  ')}"]  # fmt: skip
    data, _ = parse("\n".join(lines) + "\n", "file")
    assert data == {"a": one, "b": one, "c": other, "d": {one: [other, 1, 0.5, True, None]}, "e": [one, other]}


@pytest.mark.parametrize("text", ["null", "yes", "1e5", "12", "2026-11-20", "-", "a: b", "a #b", "*x", "", "=", ".5"])
def test_a_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    assert yaml_text.scalar(text) == f'"{text}"'


def test_what_the_settings_say_is_left_to_them(home: Home) -> None:
    usual = Settings(budget=Budget(task_usd=7), network=("a.example.org",))  # type: ignore[arg-type]
    given = task("a", max_cost=7 * USD, network=("a.example.org", "b.example.org"))
    carry_over.write(home, usual, TODAY, 5 * USD, left(home, given))
    file = home.tasks / "2026-11-21-carry-over.yaml"
    text = file.read_text()
    assert "    max_cost_usd" not in text and "    network: [b.example.org]\n" in text
    assert loaded(home, file, usual).tasks == (replace(given, continues=TODAY),)


def test_a_days_cap_below_that_of_a_task_is_told_and_not_set(home: Home) -> None:
    file = write(home, WHOLE, max_cost=3 * USD)
    assert "# max_cost_usd: 3.00  # of 2026-11-20, but a task below may cost more\n" in file.read_text()
    assert loaded(home, file).max_cost is None


def test_an_amount_that_a_number_cannot_hold_is_written_as_text(home: Home) -> None:
    exact = from_usd("999999.123456789012")
    assert loaded(home, write(home, task("a", max_cost=exact), max_cost=None)).tasks[0].max_cost == exact


def test_each_project_has_a_file_of_its_own(home: Home) -> None:
    one, two = left(home, task("a"), task("b"))
    (home.root.parent / "zoo" / ".git").mkdir(parents=True)
    two = Left(replace(two.record, project=str(home.root.parent / "zoo")))
    carry_over.write(home, DEFAULTS, TODAY, None, [two, one])
    found = {path.name: loaded(home, path).tasks[0].id for path in home.tasks.iterdir()}
    assert found == {"2026-11-21-carry-over.yaml": "a", "2026-11-21-carry-over-2.yaml": "b"}
    carry_over.write(home, DEFAULTS, TODAY, None, [one])
    assert [path.name for path in home.tasks.iterdir()] == ["2026-11-21-carry-over.yaml"]


def test_what_is_too_long_with_its_indentation_is_quoted_and_what_is_too_long_at_all_is_refused(home: Home) -> None:
    lines = "ab\n" * 40_000
    file = write(home, replace(task("a"), description=lines))
    assert loaded(home, file).tasks[0].description == lines
    with pytest.raises(ValueError, match="does not fit into one day file of 256 KiB"):
        write(home, replace(task("a"), description="ab\n" * 90_000))


# --- whose it is -----------------------------------------------------------------------------------


def test_the_same_rest_gives_the_same_bytes_and_a_new_one_replaces_it(home: Home) -> None:
    before = write(home, WHOLE, task("b")).read_bytes()
    assert write(home, task("b"), WHOLE).read_bytes() == before
    assert b"orders-page" not in write(home, task("b")).read_bytes()


def test_when_nothing_is_left_it_is_removed(home: Home) -> None:
    assert write(home, WHOLE).exists() and carry_over.present(home, TODAY) == "tasks/2026-11-21-carry-over.yaml"
    assert not write(home).exists() and carry_over.present(home, TODAY) == ""


@pytest.mark.parametrize("change", ["appended", "one byte", "newline", "own", "empty"])
def test_a_file_that_a_person_touched_is_never_replaced_nor_removed(home: Home, change: str) -> None:
    file = write(home, WHOLE)
    edits: dict[str, Any] = {
        "appended": lambda data: data + b"# mine\n", "one byte": lambda data: data.replace(b"sonnet", b"opusss"),
        "newline": lambda data: data[:-1], "own": lambda data: b"date: 2026-11-21\ntasks: []\n",
        "empty": lambda data: b"",
    }  # fmt: skip
    theirs = edits[change](file.read_bytes())
    file.write_bytes(theirs)
    write(home, task("b"))
    write(home)
    assert file.read_bytes() == theirs


def test_a_link_in_its_place_is_left_alone(home: Home, tmp_path: Path) -> None:
    real = write(home, WHOLE)
    elsewhere = tmp_path / "elsewhere.yaml"
    real.rename(elsewhere)
    real.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    write(home, task("b"))
    write(home)
    assert (real.is_symlink(), elsewhere.read_bytes()) == (True, before)


def test_no_other_file_of_the_person_is_touched_and_a_missing_folder_is_made(home: Home) -> None:
    own = home.tasks / "2026-11-21.yaml"
    own.write_text("mine")
    write(home, WHOLE)
    write(home)
    assert [(path.name, path.read_text()) for path in home.tasks.iterdir()] == [("2026-11-21.yaml", "mine")]
    own.unlink()
    home.tasks.rmdir()
    assert write(home, WHOLE).exists()


def test_records_of_any_state_keep_their_day(home: Home) -> None:
    old: Record = replace(left(home, task("a"))[0].record, state=Queued(NINE), day=date(2026, 11, 19))
    carry_over.write(home, DEFAULTS, TODAY, None, [Left(old)])
    assert loaded(home, home.tasks / "2026-11-21-carry-over.yaml").tasks[0].continues == date(2026, 11, 19)
