"""config/orchestrator.yaml and DAYSHIFT_ variables: what is read, what is refused, and in which words."""

from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from dayshift.home import INSTALLATION, Home
from dayshift.inputs import document_shape, document_yaml, documents
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.inputs.settings_sources import load_settings, variables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "config").mkdir()
    return Home(tmp_path)


def written(home: Home, text: str | bytes) -> Home:
    file = home.config / "orchestrator.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return home


def told(home: Home, environment: dict[str, str] | None = None) -> list[str]:
    """Everything said about bad settings, the file named only `config`."""
    with pytest.raises(BadDocument) as caught:
        load_settings(home, environment or {})
    return [str(each).replace(str(home.config / "orchestrator.yaml"), "config") for each in caught.value.problems]


def test_without_a_file_everything_is_at_its_default(tmp_path: Path) -> None:
    settings = load_settings(Home(tmp_path), {})
    assert settings == Settings()
    assert (settings.max_agents, settings.report_at, settings.budget.daily_usd) == (3, time(18), Decimal(20))


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_no_error(home: Home, text: str) -> None:
    assert load_settings(written(home, text), {}) == Settings()


def test_the_shipped_file_holds_every_key_at_its_default() -> None:
    shipped = INSTALLATION / "config" / "orchestrator.yaml"
    data, lines = document_yaml.load(shipped)
    assert document_shape.validate(Settings, data, lines, str(shipped)) == Settings()
    for place in variables().values():
        value = data
        for key in place:
            assert key in value, f"{'.'.join(place)} is not in the shipped file"
            value = value[key]


def test_what_the_file_says_holds(home: Home) -> None:
    text = """
        project: ../shop
        timezone: Europe/Berlin
        report_at: 09:30
        sandbox: none
        agent: {tools: [Bash, Read], environment: [NODE_ENV]}
        budget: {daily_usd: 0.1, task_usd: 7.50}
        workspace: {share: [./node_modules, .venv], setup: ["npm ci"], copy_shared: yes}
        prices: {claude-x: {input: 3, output: 0.15}}
    """
    settings = load_settings(written(home, text), {})
    assert (settings.project, settings.timezone, settings.report_at) == ("../shop", "Europe/Berlin", time(9, 30))
    assert (settings.sandbox, settings.agent.tools, settings.agent.model) == ("none", ("Bash", "Read"), "sonnet")
    assert (settings.budget.daily_usd, settings.budget.task_usd) == (Decimal("0.1"), Decimal("7.5"))
    assert (settings.workspace.share, settings.workspace.copy_shared) == (("node_modules", ".venv"), True)
    assert settings.prices == {"claude-x": {"input": Decimal(3), "output": Decimal("0.15")}}


def test_every_error_of_file_and_variables_is_told_at_once(home: Home) -> None:
    written(home, "budget:\n  daily_us: 3\nmax_agents: 65\nagent:\n  tools: Bash\n  model: 4\nguard: {halt_after: 0}\n")
    assert told(home, {"DAYSHIFT_BUDGET__DAILY_UDS": "3", "DAYSHIFT_MAX_AGENTS": "many"}) == [
        "config:2: budget.daily_us: is not a key here; did you mean `daily_usd`?",
        "config:3: max_agents: must be less than or equal to 64, not 65",
        "config:5: agent.tools: must be a list (['Bash']), not 'Bash'",
        'config:6: agent.model: must be text (in quotes: "4"), not 4',
        "config:7: guard.halt_after: must be greater than or equal to 1, not 0",
        "DAYSHIFT_BUDGET__DAILY_UDS: is no setting; did you mean `DAYSHIFT_BUDGET__DAILY_USD`?",
        "DAYSHIFT_MAX_AGENTS: max_agents: must be a whole number, not 'many'",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("timezone: Europe/Berln", "timezone: 'Europe/Berln' is no timezone; did you mean `Europe/Berlin`?"),
        ("timezone: ../../etc", "timezone: '../../etc' is no timezone; write one such as UTC or Europe/Berlin"),
        ("report_at: 25:00", "report_at: must be a time such as 18:00, not '25:00'"),
        ("report_at: 18", "report_at: must be a time such as 18:00, not 18"),
        ("sandbox: docker", "sandbox: must be 'bubblewrap' or 'none', not 'docker'"),
        ("max_agents: true", "max_agents: must be a number, not true"),
        ("max_agents: 2.5", "max_agents: must be a whole number, not 2.5"),
        (
            "max_agents: 9999999999999999999",
            "max_agents: must be less than or equal to 64, not '9999999999999999999'",
        ),
        ("budget: {daily_usd: $5}", "budget.daily_usd: must be a number such as 20 or 7.50, not '$5'"),
        ("budget: {daily_usd: .inf}", "budget.daily_usd: must be a number such as 20 or 7.50, not '.inf'"),
        ("budget: {daily_usd: 1e999}", "budget.daily_usd: must be a number such as 20 or 7.50, not inf"),
        ("budget: {daily_usd: 0}", "budget.daily_usd: must be greater than 0, not 0"),
        ("budget: {warn_at: 75}", "budget.warn_at[0]: must be a share above 0, up to 1, such as 0.75 for 75 %, not 75"),
        ("budget:", "budget: must be a mapping (`key: value` lines), not empty"),
        ("agent: {tools: []}", "agent.tools: is empty; give at least one"),
        ("limits: {memory_gb: 0}", "limits.memory_gb: must be 0.1 or more, not 0"),
        ("limits: {processes: 4}", "limits.processes: must be greater than or equal to 16, not 4"),
        (
            "workspace: {databases: {writable: [../x.db]}}",
            "workspace.databases.writable[0]: '../x.db' leads out of the repository; write it from the repository's "
            "top, without `..`",
        ),
        (
            "agent: {environment: [ANTHROPIC_API_KEY]}",
            "agent.environment[0]: ANTHROPIC_API_KEY is the program's own; no agent gets it, take it out",
        ),
        (
            "agent: {environment: [A=1]}",
            "agent.environment[0]: 'A=1' is no name of an environment variable; write the name alone, without a value",
        ),
        (
            "workspace: {share: [../secrets]}",
            "workspace.share[0]: '../secrets' leads out of the repository; "
            "write it from the repository's top, without `..`",
        ),
        ("workspace: {share: [.git]}", "workspace.share[0]: '.git' is git's own; name a file or folder of the project"),
        ("workspace: {setup: ['']}", "workspace.setup[0]: is no command; write what a shell shall run"),
        ("prices: {m: {inptu: 2}}", "prices.m.inptu: `inptu` is not a price; did you mean `input`?"),
        ("prices: {m: {input: -1}}", "prices.m.input: must be greater than or equal to 0, not -1"),
        ("prices: {m: {input: 1000001}}", "prices.m: `input` must be from 0 to 1000000, not 1000001"),
        ("prices: {m: {fast: 0.5}}", "prices.m: `fast` must be from 1 to 1000, not 0.5"),
        ("prices: {m: {window: 0.5}}", "prices.m: `window` must be from 1 to 100000000, not 0.5"),
        ("- a\n- b", "must be a mapping (`key: value` lines), not a list"),
    ],
)
def test_a_wrong_value_gets_its_line_and_a_cure(home: Home, line: str, message: str) -> None:
    assert told(written(home, line)) == [f"config:1: {message}"]


SPRINT, ONGOING = "{name: sprint, days: 10, total_usd: 30}", "{name: ongoing, daily_usd: 0.50}"


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (f"phases: [{SPRINT}, {SPRINT}]", "phases: `sprint` names two phases; rename one"),
        (f"phases: [{ONGOING}, {SPRINT}]", "phases: `ongoing` never ends; give it days or total_usd, or take out what "
         "follows"),
        (f"phases: [{SPRINT}]", "phases: `sprint` is the last phase, so it cannot end; take its days out, or say what "
         "holds after it, e.g. {name: ongoing, daily_usd: 0.50}"),
        (f"phases: [{SPRINT}, {{name: later, first_day: 2026-12-01}}]",
         "phases: `later` begins when the phase before it ends; take its first_day out"),
        ("phases: [{name: sprint, first_day: tomorrow}]",
         "phases[0].first_day: must be a date such as 2026-11-20, not 'tomorrow'"),
        ("phases: [{name: sprint, days: 0}]", "phases[0].days: must be greater than or equal to 1, not 0"),
        ("phases: [{name: Sprint 1}]", "phases[0].name: 'Sprint 1' is no name of a phase; "
         "use up to 31 lower-case letters, digits and dashes"),
        ("phases: [{name: a, weekly_usd: 3}]", "phases[0].weekly_usd: is not a key here; did you mean `daily_usd`?"),
        ("warn_at: [0.5, 75]", "warn_at[1]: must be a share above 0, up to 1, such as 0.75 for 75 %, not 75"),
        ("warn_at: 0", "warn_at[0]: must be a share above 0, up to 1, such as 0.75 for 75 %, not 0"),
        ("mode: loose", "mode: must be 'strict' or 'paced', not 'loose'"),
        ("include_other_use: maybe", "include_other_use: must be true or false, not 'maybe'"),
        ("warn_at: [75%]", "warn_at[0]: must be a share above 0, up to 1, such as 0.75 for 75 %, not '75%'"),
        ("warn_at: [true]", "warn_at[0]: must be a share above 0, up to 1, such as 0.75 for 75 %, not True"),
        *((f"projects: {{{name}: {{daily_usd: 5}}}}", f"projects.{name}: '{name}' is no project; "
           "write its folder's name alone, or the whole path from `/`")
          for name in ("../shop", "~/shop", "/src/shop/", "src/shop", "/src/../shop")),
        ("projects: {shop: 5}", "projects.shop: must be a mapping (`key: value` lines), not 5"),
        ("projects: {shop: {dayly_usd: 5}}", "projects.shop.dayly_usd: is not a key here; did you mean `daily_usd`?"),
        ("providers: [anthropic]", "providers: must be a mapping (`key: value` lines), not a list"),
        ("milestones_usd: [5, ten]", "milestones_usd[1]: must be a number such as 20 or 7.50, not 'ten'"),
    ],
)  # fmt: skip
def test_a_wrong_budget_is_named_with_a_cure(home: Home, budget: str, message: str) -> None:
    assert told(written(home, f"budget: {{{budget}}}")) == [f"config:1: budget.{message}"]


def test_phases_that_lead_to_each_other_and_lists_in_order_are_read(home: Home) -> None:
    written(home, f"budget: {{phases: [{SPRINT}, {ONGOING}], warn_at: [0.9, 0.5, 0.9], milestones_usd: [10, 5]}}")
    budget = load_settings(home, {}).budget
    assert [phase.name for phase in budget.phases] == ["sprint", "ongoing"]
    assert budget.warn_at == (Decimal("0.5"), Decimal("0.9"))
    assert budget.milestones_usd == (Decimal(5), Decimal(10))
    assert load_settings(written(home, "budget: {warn_at: 0.6}"), {}).budget.warn_at == (Decimal("0.6"),)


CAPS = ("daily_usd: {}", "task_usd: {}", "weekly_usd: {}", "monthly_usd: {}", "total_usd: {}",
        "projects: {{shop: {{daily_usd: {}}}}}", "providers: {{anthropic: {{total_usd: {}}}}}",
        "phases: [{{name: sprint, total_usd: {}}}]", "phases: [{{name: on, daily_usd: {}}}]",
        "milestones_usd: [5, {}]")  # fmt: skip


@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "must be greater than 0, not 0"),
        ("-5", "must be greater than 0, not -5"),
        ("1000000.01", "must be less than or equal to 1000000, not 1000000.01"),
        ("1e999", "must be a number such as 20 or 7.50, not inf"),
        (".nan", "must be a number such as 20 or 7.50, not '.nan'"),
        ("NaN", "must be a number such as 20 or 7.50, not 'NaN'"),
        ("Infinity", "must be a number such as 20 or 7.50, not 'Infinity'"),
        ("$5", "must be a number such as 20 or 7.50, not '$5'"),
        ("5 USD", "must be a number such as 20 or 7.50, not '5 USD'"),
        ("true", "must be a number, not true"),
    ],
)
def test_no_cap_is_zero_negative_endless_or_absurd(home: Home, cap: str, value: str, message: str) -> None:
    (line,) = told(written(home, "budget: {" + cap.format(value) + "}"))
    place, _, said = line.partition("_usd")
    assert place.startswith("config:1: budget.")
    assert said.removeprefix("[1]") == f": {message}"


@pytest.mark.parametrize("value", ["-3", "0", "nan", "$5", "1e999", "true"])
def test_no_cap_from_a_variable_is_either(home: Home, value: str) -> None:
    (line,) = told(home, {"DAYSHIFT_BUDGET__TOTAL_USD": value})
    assert line.startswith("DAYSHIFT_BUDGET__TOTAL_USD: budget.total_usd: must be ")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DAYSHIFT_MAX_AGENTS", "2", 2),
        ("DAYSHIFT_BUDGET__DAILY_USD", "0.30", Decimal("0.30")),
        ("DAYSHIFT_BUDGET__TASK_USD", "null", None),
        ("DAYSHIFT_REPORT_AT", "07:15", time(7, 15)),
        ("DAYSHIFT_AGENT__TOOLS", "[Bash, Read]", ("Bash", "Read")),
        ("DAYSHIFT_AGENT__MODEL", "4", "4"),
        ("DAYSHIFT_WORKSPACE__COPY_SHARED", "true", True),
        ("DAYSHIFT_PROJECT", "/srv/a: b", "/srv/a: b"),
        ("DAYSHIFT_PRICES", "{m: {input: 1}}", {"m": {"input": Decimal(1)}}),
    ],
)
def test_a_variable_overrides_the_file(home: Home, name: str, value: str, expected: object) -> None:
    written(home, "max_agents: 9\nbudget: {daily_usd: 9, task_usd: 9}\nproject: x\n")
    found: object = load_settings(home, {name: value, "PATH": "/bin"})
    for key in variables()[name]:
        found = getattr(found, key)
    assert found == expected


def test_a_variable_leaves_the_rest_of_its_section_alone(home: Home) -> None:
    written(home, "budget: {daily_usd: 9, warn_at: 0.5}\n")
    budget = load_settings(home, {"DAYSHIFT_BUDGET__DAILY_USD": "3"}).budget
    assert (budget.daily_usd, budget.warn_at) == (Decimal(3), (Decimal("0.5"),))


def test_the_home_and_empty_variables_are_not_settings(home: Home) -> None:
    environment = {"DAYSHIFT_HOME": "/x", "DAYSHIFT_MAX_AGENTS": "", "DAYSHIFT_BUDGET__TASK_USD": ""}
    assert load_settings(home, environment) == Settings()


def test_a_broken_list_in_a_variable_names_the_variable(home: Home) -> None:
    (message,) = told(home, {"DAYSHIFT_AGENT__TOOLS": "[Bash"})
    assert message.startswith("DAYSHIFT_AGENT__TOOLS:1: not valid YAML: ")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().max_agents = 5


# --- files that are no plain YAML -------------------------------------------------------------------


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (BOMB, [f"config:{line}: {field}: anchors (&) and aliases (*) are not used here; write the value out"
                for line, field in [(1, "a"), (2, "b"), (2, "b[0]"), (2, "b[1]"), (3, "c[0]"), (3, "c[1]")]]),
        ("max_agents: 1\nmax_agents: 2\n",
         ["config:2: max_agents: is written twice, first in line 1; keep one of them"]),
        ("max_agents: !!python/object/apply:os.system [x]",
         ["config:1: max_agents: the tag 'tag:yaml.org,2002:python/object/apply:os' is not used here; leave it out"]),
        ("\n" + "[" * 250_000, ["config:2: more than 32 levels deep; write it flatter"]),
        ("max_agents: 1\n---\nmax_agents: 2\n",
         ["config:2: a second document (`---`) begins here; keep one document in a file"]),
        ("? [a]\n: b\n",
         ["config:1: a key must be plain text, not a list or a mapping; texts with { or [ need quotes"]),
        ("project: a: b\n",
         ["config:1: not valid YAML: mapping values are not allowed in this context; "
          "put text that contains `: ` in quotes and check the indentation"]),
        ("agent:\n\tmodel: x\n",
         ["config:2: not valid YAML: found character that cannot start any token; indent with spaces, not tabs"]),
        ("project: \x01",
         ["config: not valid YAML: control characters are not allowed; remove the control characters"]),
        (b"\x89PNG\0\0",
         ["config: orchestrator.yaml is binary; it must be UTF-8 text; give a text file of at most 256 KiB"]),
        (b"project: \xff\xfe",
         ["config: orchestrator.yaml is not UTF-8 text (byte 9); give a text file of at most 256 KiB"]),
        ("#" * 300 * 1024,
         ["config: orchestrator.yaml is larger than 256 KiB; give a text file of at most 256 KiB"]),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plain_yaml_is_refused(home: Home, content: str | bytes, messages: list[str]) -> None:
    assert told(written(home, content)) == messages


def test_a_folder_or_a_dangling_link_in_the_place_of_the_file_is_refused(home: Home) -> None:
    file = home.config / "orchestrator.yaml"
    file.symlink_to(home.root / "gone")
    assert told(home) == ["config: there is no such file; check the path"]
    file.unlink()
    file.mkdir()
    assert told(home) == ["config: orchestrator.yaml is not a regular file; give a text file of at most 256 KiB"]


def test_a_linked_file_is_read(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("max_agents: 7")
    (home.config / "orchestrator.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert load_settings(home, {}).max_agents == 7


def test_the_list_of_problems_ends_somewhere(home: Home) -> None:
    lines = told(written(home, "".join(f"key{number}: 1\n" for number in range(20_000))))
    assert len(lines) == documents.PROBLEMS_TOLD + 1
    assert lines[-1] == "config:20000: and 19950 more problems"


@pytest.mark.parametrize(
    ("word", "value"),
    [("no", "no"), ("on", "on"), ("2026-11-20", "2026-11-20"), ("18:00", "18:00"), ("0o17", "0o17"), ("1_000", "1_000"),
     ("007", "007"), ("7", 7), ("-3", -3), ("2.50", 2.5), ("1e3", 1000.0), (".", "."), ("~", None), ("", None),
     ("true", True), ('"1"', "1"), ("'~'", "~"), (".nan", ".nan")],
)  # fmt: skip
def test_a_word_stands_for_what_it_looks_like(word: str, value: object) -> None:
    assert document_yaml.parse(f"a: {word}", "x") == ({"a": value}, {(): 1, ("a",): 1})


def test_every_key_and_item_keeps_its_line() -> None:
    text = "a:\n  - b: 1\n\n    c: |\n      long\n      text\n  - [x,\n     y]\n"
    data, lines = document_yaml.parse(text, "x")
    assert data == yaml.safe_load(text)
    assert lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 0, "b"): 2, ("a", 0, "c"): 4, ("a", 1): 7,
                     ("a", 1, 0): 7, ("a", 1, 1): 8}  # fmt: skip


def test_an_unprintable_key_cannot_colour_the_terminal(home: Home) -> None:
    (message,) = told(written(home, '"\\e[31mred": 1'))
    assert "\x1b" not in message


def test_a_star_before_a_dot_is_text_and_no_alias(home: Home) -> None:
    written(home, "network: [packages.example.org, *.cdn.example.org]\n")
    assert load_settings(home, {}).network == ("packages.example.org", "*.cdn.example.org")
    variable = {"DAYSHIFT_NETWORK": "[*.example.org]"}
    assert load_settings(home, variable).network == ("*.example.org",)
    assert document_yaml.parse("- *.a.example\n- 2.50\n- '*.b'\n", "x")[0] == ["*.a.example", 2.5, "*.b"]


def test_anchors_and_aliases_are_refused_beside_a_star(home: Home) -> None:
    assert told(written(home, "network: [*.example.org, &a b.example.org, *a]\n")) == [
        "config:1: network[1]: anchors (&) and aliases (*) are not used here; write the value out",
        "config:1: network[2]: anchors (&) and aliases (*) are not used here; write the value out",
    ]


def test_every_host_that_may_not_stand_there_is_told_with_its_line(home: Home) -> None:
    assert told(written(home, "network:\n - *.com\n - packages.example.org\n - *.github.com\n - *.x.de:5432\n")) == [
        "config:2: network[0]: '*.com' covers hosts that anybody may own; name the ones that are meant",
        "config:4: network[2]: '*.github.com' covers hosts that serve git; those need their exact names",
        "config:5: network[3]: '*.x.de:5432' is a wildcard at the port of PostgreSQL; such a port needs its exact host",
    ]
    assert told(written(home, "network: packages.example.org\n")) == [
        "config:1: network: must be a list (['packages.example.org']), not 'packages.example.org'"
    ]
