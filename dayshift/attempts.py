"""What agents tried and what was said of it: verdicts, blocked calls, bypasses, refused connections."""

from dataclasses import dataclass
from datetime import datetime

EVASION = "evasion"  #: the rule of a blocked attempt that the shell had hidden from the guard


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of one tool call; `rule` and `reason` are empty when it is allowed."""

    allowed: bool
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One refused tool call."""

    at: datetime
    tool: str
    command: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bypass:
    """One forbidden tool call that was seen on the wire and went round the guard."""

    at: datetime
    tool: str
    command: str
    rule: str
    how: str  #: in words, after the command's name


@dataclass(frozen=True, slots=True)
class Refused:
    """One kind of connection that an agent asked for and did not get, and how often."""

    host: str
    port: int  #: 0 for hosts too many to name
    why: str
    cure: str = ""  #: what to write into `network:`; nothing if no entry would help
    times: int = 1

    @property
    def target(self) -> str:
        """`host:port`."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}" if self.port else self.host
