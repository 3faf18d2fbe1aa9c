"""What an agent asked for and did not get: the same refusals counted together, and told while they are few."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dayshift.attempts import Refused

MOST = 50  #: different refusals kept of a task; all others are counted in one line
OTHERS = Refused("other hosts", 0, "too many to name")


def counted(known: Sequence[Refused], new: Refused) -> tuple[Refused, ...]:
    """The refusals with one more kind, or one kind more often; there is an end to how many are told apart."""
    place = next((number for number, each in enumerate(known) if _same(each, new)), None)
    if place is not None:
        more = replace(known[place], times=known[place].times + new.times)
        return (*known[:place], more, *known[place + 1 :])
    if len(known) < MOST or _same(new, OTHERS):
        return (*known, new)
    return counted(known, replace(OTHERS, times=new.times))


def _same(one: Refused, other: Refused) -> bool:
    return (one.host, one.port, one.why) == (other.host, other.port, other.why)


@dataclass(slots=True)
class Tally:
    """Counts one run's refusals. Told are the first of a kind, later ones ever more seldom, and the rest at the end."""

    tell: Callable[[Refused], None]  #: hears only what is new
    _times: Counter[Refused] = field(default_factory=Counter)
    _told: Counter[Refused] = field(default_factory=Counter)

    def add(self, refused: Refused) -> None:
        """One more refusal."""
        kind = refused if refused in self._times or len(self._times) < MOST else OTHERS
        self._times[kind] += 1
        if self._times[kind] >= 2 * self._told[kind]:
            self._tell(kind)

    def close(self) -> None:
        """Tell what has not been told yet."""
        for kind in self._times:
            self._tell(kind)

    def _tell(self, kind: Refused) -> None:
        if new := self._times[kind] - self._told[kind]:
            self._told[kind] += new
            self.tell(replace(kind, times=new))
