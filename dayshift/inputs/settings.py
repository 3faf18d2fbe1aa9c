"""Everything a person can set, with its default."""

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dayshift.alerts import Kind
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

TOOLS = ("Bash", "Read", "Edit", "Write", "Glob", "Grep", "Agent", "Skill", "AskUserQuestion")


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
