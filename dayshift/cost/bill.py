"""What the lines of a transcript bill: each message once. Joins usage, which knows what its fields mean."""

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from dayshift.messages.usage import LONGEST_MODEL, MOST, understood
from dayshift.model import Usage

SIDE = 1
SYNTHETIC = "<synthetic>"  #: the CLI's own words, billed by nobody
YEARS = range(2001, 9000)  #: any other is no time at all
HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d", re.ASCII)
WITHIN = re.compile(r":[0-5]\d:[0-5]\d\.\d\d\dZ", re.ASCII)  #: what follows it


class Billed(NamedTuple):
    """One message as its lines tell it; plain values only, so that it travels between processes and into tables."""

    id: str
    side: int  #: SIDE if every line seen of it was a sidechain's
    at: str  #: when its first line was written, as it stands there: ISO 8601, UTC
    session: str
    project: str
    model: str
    speed: str
    geo: str
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    web_searches: int
    raw: str = ""  #: the usage as JSON where nobody can say what it costs; the counts are zero then, and mean nothing

    @property
    def worth(self) -> tuple[Any, ...]:
        """What decides between two readings of one message: more tokens, else any order that is always the same."""
        total = self.input + self.output + self.cache_read + self.cache_write_5m + self.cache_write_1h
        return (bool(self.raw), total, len(self.raw), self[5:])


def merged(one: Billed, other: Billed) -> Billed:
    """Both readings as one: the largest usage, the earliest time, the place of the main line.

    Readings come in any order and more than once; it makes no difference, since each part is a plain maximum.
    """
    usage = one if one.worth >= other.worth else other
    place = one if (one.side, one.session, one.project) <= (other.side, other.session, other.project) else other
    at = min(one.at, other.at)
    return Billed(one.id, place.side, at, place.session, place.project, *usage[5:])


class Bill:
    """The messages of one file, as its lines are added."""

    def __init__(self, path: Path, changed: int) -> None:
        """Where a line does not say so, its session, project and time are those of the file."""
        self._path, self._changed = path, changed
        self._kept: dict[str, Billed] = {}
        self._last: _Message | None = None  #: of the plain line before
        self._place, self._at = (False, "", ""), ""  #: where and when that was
        self.broken = 0  #: lines that cannot be read

    def messages(self) -> tuple[Billed, ...]:
        """Every message of the lines so far."""
        return tuple(self._kept.values())

    def add(self, line: bytes | bytearray, torn: bool = False) -> None:
        """Take in a line; a torn one may be broken. Most lines only repeat the one before."""
        try:
            entry = _plain(line)
        except (ValueError, RecursionError):
            return self.closely(line, torn)
        message, at = entry.message, _moment(entry.timestamp, self._changed)
        place = entry.isSidechain, entry.sessionId, entry.cwd
        if message == self._last and place == self._place and at >= self._at:
            return None
        self._last, self._place, self._at = message, place, at
        used = _plainly(message)
        return self._keep(message.id, at, *place, used) if used else self.closely(line, torn)

    def closely(self, line: bytes | bytearray, torn: bool = False) -> None:
        """The same for a line of any shape, field by field; of a plain one it makes the same."""
        entry = _parsed(line)
        if entry is None:
            self.broken += not torn
            return
        message = entry.get("message")
        if entry.get("type") != "assistant" or not isinstance(message, dict):
            return
        usage, model = message.get("usage"), message.get("model")
        if not isinstance(usage, dict) or model == SYNTHETIC:
            return
        id = _text(message.get("id")) or _text(entry.get("requestId")) or _text(entry.get("uuid")) or _digest(line)
        at, side = _moment(entry.get("timestamp"), self._changed), entry.get("isSidechain") is True
        self._keep(id, at, side, _text(entry.get("sessionId")), _text(entry.get("cwd")), _used(model, usage))

    def _keep(self, id: str, at: str, side: bool, session: str, project: str, used: tuple[Any, ...]) -> None:
        place = session or self._path.stem, project or self._path.parent.name
        one = Billed(id, int(side), at, *place, *used)
        known = self._kept.get(id)
        self._kept[id] = merged(known, one) if known else one


# --- the plain line -------------------------------------------------------------------------------------
#
# Nearly every line is of one plain shape, which is parsed at once into what is sought, all else skipped: in less than
# half the time. Whatever is unlike it in any way is refused by these types, and then read field by field.

Count = Annotated[int, Meta(ge=0, le=MOST)]


class _Split(Struct, gc=False, forbid_unknown_fields=True):
    ephemeral_5m_input_tokens: Count
    ephemeral_1h_input_tokens: Count


class _Tools(Struct, gc=False, forbid_unknown_fields=True):
    web_search_requests: Count
    web_fetch_requests: Count = 0


class _Details(Struct, gc=False, forbid_unknown_fields=True):
    thinking_tokens: Count = 0


class _Usage(Struct, gc=False, forbid_unknown_fields=True):
    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count = 0
    cache_creation_input_tokens: Count = 0
    cache_creation: _Split | None = None
    server_tool_use: _Tools | None = None
    output_tokens_details: _Details | None = None
    iterations: Annotated[list[Any], Meta(max_length=0)] | None = None
    fallback_credit: None = None
    service_tier: Literal["standard", "priority", "batch"] | None = None
    speed: Literal["standard", "fast"] = "standard"
    inference_geo: str = ""


class _Message(Struct, gc=False):
    id: Annotated[str, Meta(min_length=1)]
    model: Annotated[str, Meta(min_length=1, max_length=LONGEST_MODEL)]
    usage: _Usage


class _Entry(Struct, gc=False):
    type: Literal["assistant"]
    message: _Message
    timestamp: str
    isSidechain: bool = False
    sessionId: str = ""
    cwd: str = ""


_plain = msgspec.json.Decoder(_Entry).decode


def _plainly(message: _Message) -> tuple[Any, ...] | None:
    """The columns of a Billed from `model` on; None where it takes a closer look."""
    usage, split, tools = message.usage, message.usage.cache_creation, message.usage.server_tool_use
    written = usage.cache_creation_input_tokens
    five, hour = (split.ephemeral_5m_input_tokens, split.ephemeral_1h_input_tokens) if split else (written, 0)
    if five + hour != written or message.model == SYNTHETIC or not message.model.isprintable():
        return None
    return (
        message.model, usage.speed, usage.inference_geo, usage.input_tokens, usage.output_tokens,
        usage.cache_read_input_tokens, five, hour, tools.web_search_requests if tools else 0,
    )  # fmt: skip


# --- any line -------------------------------------------------------------------------------------------


def _parsed(line: bytes | bytearray) -> dict[str, Any] | None:
    """The object in a line. The quick parser refuses halves of surrogate pairs, which the CLI does write."""
    try:
        entry = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        try:
            entry = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return entry if isinstance(entry, dict) else {}


def _text(value: Any) -> str:
    """The text, encodable; empty if it is none."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _digest(line: bytes | bytearray) -> str:
    return "line " + hashlib.sha256(line).hexdigest()


def _moment(stamp: Any, otherwise: int) -> str:
    """The time in UTC to the millisecond, as the CLI writes it; what says no time is as old as its file."""
    if isinstance(stamp, str) and WITHIN.fullmatch(stamp, 13) and _exists(stamp[:13]):
        return stamp
    try:
        moment = datetime.fromisoformat(stamp)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if moment.year not in YEARS:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        moment = datetime.fromtimestamp(otherwise // 10**9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def _exists(hour: str) -> bool:
    try:
        return bool(HOUR.fullmatch(hour)) and datetime.fromisoformat(hour).year in YEARS
    except ValueError:
        return False


def _used(model: Any, raw: dict[str, Any]) -> tuple[Any, ...]:
    """The columns of a Billed from `model` on, whatever the usage is like."""
    usage = understood(model, raw)
    if not isinstance(usage, Usage):
        return (_text(model) or "unknown", "", "", 0, 0, 0, 0, 0, 0, json.dumps(raw))
    tokens = usage.tokens
    return (
        _text(usage.model), _text(usage.speed), _text(usage.geo), tokens.input, tokens.output, tokens.cache_read,
        tokens.cache_write_5m, tokens.cache_write_1h, tokens.web_searches,
    )  # fmt: skip
