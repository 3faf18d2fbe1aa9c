"""What the provider's answers say of its limits: one classification of refusals; the plan's windows, in per mille.

Standard library only. Header names and windows are those Claude Code 2.1.329 reads. Words are never read for times.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

SOONEST, LATEST = timedelta(seconds=60), timedelta(days=8)  #: no window resets earlier or later than that from now
MARGIN = timedelta(seconds=60)  #: past the moment the provider named, so that its clock may differ from ours
UNNAMED = timedelta(minutes=15)  #: when to ask again if a plan's limit is reached and no moment is named
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)  #: what is believed of a `retry-after`
HELD_AT_MOST = timedelta(seconds=540)  #: a request may be held so long: the client gives up after 600 seconds
ERROR_BYTES = 64 * 1024  #: as much of an error's body is read as text
UNIFIED = "anthropic-ratelimit-unified-"
WINDOWS = {"five_hour": "5h", "seven_day": "7d", "seven_day_overage_included": "7d_oi", "overage": "overage"}
BUSY = frozenset({500, 502, 503, 504, 529})
#: The whole message: one that names a field, with a colon, may repeat what an agent put there.
NO_CREDIT = re.compile(r"(your )?credit balance is too low[^:]*", re.IGNORECASE)


class Kind(StrEnum):
    """Why the provider does not serve; the weightier ones come later."""

    unreachable = "unreachable"
    overloaded = "overloaded"
    rate_limited = "rate limited"
    usage_limit = "usage limit"
    credit = "credit exhausted"
    authentication = "authentication lost"


WEIGHT = {kind: max(0, place - 2) for place, kind in enumerate(Kind)}  #: the first three are told apart by words alone
CURES = {
    Kind.credit: "top up the account's credit, then `dayshift resume`",
    Kind.authentication: "set a key or token that works, then start again",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of the provider, for the whole fleet."""

    kind: Kind
    until: datetime | None = None  #: of a usage limit: when to ask again, the margin included
    after: timedelta | None = None  #: the pause the provider asked for, if it did
    detail: str = ""  #: the HTTP status, the window

    @property
    def parks(self) -> bool:
        """Whether the fleet is parked; else its requests are held until it passes."""
        return WEIGHT[self.kind] > 0 or (self.after is not None and self.after > HELD_AT_MOST)

    @property
    def lasts(self) -> bool:
        """Whether only the person can end it."""
        return self.kind in CURES

    @property
    def words(self) -> str:
        """What it is, and what to do or when it ends, as a person reads it."""
        known = [self.detail, CURES.get(self.kind, ""), f"until {self.until:%d %b %H:%M} UTC" if self.until else ""]
        return ", ".join(each for each in known if each)


@dataclass(frozen=True, slots=True)
class PlanWindow:
    """One window of a subscription: how much of it is used. A meter of its own, never money."""

    name: str
    per_mille: int | None
    status: str
    resets_at: datetime | None


# --- what an answer says ---------------------------------------------------------------------------


def classify(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Limit | None:
    """The limit an answer tells of; None if it tells of none. Header names in any case."""
    if status < 400:
        return None
    known = {name.lower(): value for name, value in headers.items()}
    kind, message = _error(body)
    if status == 402 or (status in (400, 403) and (kind == "billing_error" or NO_CREDIT.fullmatch(message))):
        return Limit(Kind.credit, detail=f"HTTP {status}")
    # A permission_error may be about the one model an agent asked for: the task's own trouble, not the fleet's.
    if status == 401 or (status == 403 and kind == "authentication_error"):
        return Limit(Kind.authentication, detail=f"HTTP {status}")
    if status == 429 and _plan_is_used_up(known):
        return _usage_limit(known, now)
    if status == 429:
        return Limit(Kind.rate_limited, after=_pause(known, now), detail="HTTP 429")
    if status in BUSY:
        return Limit(Kind.overloaded, after=_pause(known, now), detail=f"HTTP {status}")
    return None


def broken_off(error: str) -> Limit | None:
    """The limit an error event in the middle of a stream tells of, by its type."""
    match error:
        case "overloaded_error" | "api_error" | "timeout_error":
            return Limit(Kind.overloaded, detail=f"{error} in a stream")
        case "rate_limit_error":
            return Limit(Kind.rate_limited, detail=f"{error} in a stream")
    return None


def _error(body: bytes) -> tuple[str, str]:
    """The type and the message of an error; empty where the body is none."""
    try:
        content = json.loads(body[:ERROR_BYTES])
    except (ValueError, RecursionError):
        return "", ""
    error = content.get("error") if isinstance(content, dict) else None
    return (str(error.get("type", "")), str(error.get("message", ""))) if isinstance(error, dict) else ("", "")


def _plan_is_used_up(headers: Mapping[str, str]) -> bool:
    """Rejected by the plan, and not served beyond it: whoever pays for more is only slowed down."""
    beyond = headers.get(f"{UNIFIED}overage-status") in ("allowed", "allowed_warning")
    return headers.get(f"{UNIFIED}status") == "rejected" and not beyond


def _usage_limit(headers: Mapping[str, str], now: datetime) -> Limit:
    claim = headers.get(f"{UNIFIED}representative-claim", "")
    spent = [window.resets_at for window in utilization(headers) if window.status == "rejected" and window.resets_at]
    named = _moment(headers.get(f"{UNIFIED}reset")) or max(spent, default=None)
    detail = f"the plan's window {claim}" if re.fullmatch(r"[a-z_]{1,40}", claim) else "the plan"
    return Limit(Kind.usage_limit, until=asked_again(named, now), detail=detail)


def asked_again(reset: datetime | None, now: datetime) -> datetime:
    """When to ask again after a window's reset, whatever nonsense the reset is."""
    return min(max(reset, now + SOONEST), now + LATEST) + MARGIN if reset else now + UNNAMED


def _pause(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What `retry-after` asks for, in seconds or as a date; believed within bounds."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _number(text)
    try:
        asked = float(seconds) if seconds is not None else (_aware(parsedate_to_datetime(text)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    bounded = min(max(asked, SHORTEST_PAUSE.total_seconds()), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=bounded)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str | None) -> Decimal | None:
    """The number a header gives; None if it gives none, or none that can be."""
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(text: str | None) -> datetime | None:
    """Epoch seconds, as a moment."""
    seconds = _number(text)
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if seconds is not None and seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


# --- the plan's windows ------------------------------------------------------------------------------


def utilization(headers: Mapping[str, str]) -> tuple[PlanWindow, ...]:
    """The windows of a subscription an answer speaks of; none with an API key. Header names in any case."""
    known = {name.lower(): value for name, value in headers.items()}
    windows = (_window(known, name, short) for name, short in WINDOWS.items())
    return tuple(each for each in windows if each.per_mille is not None or each.status)


def _window(headers: Mapping[str, str], name: str, short: str) -> PlanWindow:
    used = _number(headers.get(f"{UNIFIED}{short}-utilization"))
    # Of use beyond the plan the status says whether it is allowed at all, not how full it is.
    status = headers.get(f"{UNIFIED}{short}-status", "") if name != "overage" else ""
    return PlanWindow(
        name,
        int((used * 1000).to_integral_value()) if used is not None and 0 <= used < 1000 else None,
        status if status in ("allowed", "allowed_warning", "rejected") else "",
        _moment(headers.get(f"{UNIFIED}{short}-reset")),
    )


def to_json(window: PlanWindow) -> dict[str, Any]:
    """The window as plain JSON values: `used_percent` a decimal string, `resets_at` RFC 3339, UTC."""
    return {
        "window": window.name,
        "used_percent": None if window.per_mille is None else f"{window.per_mille // 10}.{window.per_mille % 10}",
        "status": window.status,
        "resets_at": window.resets_at.strftime("%Y-%m-%dT%H:%M:%SZ") if window.resets_at else None,
    }
