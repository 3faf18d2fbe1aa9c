"""What made-up transcripts cost in truth: their messages, priced by nobody else's table, and the sums of them."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

FLAT = datetime(2026, 3, 13, tzinfo=UTC)  #: from this day long prompts of opus-4-6 cost no more than others

#: Dollars per million tokens: input, output, cache read, write of 5 minutes, of an hour; then the factor of fast mode.
LIST = {
    "claude-opus-5-5": (4, 20, "0.2", 5, 8, 2),
    "claude-sonnet-5-5": (2, 10, "0.1", "2.5", 4, 0),
    "claude-haiku-5-5": ("0.1", "0.5", "0.01", "0.125", "0.2", 0),
    "claude-opus-4-6": (5, 25, "0.5", "6.25", 10, 6),
    "claude-haiku-4-5-20251001": (1, 5, "0.1", "1.25", 2, 0),
}
#: Prompts above so many tokens cost so many times as much: input, output.
LONG: dict[str, tuple[int, Fraction, Fraction]] = {
    "claude-haiku-5-5": (100_000, Fraction(5), Fraction(5)),
    "claude-opus-4-6": (200_000, Fraction(2), Fraction(3, 2)),
}
UNPRICED = "glm-made-up-9"

COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "written_5m", "written_1h", "web_searches")


@dataclass
class Truth:
    """What a reader must find: the sums of every billed message, each once, as far as any line on disk tells."""

    requests: int = 0
    pico: int = 0
    unpriced: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    by_day: dict[str, int] = field(default_factory=dict)  #: UTC; pico-USD
    by_model: dict[str, int] = field(default_factory=dict)  #: requests

    def book(self, message: "Message") -> None:
        """Count a message in."""
        usage, day = message.recoverable, str(message.at.date())
        self.requests += 1
        self.counts = [total + usage[kind] for total, kind in zip(self.counts, COUNTS, strict=True)]
        self.by_model[message.model] = self.by_model.get(message.model, 0) + 1
        if message.model == UNPRICED:
            self.unpriced += 1
        else:
            cost = priced(message)
            self.pico += cost
            self.by_day[day] = self.by_day.get(day, 0) + cost


@dataclass
class Message:
    """One answer of a model, as the provider billed it."""

    id: str
    model: str
    at: datetime
    usage: dict[str, int]
    lines: int
    early: bool  #: the first lines were written before the usage was known
    lost: bool  #: the last usage was never written
    fast: bool = False
    geo: str = "not_available"
    request: str | None = None

    @property
    def recoverable(self) -> dict[str, int]:
        """The best any reader of the disk can know."""
        return {**self.usage, "output_tokens": 1} if self.lost else self.usage


def priced(message: Message) -> int:
    """The price in pico-USD, rounded up as a whole; worked out with fractions, by nobody else's table."""
    usage = message.recoverable
    *rates, fast = (Fraction(str(each)) for each in LIST[message.model])
    above, more_in, more_out = LONG.get(message.model, (10**9, Fraction(1), Fraction(1)))
    if message.model == "claude-opus-4-6" and message.at >= FLAT:
        above = 10**9
    prompt = sum(usage[kind] for kind in COUNTS[:5] if kind != "output_tokens")
    factors = (
        [more_out if kind == "output_tokens" else more_in for kind in COUNTS[:5]]
        if prompt > above
        else [Fraction(1)] * 5
    )
    sampled = sum(
        (usage[k] * rate * factor for k, rate, factor in zip(COUNTS, rates, factors, strict=False)), Fraction()
    )
    sampled *= (fast if message.fast else 1) * (Fraction(11, 10) if message.geo == "us" else 1)
    return math.ceil(sampled * 10**6) + usage["web_searches"] * 10**10
