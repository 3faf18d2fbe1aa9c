"""The kinds of values a person writes into settings and day files, each refused with what is wrong and the cure."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from dayshift.egress import network
from dayshift.inputs import documents

OURS = ("ANTHROPIC_", "CLAUDE_", "DAYSHIFT_", "DISCORD_", "TELEGRAM_")

PRICES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search", "window", "fast",
          "long_above", "long_input", "long_output")  # fmt: skip
DOLLARS = (0, 1_000_000)
LEAST_GIGABYTES = Decimal("0.1")
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType({
    "window": (1, 100_000_000), "long_above": (1, 100_000_000),
    "fast": (1, 1000), "long_input": (1, 1000), "long_output": (1, 1000),
})  # fmt: skip


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


def _enough(gigabytes: Decimal) -> Decimal:
    if gigabytes < LEAST_GIGABYTES:
        raise ValueError(f"must be {LEAST_GIGABYTES} or more, not {gigabytes}")
    return gigabytes


def _time(value: Any) -> time:
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day, in the configured timezone
    except (TypeError, ValueError):
        raise ValueError(f"must be a time such as 18:00, not {value!r}") from None


def _quiet(value: Any) -> tuple[time, time] | None:
    """Two times of day, from which until which; None stays None."""
    if value is None or isinstance(value, tuple):
        return value
    begin, dash, end = str(value).replace(" ", "").partition("-")
    try:
        hours = _time(begin), _time(end)
    except ValueError:
        hours = None
    if not dash or hours is None or hours[0] == hours[1]:
        raise ValueError(f"must be two times such as 22:00-07:00, not {value!r}")
    return hours


def _id(value: Any) -> int:
    """A number that Telegram gave a person or a chat."""
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        cure = "write the number alone; @userinfobot tells a person theirs, and a group's begins with -"
        raise ValueError(f"must be a Telegram id, not {value!r}; {cure}")
    return value


def _channel_url(text: str) -> str:
    """Where to send; a `$NAME` in it stands for that variable, so that no secret need be written down."""
    if not re.match(r"[a-z][a-z0-9+.-]*://\S*$|\$\{?[A-Za-z_]\w*\}?$", text):
        raise ValueError("is no URL of a channel; write one such as discord://ID/TOKEN, ntfy://TOPIC or $SLACK_URL")
    return text


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


def _host(text: str) -> str:
    """A host an agent may reach, in its one spelling."""
    return str(network.entry(text))


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


def _share(value: Any) -> Decimal:
    """A part of one; the other ways to write a share get their cure."""
    try:
        share = Decimal(str(value))
        if not isinstance(value, bool) and 0 < share <= 1:
            return share
    except InvalidOperation:
        pass
    raise ValueError(f"must be a share above 0, up to 1, such as 0.75 for 75 %, not {value!r}")


def _project(name: str) -> str:
    """A project as a request names it: by folder or by path; else ValueError, since no cap would ever find it."""
    path = PurePosixPath(name)
    if not re.fullmatch(r"/.*|[^/~][^/]*", name) or str(path) != name or {".", ".."} & {*path.parts, name}:
        raise ValueError(f"{name!r} is no project; write its folder's name alone, or the whole path from `/`")
    return name


def _listed(value: Any) -> Any:
    """One value is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def _rising(numbers: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(sorted(set(numbers)))


ProjectName = Annotated[str, AfterValidator(_project)]
RepoPath = Annotated[str, AfterValidator(inside)]
Count = Annotated[int, BeforeValidator(_number)]
Dollars = Annotated[Decimal, BeforeValidator(_number), Field(ge=0)]
Cap = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1_000_000)]
Gigabytes = Annotated[Decimal, BeforeValidator(_number), Field(le=100_000), AfterValidator(_enough)]
Free = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=100_000)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Shares = Annotated[tuple[Share, ...], BeforeValidator(_listed), AfterValidator(_rising)]
Amounts = Annotated[tuple[Cap, ...], BeforeValidator(_listed), AfterValidator(_rising)]
PriceRow = Annotated[dict[Annotated[str, AfterValidator(_price)], Dollars], AfterValidator(_sane)]
Command = Annotated[str, AfterValidator(_command)]
Host = Annotated[str, AfterValidator(_host)]
CalendarDay = Annotated[date, BeforeValidator(_date)]
TimeOfDay = Annotated[time, BeforeValidator(_time)]
QuietHours = Annotated[tuple[time, time], BeforeValidator(_quiet)]
Id = Annotated[int, BeforeValidator(_id)]
ChannelUrl = Annotated[str, AfterValidator(_channel_url)]
Timezone = Annotated[str, AfterValidator(_timezone)]
VariableName = Annotated[str, AfterValidator(_variable)]
PhaseName = Annotated[str, AfterValidator(_phase)]
