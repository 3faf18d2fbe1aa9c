"""The program's settings: config/orchestrator.yaml, overridden by DAYSHIFT_ variables."""

from collections.abc import Callable, Iterator, Mapping
from datetime import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dayshift.alerts import Kind
from dayshift.home import Home
from dayshift.inputs import document_shape, document_yaml, documents
from dayshift.inputs.documents import BadDocument, Problem
from dayshift.inputs.values import (
    Amounts,
    CalendarDay,
    Cap,
    ChannelUrl,
    Command,
    Count,
    Free,
    Gigabytes,
    Host,
    Id,
    PhaseName,
    PriceRow,
    ProjectName,
    QuietHours,
    RepoPath,
    Shares,
    TimeOfDay,
    Timezone,
    VariableName,
    some,
)

PREFIX = "DAYSHIFT_"
NOT_SETTINGS = ("DAYSHIFT_HOME",)
TOOLS = ("Bash", "Read", "Edit", "Write", "Glob", "Grep", "Agent", "Skill", "AskUserQuestion")


# --- the settings ----------------------------------------------------------------------------------


class Section(BaseModel):
    """A part of the settings; it cannot be changed and knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Agent(Section):
    """How an agent's CLI is run."""

    cli: str | None = None
    model: str = Field(default="sonnet", min_length=1)
    tools: Annotated[tuple[str, ...], AfterValidator(some)] = TOOLS
    timeout_minutes: Count = Field(default=60, ge=1, le=1440)
    silence_minutes: Count = Field(default=10, ge=1, le=1440)
    max_attempts: Count = Field(default=2, ge=1, le=10)
    max_output_tokens: Count = Field(default=32_000, ge=1_000, le=128_000)
    environment: tuple[VariableName, ...] = ()


class Caps(Section):
    """The most that may be spent in each period, in US dollars; None where nothing is set."""

    daily_usd: Cap | None = None
    weekly_usd: Cap | None = None
    monthly_usd: Cap | None = None
    total_usd: Cap | None = None


class Phase(Section):
    """A stretch of time with money of its own; the next one begins when its days or its money are over."""

    name: PhaseName
    first_day: CalendarDay | None = None
    days: Annotated[Count, Field(ge=1, le=3660)] | None = None
    total_usd: Cap | None = None
    daily_usd: Cap | None = None


def _in_a_row(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases, if each leads to the next and the last has no end; else ValueError."""
    names = [phase.name for phase in phases]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"`{twice}` names two phases; rename one")
    for phase in phases[1:]:
        if phase.first_day:
            raise ValueError(f"`{phase.name}` begins when the phase before it ends; take its first_day out")
    for phase in phases[:-1]:
        if phase.days is None and phase.total_usd is None:
            raise ValueError(f"`{phase.name}` never ends; give it days or total_usd, or take out what follows")
    if phases and phases[-1].days is not None:
        last = phases[-1].name
        raise ValueError(
            f"`{last}` is the last phase, so it cannot end; take its days out, or say what holds after it, "
            "e.g. {name: ongoing, daily_usd: 0.50}"
        )
    return phases


class Budget(Section):
    """What may be spent, in US dollars."""

    daily_usd: Cap = Decimal(20)
    task_usd: Cap | None = None
    weekly_usd: Cap | None = None
    monthly_usd: Cap | None = None
    total_usd: Cap | None = None
    projects: dict[ProjectName, Caps] = {}
    providers: dict[str, Caps] = {}
    phases: Annotated[tuple[Phase, ...], AfterValidator(_in_a_row)] = ()
    warn_at: Shares = (Decimal("0.75"),)
    milestones_usd: Amounts = ()
    mode: Literal["strict", "paced"] = "strict"
    include_other_use: bool = False


class Guard(Section):
    """When the guard ends an agent."""

    halt_after: Count = Field(default=3, ge=1)


class Limits(Section):
    """The most one agent may take of the machine; a GB is 2^30 bytes."""

    memory_gb: Gigabytes = Decimal(8)
    processes: Count = Field(default=512, ge=16, le=100_000)
    workspace_gb: Gigabytes = Decimal(10)
    tmp_gb: Gigabytes = Decimal(2)
    free_gb: Free = Decimal(2)
    all_workspaces_gb: Free = Decimal(50)


class Databases(Section):
    """Which files of a worktree count as databases, besides those that are known by their names; and which do not."""

    read_only: tuple[RepoPath, ...] = ()
    writable: tuple[RepoPath, ...] = ()


class Workspace(Section):
    """What a new worktree gets beside the repository's own files."""

    share: tuple[RepoPath, ...] = ()
    setup: tuple[Command, ...] = ()
    copy_shared: bool = False
    databases: Databases = Databases()


class Telegram(Section):
    """Who is heard over Telegram, and where; both are ids, for names can change hands."""

    users: tuple[Id, ...] = ()
    chats: tuple[Id, ...] = ()


class Channel(Section):
    """One more way to the person, as an apprise URL; `events` are the kinds of alerts it is given."""

    url: ChannelUrl
    events: tuple[Kind, ...] = tuple(Kind)


class Notify(Section):
    """How the person is told what happens."""

    quiet: QuietHours | None = None
    channels: tuple[Channel, ...] = ()
    command: tuple[Command, ...] = ()


class Learning(Section):
    """What becomes of the person's feedback."""

    auto_apply: bool = False
    max_characters: Count = Field(default=4_000, ge=200, le=50_000)


class Log(Section):
    """How the daemon's log is kept."""

    format: Literal["text", "json"] = "text"
    max_mb: Count = Field(default=10, ge=1, le=1_000)
    keep: Count = Field(default=4, ge=0, le=100)


class Settings(Section):
    """Everything a person can set, with its default."""

    project: str | None = None
    timezone: Timezone = "UTC"
    max_agents: Count = Field(default=3, ge=1, le=64)
    report_at: TimeOfDay = time(18, 0)
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    network: tuple[Host, ...] = ()
    agent: Agent = Agent()
    budget: Budget = Budget()
    guard: Guard = Guard()
    limits: Limits = Limits()
    workspace: Workspace = Workspace()
    telegram: Telegram = Telegram()
    notify: Notify = Notify()
    learning: Learning = Learning()
    log: Log = Log()
    prices: dict[str, PriceRow] = {}


# --- where they come from --------------------------------------------------------------------------


def load_settings(home: Home, environment: Mapping[str, str]) -> Settings:
    """The settings in force; BadDocument names every wrong line and variable. No file: the defaults.

    An empty variable counts as not set; `null`, [lists] and {mappings} are read as YAML, the rest is text.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for read in _sources(home, environment):
        try:
            found = _overlaid(found, read())
        except BadDocument as error:
            problems += error.problems
    if problems:
        raise BadDocument(problems)
    return Settings.model_validate(found)


def _sources(home: Home, environment: Mapping[str, str]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Readers of the file and of each variable, the later ones to win."""
    yield partial(_from_file, home.config / "orchestrator.yaml")
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and text:
            yield partial(_from_variable, name, text)


def _from_file(path: Path) -> dict[str, Any]:
    if not (path.exists() or path.is_symlink()):
        return {}
    data, lines = document_yaml.load(path)
    if isinstance(data, dict) and isinstance(data.get("notify"), list):  # the short form: channels and nothing else
        data["notify"] = {"channels": data["notify"]}
        lines |= {("notify", "channels", *place[1:]): line for place, line in lines.items() if place[:1] == ("notify",)}
    return _checked({} if data is None else data, lines, str(path))


def _from_variable(name: str, text: str) -> dict[str, Any]:
    """One variable as a document of one key, so that its errors carry its name."""
    places = variables()
    if name not in places:
        raise BadDocument([Problem(name, 0, "", f"is no setting; {documents.suggestion(name, places)}")])
    data = document_yaml.parse(text, name)[0] if text == "null" or text.startswith(("[", "{")) else text
    for key in reversed(places[name]):
        data = {key: data}
    return _checked(data, {}, name)


def variables() -> dict[str, tuple[str, ...]]:
    """Every environment variable that is a setting, and the keys it stands for."""
    places: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            places += [(name, key) for key in field.annotation.model_fields]
        else:
            places.append((name,))
    return {PREFIX + "__".join(place).upper(): place for place in places}


def _checked(data: Any, lines: documents.Lines, file: str) -> dict[str, Any]:
    """The data as it was written, once it is known to be good."""
    document_shape.validate(Settings, data, lines, file)
    good: dict[str, Any] = data
    return good


def _overlaid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both, the second winning key by key, also inside a section."""
    return under | {
        key: under.get(key, {}) | value if isinstance(value, dict) else value for key, value in over.items()
    }
