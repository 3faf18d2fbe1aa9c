"""The budgets a request counts in, by name and cap, and the phase in force. Pure; joins settings for what is set."""

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import PurePath
from types import MappingProxyType
from typing import Literal

from dayshift.inputs.settings import Budget, Caps, Phase
from dayshift.money import Pico, from_usd

BEGAN, SPENT = "phase-began", "phase-spent"  #: the ledger's marks, before the name of a phase
PLAN = "plan/"  #: before the names of budgets that count what a plan's use would have cost: never real dollars


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is spent on, and who bills it."""

    file_day: date
    task_id: str
    project: str  #: absolute path of its repository
    provider: str
    account: Literal["api", "plan"]
    task_cap: Pico | None
    day_cap: Pico | None  #: the lower of the day file's and the settings'


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase with its first day and the day after its last; no end while it is open."""

    phase: Phase
    begins: date
    ends: date | None


def week(day: date) -> str:
    """The ISO week the day is in: `2026-W47`."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


@cache
def periods(day: date) -> Mapping[str, str]:
    """The four budgets every request counts in, by the setting that caps them."""
    return MappingProxyType({
        "daily_usd": f"day:{day}", "weekly_usd": f"week:{week(day)}", "monthly_usd": f"month:{day:%Y-%m}",
        "total_usd": "total",
    })  # fmt: skip


def day_window(day: date) -> str:
    """The name of a calendar day's budget."""
    return periods(day)["daily_usd"]


def task_window(day: date, task_id: str) -> str:
    """The name of a task's budget; `day` is that of its day file, so a carried-over task keeps one budget."""
    return f"task:{day}/{task_id}"


def phase_window(name: str) -> str:
    """The name of a phase's budget."""
    return f"phase:{name}"


def windows(budget: Budget, subject: Subject, day: date, phase: Phase | None) -> dict[str, Pico | None]:
    """Every budget a request of that day counts in, with its cap or None. Also those without a cap are counted,
    so that one set later knows what was spent before."""
    found = {task_window(subject.file_day, subject.task_id): subject.task_cap}
    found |= _periods(day, Caps(**{name: getattr(budget, name) for name in Caps.model_fields}))
    found[day_window(day)] = subject.day_cap
    found |= _periods(day, _of(budget.projects, subject.project), f"project:{subject.project}/")
    found |= _periods(day, budget.providers.get(subject.provider, Caps()), f"provider:{subject.provider}/")
    if phase:
        found[phase_window(phase.name)] = _pico(phase.total_usd)
        found[f"{phase_window(phase.name)}/{day_window(day)}"] = _pico(phase.daily_usd)
    return {PLAN + name: cap for name, cap in found.items()} if subject.account == "plan" else found


def _periods(day: date, caps: Caps, prefix: str = "") -> dict[str, Pico | None]:
    return {prefix + window: _pico(getattr(caps, name)) for name, window in periods(day).items()}


def _of(projects: Mapping[str, Caps], project: str) -> Caps:
    """The caps of the project, named by its path or its folder's name; a path goes first."""
    return projects.get(project) or projects.get(PurePath(project).name) or Caps()


def _pico(dollars: Decimal | None) -> Pico | None:
    return None if dollars is None else from_usd(dollars)


def elsewhere(spent: Callable[[date, date], Pico], day: date) -> dict[str, Pico]:
    """What other use has taken of the budgets of that day; `spent` says it for the days from first to last.

    It does not say who paid, so it counts for dollars and for a plan.
    """
    monday, first = day - timedelta(days=day.weekday()), day.replace(day=1)
    last = day.replace(day=monthrange(day.year, day.month)[1])
    spans = {"daily_usd": (day, day), "weekly_usd": (monday, monday + timedelta(days=6)),
             "monthly_usd": (first, last), "total_usd": (date.min, date.max)}  # fmt: skip
    taken = {window: spent(*spans[setting]) for setting, window in periods(day).items()}
    return taken | {PLAN + window: amount for window, amount in taken.items()}


# --- phases ----------------------------------------------------------------------------------------


def stretches(phases: Sequence[Phase], first_day: date, spent: Mapping[str, date]) -> tuple[Stretch, ...]:
    """When each phase begins and ends: by date or, where `spent` names the day its money was gone, by that."""
    found: list[Stretch] = []
    begins = phases[0].first_day or first_day if phases else first_day
    for phase in phases:
        ends = [begins + timedelta(days=phase.days)] if phase.days else []
        ends += [max(spent[phase.name], begins)] if phase.name in spent else []
        found.append(Stretch(phase, begins, min(ends, default=None)))
        if not ends:
            break
        begins = min(ends)
    return tuple(found)


def remembered(phases: Sequence[Phase], mark: Callable[[str], str | None]) -> tuple[date | None, dict[str, date]]:
    """What the ledger's marks say: the day the first phase began, and the day each phase's money was gone."""
    marks = {phase.name: mark(f"{SPENT}:{phase.name}") for phase in phases}
    spent = {name: date.fromisoformat(text) for name, text in marks.items() if text}
    began = mark(f"{BEGAN}:{phases[0].name}") if phases else None
    return date.fromisoformat(began) if began else None, spent


def in_force(phases: Sequence[Phase], day: date, first_day: date, spent: Mapping[str, date]) -> Phase | None:
    """The phase of that day: the last one that has begun; None before the first begins, or without any."""
    begun = [each.phase for each in stretches(phases, first_day, spent) if each.begins <= day]
    return begun[-1] if begun else None


def spent_up(phase: Phase, settled: Pico, amount: Pico) -> bool:
    """Whether a request that no longer fits means the phase's money is gone: more than half is spent, and the
    request is one that the phase could pay for when it was fresh. Else it is the request that is too large."""
    total = _pico(phase.total_usd)
    return total is not None and settled + amount > total >= amount and settled * 2 > total


# --- as a person calls them --------------------------------------------------------------------------


def called(window: str) -> str:
    """A budget as a person calls it."""
    name = window.removeprefix(PLAN)
    kind, _, which = name.partition(":")
    match kind:
        case "task":
            words = "the task's own cap"
        case "day" | "week" | "month":
            words = f"the cap of {which}"
        case "total":
            words = "the cap of all time"
        case "price":
            words = "the price list"
        case "project" | "provider" | "phase":
            words = _part_called(kind, which)
        case _:
            words = name
    return f"{words} (notional, on a plan)" if name != window else words


def _part_called(kind: str, which: str) -> str:
    """Of a project, a provider or a phase: its name, and which of its budgets."""
    part, slash, period = which.rpartition("/")
    if slash and (period == "total" or period.partition(":")[0] in ("day", "week", "month")):
        return f"{called(period)} for the {kind} {PurePath(part).name}"
    return f"the cap of the {kind} {which}"


# --- what is promised --------------------------------------------------------------------------------

STRICT = (
    "strict: every request was admitted only if the most it can cost fitted every cap, before it left this machine; "
    "what is settled and what is reserved never exceed a cap together."
)
PACED = (
    "paced: a request holds its prompt, as measured in its conversation (the first one: a token for two bytes), and "
    "its answer as far as it has come; an answer that no cap has room for is cut. A cap can be passed by what is not "
    "seen in time: a first prompt of more tokens, thinking that is not streamed, words on their way at the cut; for "
    "each request under way by at most what strict would have held besides."
)
UNFENCED = "There was NO SANDBOX: agents could pass by the gateway, so the caps held only for what went through it."
NOTIONAL = "A plan pays: the amounts are what the same use would have cost by the token, and no bill."


def guarantee(mode: Literal["strict", "paced"], fenced: bool, plan: bool) -> str:
    """What the caps promise in this home, in words for the report."""
    words = [] if fenced else [UNFENCED]
    words.append(STRICT if mode == "strict" else PACED)
    return " ".join([*words, *([NOTIONAL] if plan else [])])
