"""The program's settings: config/orchestrator.yaml, overridden by DAYSHIFT_ variables."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dayshift import documents
from dayshift.documents import BadDocument, Problem
from dayshift.home import Home

PREFIX = "DAYSHIFT_"
NOT_SETTINGS = ("DAYSHIFT_HOME",)
OURS = ("ANTHROPIC_", "CLAUDE_", "DAYSHIFT_", "DISCORD_", "TELEGRAM_")

PRICES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search", "window", "fast",
          "long_above", "long_input", "long_output")  # fmt: skip
DOLLARS = (0, 1_000_000)
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType({
    "window": (1, 100_000_000), "long_above": (1, 100_000_000),
    "fast": (1, 1000), "long_input": (1, 1000), "long_output": (1, 1000),
})  # fmt: skip
TOOLS = ("Bash", "Read", "Edit", "Write", "Glob", "Grep", "Agent", "Skill", "AskUserQuestion")


# --- kinds of values -------------------------------------------------------------------------------


def inside(path: str) -> str:
    """The path, if it leads from a repository's top to something in it other than git's own; else ValueError."""
    parts = PurePosixPath(path).parts
    if not parts or "\0" in path:
        raise ValueError("is empty; name a file or folder of the repository")
    if parts[0].startswith(("/", "~")) or ".." in parts:
        raise ValueError(f"{path!r} leads out of the repository; write it from the repository's top, without `..`")
    if ".git" in parts:
        raise ValueError(f"{path!r} is git's own; name a file or folder of the project")
    return str(PurePosixPath(path))


def some(listed: tuple[Any, ...]) -> tuple[Any, ...]:
    """The list, if there is anything in it; else ValueError."""
    if not listed:
        raise ValueError("is empty; give at least one")
    return listed


def _number(value: Any) -> Any:
    """Numbers and their spellings; true is no 1."""
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {str(value).lower()}")
    return value


def _time(value: Any) -> time:
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day, in the configured timezone
    except (TypeError, ValueError):
        raise ValueError(f"must be a time such as 18:00, not {value!r}") from None


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        near = documents.suggestion(name, available_timezones()).partition("known:")[0]
        raise ValueError(f"{name!r} is no timezone; {near or 'write one such as UTC or Europe/Berlin'}") from None
    return name


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of an environment variable; write the name alone, without a value")
    if name.startswith(OURS):
        raise ValueError(f"{name} is the program's own; no agent gets it, take it out")
    return name


def _command(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("is no command; write what a shell shall run")
    return text


def _price(name: str) -> str:
    if name not in PRICES:
        raise ValueError(f"`{name}` is not a price; {documents.suggestion(name, PRICES)}")
    return name


def _sane(row: dict[str, Decimal]) -> dict[str, Decimal]:
    """One model's prices, if each is in its bounds; else ValueError."""
    for name, figure in row.items():
        least, most = BOUNDS.get(name, DOLLARS)
        if not least <= figure <= most:
            raise ValueError(f"`{name}` must be from {least} to {most}, not {figure}")
    return row


def _date(value: Any) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"must be a date such as 2026-11-20, not {value!r}") from None


def _phase(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise ValueError(f"{name!r} is no name of a phase; use up to 31 lower-case letters, digits and dashes")
    return name


def _listed(value: Any) -> Any:
    """One value is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def _rising(numbers: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(sorted(set(numbers)))


def _in_a_row(phases: "tuple[Phase, ...]") -> "tuple[Phase, ...]":
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


RepoPath = Annotated[str, AfterValidator(inside)]
Count = Annotated[int, BeforeValidator(_number)]
Dollars = Annotated[Decimal, BeforeValidator(_number), Field(ge=0)]
PriceName = Annotated[str, AfterValidator(_price)]
Cap = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1_000_000)]
Share = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1)]
Command = Annotated[str, AfterValidator(_command)]


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
    environment: tuple[Annotated[str, AfterValidator(_variable)], ...] = ()


class Caps(Section):
    """The most that may be spent in each period, in US dollars; None where nothing is set."""

    daily_usd: Cap | None = None
    weekly_usd: Cap | None = None
    monthly_usd: Cap | None = None
    total_usd: Cap | None = None


class Phase(Section):
    """A stretch of time with money of its own; the next one begins when its days or its money are over."""

    name: Annotated[str, AfterValidator(_phase)]
    first_day: Annotated[date, BeforeValidator(_date)] | None = None
    days: Annotated[Count, Field(ge=1, le=3660)] | None = None
    total_usd: Cap | None = None
    daily_usd: Cap | None = None


class Budget(Section):
    """What may be spent, in US dollars."""

    daily_usd: Cap = Decimal(20)
    task_usd: Cap | None = None
    weekly_usd: Cap | None = None
    monthly_usd: Cap | None = None
    total_usd: Cap | None = None
    projects: dict[str, Caps] = {}
    providers: dict[str, Caps] = {}
    phases: Annotated[tuple[Phase, ...], AfterValidator(_in_a_row)] = ()
    warn_at: Annotated[tuple[Share, ...], BeforeValidator(_listed), AfterValidator(_rising)] = (Decimal("0.75"),)
    milestones_usd: Annotated[tuple[Cap, ...], BeforeValidator(_listed), AfterValidator(_rising)] = ()
    mode: Literal["strict", "paced"] = "strict"
    include_other_use: bool = False


class Guard(Section):
    """When the guard ends an agent."""

    halt_after: Count = Field(default=3, ge=1)


class Workspace(Section):
    """What a new worktree gets beside the repository's own files."""

    share: tuple[RepoPath, ...] = ()
    setup: tuple[Command, ...] = ()
    copy_shared: bool = False


class Settings(Section):
    """Everything a person can set, with its default."""

    project: str | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    max_agents: Count = Field(default=3, ge=1, le=64)
    report_at: Annotated[time, BeforeValidator(_time)] = time(18, 0)
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    agent: Agent = Agent()
    budget: Budget = Budget()
    guard: Guard = Guard()
    workspace: Workspace = Workspace()
    prices: dict[str, Annotated[dict[PriceName, Dollars], AfterValidator(_sane)]] = {}


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
    data, lines = documents.load(path)
    return _checked({} if data is None else data, lines, str(path))


def _from_variable(name: str, text: str) -> dict[str, Any]:
    """One variable as a document of one key, so that its errors carry its name."""
    places = variables()
    if name not in places:
        raise BadDocument([Problem(name, 0, "", f"is no setting; {documents.suggestion(name, places)}")])
    data = documents.parse(text, name)[0] if text == "null" or text.startswith(("[", "{")) else text
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
    documents.validate(Settings, data, lines, file)
    good: dict[str, Any] = data
    return good


def _overlaid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both, the second winning key by key, also inside a section."""
    return under | {
        key: under.get(key, {}) | value if isinstance(value, dict) else value for key, value in over.items()
    }
