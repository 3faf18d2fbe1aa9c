"""The day file: a good one becomes a Day, a bad one is refused with everything that is wrong with it; and its plan."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies

from dayshift.inputs.dayfile import day_cap, load_day
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Budget, Settings
from dayshift.model import Complexity, Day, Task
from dayshift.money import PICO_PER_USD as USD
from dayshift.outlook.plan import order, waves

GOOD = """\
date: 2026-11-20
max_cost_usd: 50.00
project: ../shop
tasks:
  - id: task-001
    name: Paginate the orders list
    description: |
      Twenty to a page.
    module: orders
    estimated_complexity: low
    context_files: [docs/PAGINATION.md]
    deliverables: [./src/orders/list.py, agent_workspaces/task-001/notes.md]
    priority: 2
    model: opus
    max_cost_usd: 0.10
    timeout_minutes: 90
    validate: ["pytest -q tests/orders"]
    max_attempts: 3
    carry_over: true
    rehearsal: [{text: hello}]
  - id: next
    name: Use it
    description: Use the list.
    context_files: [src/orders/list.py]
    depends_on: [task-001, task-001]
"""


def known_model(name: str) -> str | None:
    """A stand-in for the prices: all but one model are known."""
    return "gpt has no known price" if name == "gpt" else None


def parse_turns(turns: Sequence[Mapping[str, Any]]) -> object:
    """A stand-in for the script: a turn must say something."""
    if bad := [number for number, turn in enumerate(turns, 1) if "text" not in turn]:
        raise ValueError(f"rehearsal turn {bad[0]}: says nothing")
    return turns


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository beside an empty home, as far as a day file looks at it."""
    root = tmp_path_factory.mktemp("person")
    (root / "shop" / ".git").mkdir(parents=True)
    (root / "shop" / "docs").mkdir()
    (root / "shop" / "docs" / "PAGINATION.md").write_text("Twenty.\n")
    (root / "home" / "tasks").mkdir(parents=True)
    return root / "shop"


def load(shop: Path, content: str | bytes, wanted: Settings | None = None) -> Day:
    home = shop.parent / "home"
    file = home / "tasks" / "day.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_day(file, wanted or Settings(), shop, home=home, known_model=known_model, parse_turns=parse_turns)


def told(shop: Path, content: str | bytes, wanted: Settings | None = None) -> list[str]:
    """Everything said about a bad file; its own name and the folder of the test left out."""
    with pytest.raises(BadDocument) as caught:
        load(shop, content, wanted)
    file = shop.parent / "home" / "tasks" / "day.yaml"
    return [str(each).removeprefix(f"{file}:").replace(str(shop.parent), "…") for each in caught.value.problems]


def test_a_good_file_becomes_a_day_with_every_default_filled_in(shop: Path) -> None:
    day = load(shop, GOOD, Settings(budget=Budget(task_usd=Decimal(4))))
    assert day == Day(
        date=date(2026, 11, 20),
        project=str(shop),
        source=str(shop.parent / "home" / "tasks" / "day.yaml"),
        max_cost=50 * USD,
        tasks=(
            Task(
                id="task-001",
                name="Paginate the orders list",
                description="Twenty to a page.\n",
                model="opus",
                module="orders",
                complexity=Complexity.low,
                context_files=("docs/PAGINATION.md",),
                deliverables=("src/orders/list.py", "agent_workspaces/task-001/notes.md"),
                priority=2,
                max_cost=USD // 10,
                timeout_minutes=90,
                validate=("pytest -q tests/orders",),
                max_attempts=3,
                carry_over=True,
                rehearsal=({"text": "hello"},),
            ),
            Task(
                id="next",
                name="Use it",
                description="Use the list.",
                model="sonnet",
                context_files=("src/orders/list.py",),
                depends_on=("task-001",),
                max_cost=4 * USD,
            ),
        ),
    )


def test_a_module_and_a_kind_are_one_line_however_they_are_written(shop: Path) -> None:
    day = load(shop, GOOD.replace("module: orders", 'module: |\n      orders  api\n    kind: " fix "'))
    assert (day.tasks[0].module, day.tasks[0].kind) == ("orders api", "fix")


def test_the_hosts_of_a_task_are_added_to_those_of_the_config(shop: Path) -> None:
    text = """\
date: 2026-11-20
tasks:
  - {id: a, name: A, description: A, network: [Extra.example.org., *.cdn.example.org, packages.example.org]}
  - {id: b, name: B, description: B}
"""
    day = load(shop, text, Settings.model_validate({"network": ["packages.example.org"]}))
    assert [task.network for task in day.tasks] == [
        ("packages.example.org", "extra.example.org", "*.cdn.example.org"),
        ("packages.example.org",),
    ]


def test_every_error_is_told_at_once_whatever_else_is_wrong_with_its_task(shop: Path) -> None:
    text = """\
dat: 2026-11-20
max_cost_usd: 3
tasks:
  - id: ../x
    name: One
    description: " "
    priority: 10
    depends_on: [tow]
  - id: two
    name: Two
    descripton: typo
    context_files: [/etc/passwd, docs/gone.md]
    deliverables: [../out, agent_workspaces/one/x]
    depends_on: [two]
    model: gpt
    max_cost_usd: 4
    timeout_minutes: 0
    validate: pytest
    rehearsal: [{text: a}, {delay: 1}]
"""
    assert told(shop, text) == [
        "1: date: is missing; write `date: 2026-11-20`",
        "1: dat: is not a key here; did you mean `date`?",
        "4: tasks[0].id: '../x' is no task id; use 1 to 63 lower-case letters, digits and dashes, no dash at the start",
        "6: tasks[0].description: is empty; say what the agent shall do",
        "7: tasks[0].priority: must be less than or equal to 9, not 10",
        "8: tasks[0].depends_on[0]: there is no task `tow` in this file; did you mean `two`?",
        "9: tasks[1].description: is missing; write `description: what the agent shall do`",
        "11: tasks[1].descripton: is not a key here; did you mean `description`?",
        "12: tasks[1].context_files[0]: '/etc/passwd' leads out of the repository; "
        "write it from the repository's top, without `..`",
        "12: tasks[1].context_files[1]: there is no file 'docs/gone.md' in …/shop; "
        "make it, or depend on the task that delivers it",
        "13: tasks[1].deliverables[0]: '../out' leads out of the repository; "
        "write it from the repository's top, without `..`",
        "13: tasks[1].deliverables[1]: 'agent_workspaces/one/x' is not in this task's own workspace; "
        "write agent_workspaces/two/…",
        "14: tasks[1].depends_on[0]: `two` depends on itself; take this out",
        "15: tasks[1].model: gpt has no known price",
        "16: tasks[1].max_cost_usd: 4 is above the day's max_cost_usd of 3; lower it or raise that",
        "17: tasks[1].timeout_minutes: must be greater than or equal to 1, not 0",
        "18: tasks[1].validate: must be a list (['pytest']), not 'pytest'",
        "19: tasks[1].rehearsal: rehearsal turn 2: says nothing",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("id: 123", 'id: must be text (in quotes: "123"), not 123'),
        ("id: A", "id: 'A' is no task id; use 1 to 63 lower-case letters, digits and dashes, no dash at the start"),
        ('id: "a\\n"', "id: 'a\\n' is no task id; use 1 to 63 lower-case letters, digits and dashes, "
                       "no dash at the start"),
        ("id: start", "id: 'start' would share its log, agent_logs/start.log, with the program itself; rename it"),
        ("id: daemon", "id: 'daemon' would share its log, agent_logs/daemon.log, with the program itself; rename it"),
        ("id: one-answer", "id: 'one-answer' would share a file name with another task's answer; rename it"),
        ("name: ''", "name: is empty; name the task in a few words"),
        ("estimated_complexity: lo", "estimated_complexity: must be 'low', 'medium' or 'high', not 'lo'"),
        ("context_files: [docs]", "context_files[0]: there is no file 'docs' in …/shop; "
                                  "make it, or depend on the task that delivers it"),
        ("context_files: [.git/config]", "context_files[0]: '.git/config' is git's own; "
                                         "name a file or folder of the project"),
        (f"context_files: [{'x' * 300}]", f"context_files[0]: there is no file '{'x' * 300}' in …/shop; "
                                          "make it, or depend on the task that delivers it"),
        ("deliverables: ['']", "deliverables[0]: is empty; name a file or folder of the repository"),
        ("deliverables: [a, 3]", 'deliverables[1]: must be text (in quotes: "3"), not 3'),
        ("priority: 0", "priority: must be greater than or equal to 1, not 0"),
        ("priority: true", "priority: must be a number, not true"),
        ("priority: high", "priority: must be a whole number, not 'high'"),
        ("max_cost_usd: 0", "max_cost_usd: must be greater than 0, not 0"),
        ("max_cost_usd: -1", "max_cost_usd: must be greater than 0, not -1"),
        ("max_cost_usd: 1000001", "max_cost_usd: must be less than or equal to 1000000, not 1000001"),
        ("max_cost_usd: 1e999", "max_cost_usd: must be a number such as 20 or 7.50, not inf"),
        ("max_cost_usd: .nan", "max_cost_usd: must be a number such as 20 or 7.50, not '.nan'"),
        ("max_cost_usd: $5", "max_cost_usd: must be a number such as 20 or 7.50, not '$5'"),
        ("max_cost_usd: five", "max_cost_usd: must be a number such as 20 or 7.50, not 'five'"),
        ("timeout_minutes: 1441", "timeout_minutes: must be less than or equal to 1440, not 1441"),
        ("max_attempts: 11", "max_attempts: must be less than or equal to 10, not 11"),
        ("carry_over: perhaps", "carry_over: must be true or false, not 'perhaps'"),
        ("validate: ['']", "validate[0]: is no command; write what a shell shall run"),
        ("rehearsal: [3]", "rehearsal[0]: must be a mapping (`key: value` lines), not 3"),
        ("validate_: [a]", "validate_: is not a key here; did you mean `validate`?"),
        ("commands: [a]", "commands: is not a key here; known: id, name, description, module, kind, "
                          "estimated_complexity, context_files, deliverables, depends_on, priority, model, "
                          "max_cost_usd, timeout_minutes, validate, max_attempts, network, carry_over, continues, "
                          "rehearsal"),
    ],
)  # fmt: skip
def test_a_wrong_field_gets_its_line_and_a_cure(shop: Path, line: str, message: str) -> None:
    fields = {"id": "id: a", "name": "name: A", "description": "description: A"}
    fields[line.partition(":")[0]] = line
    text = "date: 2026-11-20\ntasks:\n  - " + "\n    ".join(fields.values())
    at = 3 + list(fields.values()).index(line)
    assert told(shop, text) == [f"{at}: tasks[0].{message}"]


TASK = "tasks: [{id: a, name: A, description: A}]\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["1: date: is missing; write `date: 2026-11-20`",
              "1: tasks: is missing; write `tasks: [{id: task-001, name: …, description: …}]`"]),
        ("date: 2026-11-20\ntasks: []\n", ["2: tasks: is empty; give at least one"]),
        ("date: 2026-11-20\ntasks:\n", ["2: tasks: must be a list ([a, b]), not empty"]),
        ("date: 2026-11-20\ntasks: [a]\n", ["2: tasks[0]: must be a mapping (`key: value` lines), not 'a'"]),
        ("- a\n", ["1: must be a mapping (`key: value` lines), not a list"]),
        ("date: 2026-02-30\n" + TASK, ["1: date: must be a date such as 2026-11-20, not '2026-02-30'"]),
        ("date: 20.11.2026\n" + TASK, ["1: date: must be a date such as 2026-11-20, not '20.11.2026'"]),
        ("date: 19700101\n" + TASK, ["1: date: must be a date such as 2026-11-20, not 19700101"]),
        ("date: 2026-11-20\nmax_cost_usd: 0\n" + TASK, ["2: max_cost_usd: must be greater than 0, not 0"]),
        ("date: 2026-11-20\nproject: ../gone\n" + TASK,
         ["2: project: there is no folder …/gone; set `project:` to a git repository, as a path from the home"]),
        ("date: 2026-11-20\nproject: .\n" + TASK,
         ["2: project: …/home is not in a git repository; run `git init` there or set `project:` to one"]),
        ("date: 2026-11-20\nproject: 7\n" + TASK, ['2: project: must be text (in quotes: "7"), not 7']),
        ("date: 2026-11-20\ntasks:\n- {id: a, name: A, description: A}\n- {id: a, name: B, description: B}\n",
         ["4: tasks[1].id: `a` names two tasks, in line 3 and line 4; rename one"]),
        ("date: 2026-11-20\ndate: 2026-11-21\n" + TASK,
         ["2: date: is written twice, first in line 1; keep one of them"]),
    ],
)  # fmt: skip
def test_a_wrong_file_gets_its_line_and_a_cure(shop: Path, text: str, messages: list[str]) -> None:
    assert told(shop, text) == messages


def listed(**needs: str) -> str:
    """A day file of tasks that depend on each other."""
    tasks = [f"- {{id: {name}, name: A, description: A, depends_on: [{wanted}]}}\n" for name, wanted in needs.items()]
    return "date: 2026-11-20\ntasks:\n" + "".join(tasks)


@pytest.mark.parametrize(
    ("needs", "messages"),
    [
        ({"a": "b", "b": "a"}, ["3: tasks[0].depends_on: a cycle: a -> b -> a; take one dependency out"]),
        ({"x": "a", "a": "c", "b": "a", "c": "b"},
         ["4: tasks[1].depends_on: a cycle: a -> c -> b -> a; take one dependency out"]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"},
         ["3: tasks[0].depends_on: a cycle: a -> b -> a; take one dependency out",
          "5: tasks[2].depends_on: a cycle: c -> d -> c; take one dependency out"]),
        ({"a": "a"}, ["3: tasks[0].depends_on[0]: `a` depends on itself; take this out"]),
        ({"a": "zzz"}, ["3: tasks[0].depends_on[0]: there is no task `zzz` in this file; known: a"]),
    ],
)  # fmt: skip
def test_dependencies_that_cannot_be_met_are_named(shop: Path, needs: dict[str, str], messages: list[str]) -> None:
    assert told(shop, listed(**needs)) == messages


def test_a_context_file_may_come_from_a_task_far_up_the_line(shop: Path) -> None:
    fields = "name: A, description: A"
    tasks = [f"{{id: a, {fields}, deliverables: [new.md]}}", f"{{id: b, {fields}, depends_on: [a]}}"]
    text = f"date: 2026-11-20\ntasks: [{', '.join(tasks)}, {{id: c, {fields}, context_files: [new.md], "
    assert load(shop, text + "depends_on: [b]}]").tasks[2].context_files == ("new.md",)
    (message,) = told(shop, text + "}]")
    assert message.startswith("2: tasks[2].context_files[0]: there is no file 'new.md'")


def test_an_unknown_default_model_is_named_as_the_default(shop: Path) -> None:
    configured = Settings.model_validate({"agent": {"model": "gpt"}})
    assert told(shop, "date: 2026-11-20\n" + TASK, configured) == [
        "2: tasks[0].model: the default, `agent.model: gpt`: gpt has no known price"
    ]


def test_the_project_is_the_top_of_the_repository(shop: Path) -> None:
    assert load(shop, "date: 2026-11-20\nproject: ../shop/docs\n" + TASK).project == str(shop)
    assert load(shop, "date: 2026-11-20\n" + TASK).project == str(shop)


@pytest.mark.parametrize(
    ("cap", "daily", "lower"), [("", 7, 7), ("max_cost_usd: 5\n", 7, 5), ("max_cost_usd: 9\n", 7, 7)]
)
def test_the_lower_cap_holds(shop: Path, cap: str, daily: int, lower: int) -> None:
    day = load(shop, f"date: 2026-11-20\n{cap}{TASK}")
    assert day_cap(day, Settings(budget=Budget(daily_usd=Decimal(daily)))) == lower * USD


def test_a_file_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match=r"gone\.yaml: there is no such file; check the path"):
        load_day(tmp_path / "gone.yaml", Settings(), tmp_path, home=tmp_path, known_model=known_model,
                 parse_turns=parse_turns)  # fmt: skip


# --- whatever bytes come ----------------------------------------------------------------------------

WORDS = [
    *(b"date", b"tasks", b"id", b"name", b"project", b"max_cost_usd", b"depends_on", b"deliverables", b"model"),
    *(b"context_files", b"rehearsal", b"null", b"1e999", b"-1", b"''", b"&a", b"*a", b"!!x", b"<<", b"~", b"~x"),
    *(b": ", b"- ", b"\n", b"\n  ", b"\n    ", b"[", b"]", b"{", b"}", b",", b"|", b"\0", b'"\\0"'),
]
SHAPED = strategies.lists(strategies.sampled_from(WORDS), max_size=40).map(b"".join)
WOUNDS = strategies.tuples(
    strategies.integers(0, len(GOOD)), strategies.sampled_from([b"", *WORDS]), strategies.integers(0, 30)
)


def refused_or_loaded(shop: Path, content: bytes) -> None:
    try:
        load(shop, content)
    except BadDocument as error:
        assert error.problems


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(content=strategies.one_of(strategies.binary(max_size=200), SHAPED))
@example(content=b"tasks:\n- {id: a, project: &x *x, depends_on: [[a]]}\nproject: ~nobody/x")
@example(content=b'project: "\\0"')
@example(content=b"project: " + b"x" * 5000)
def test_arbitrary_bytes_are_refused_with_a_message(shop: Path, content: bytes) -> None:
    refused_or_loaded(shop, content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(wound=WOUNDS)
def test_a_wounded_file_is_refused_with_a_message(shop: Path, wound: tuple[int, bytes, int]) -> None:
    at, inserted, removed = wound
    whole = GOOD.encode()
    refused_or_loaded(shop, whole[:at] + inserted + whole[at + removed :])


# --- of an earlier day ------------------------------------------------------------------------------------------


def test_a_task_may_go_on_with_an_earlier_day_and_its_context_may_come_from_there(shop: Path) -> None:
    text = GOOD.replace("carry_over: true", "continues: 2026-11-19").replace("[docs/PAGINATION.md]", "[docs/NEW.md]")
    assert load(shop, text.encode()).tasks[0].continues == date(2026, 11, 19)


@pytest.mark.parametrize("day", ["2026-11-20", "2026-12-01"])
def test_a_task_goes_on_with_no_day_but_an_earlier_one(shop: Path, day: str) -> None:
    text = GOOD.replace("carry_over: true", f"continues: {day}")
    with pytest.raises(BadDocument) as caught:
        load(shop, text.encode())
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (19, "tasks[0].continues")
    assert problem.message == f"{day} is not before 2026-11-20, the date of this file; name an earlier day"


@pytest.mark.parametrize("day", ["yesterday", "[2026-11-19]", "2026-13-01"])
def test_what_is_no_date_is_refused(shop: Path, day: str) -> None:
    with pytest.raises(BadDocument, match="must be a date such as 2026-11-20"):
        load(shop, GOOD.replace("carry_over: true", f"continues: {day}").encode())


# --- the plan ---------------------------------------------------------------------------------------


def task(name: str, *needs: str, priority: int = 5) -> Task:
    return Task(name, name, name, "sonnet", depends_on=needs, priority=priority)


PLANNED = [task("a"), task("b", "c"), task("c", priority=9), task("d", priority=1), task("e", "d", "a")]


def test_dependencies_come_before_priority_and_priority_before_the_files_order() -> None:
    assert [each.id for each in order(PLANNED)] == ["d", "a", "e", "c", "b"]


@pytest.mark.parametrize(
    ("slots", "expected"), [(1, "d a e c b"), (2, "da ec b"), (3, "dac be"), (9, "dac be")]
)  # fmt: skip
def test_waves_fill_the_slots_with_what_is_ready(slots: int, expected: str) -> None:
    assert ["".join(each.id for each in wave) for wave in waves(PLANNED, slots)] == expected.split()


def test_the_plan_holds_for_every_order_in_the_file() -> None:
    for tasks in itertools.permutations(PLANNED):
        done: set[str] = set()
        for wave in waves(tasks, 2):
            assert all(done.issuperset(each.depends_on) for each in wave)
            done |= {each.id for each in wave}
        assert done == {"a", "b", "c", "d", "e"}


def test_a_circle_has_no_plan() -> None:
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        waves([task("a", "b"), task("b", "a")], 2)
