"""The machine's clocks: whether they go, whether they go alike, and whether the files come from the future."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dayshift
from dayshift.checkup.points import Point, Subject

SLEEP = 0.05
DRIFT = 0.05  #: seconds two clocks may differ over that time, on a busy machine
AHEAD = timedelta(minutes=2)  #: a file may be so young that its time lies ahead
CURE = "set the clock (`timedatectl set-ntp true`), then look again"


def clock(subject: Subject) -> Iterator[Point]:
    """What time it is here, and whether that can be."""
    here = subject.now.astimezone(ZoneInfo(subject.settings.timezone))
    told = f"{here:%Y-%m-%d %H:%M %Z} in {subject.settings.timezone}"
    wrong = [*_behind(subject.now), *_future(subject), *_unequal()]
    yield Point("clock", not wrong, "; ".join([told, *wrong]), cure=CURE if wrong else "")


def _behind(now: datetime) -> Iterator[str]:
    """The program's own files cannot be younger than now."""
    built = datetime.fromtimestamp(Path(dayshift.__file__).stat().st_mtime, UTC)
    if now < built - timedelta(days=1):
        yield f"the clock is behind: the program was installed on {built:%Y-%m-%d}"


def _future(subject: Subject) -> Iterator[str]:
    """Nor can what the daemon wrote: the newest of its files of each kind is asked."""
    home = subject.home
    places = [home.daemon_facts, *home.days_at_hand, home.logs / "daemon.log", *home.records.glob("*.json")]
    times = [path.stat().st_mtime for path in places if path.exists()]
    newest = datetime.fromtimestamp(max(times, default=0.0), UTC)
    if newest > subject.now + AHEAD:
        yield f"the clock was set back: files of this home are of {newest:%Y-%m-%d %H:%M} UTC"


def _unequal() -> Iterator[str]:
    """The clock that tells the time and the one that measures it must take as long for the same sleep."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(SLEEP)
    passed, measured = time.time() - wall, time.monotonic() - steady
    if abs(passed - measured) > DRIFT:
        yield f"the clock jumps: {passed:.3f} s passed while {measured:.3f} s were measured"
