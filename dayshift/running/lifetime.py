"""How long a run has lived and may still live, told from its holder's records. It joins the holder's folder.

A clock that is set, and a machine that sleeps or is off, make no run older: what counts is the monotonic clock, which
is the same for all processes of one boot. Records of earlier releases know the calendar's time alone.
"""

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.holder import GRACE_SECONDS, processes

SIGNS = ("stderr", "argv", "namespace.json")  #: files of a spool that are written while its run lives
ENDLESS = float("inf")


def lived(spool: Path, monotonic: float) -> float:
    """For how many seconds the run lived; if its end was not written down, until its last sign of life."""
    start, end = (files.read_facts(spool / f"{name}.json") for name in ("start", "exit"))
    for first, last in (("monotonic", "monotonic"), ("started", "ended")):
        began, ended = _moment(start, first), _moment(end, last)
        if began is not None and ended is not None:
            return max(0.0, ended - began)
    return max(0.0, min(_until_last_sign(spool, start), _since(start, monotonic), _most(spool) + GRACE_SECONDS))


def left(spool: Path, monotonic: float) -> float:
    """For how many more seconds its holder lets a run live that lives now; without end if that is not known here."""
    since = _since(files.read_facts(spool / "start.json"), monotonic)
    return _most(spool) - since if since < ENDLESS else since


def _moment(facts: Mapping[str, Any], name: str) -> float | None:
    """A number of seconds as it was written down; None if none was, or what stands there is none."""
    found = facts.get(name)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def _most(spool: Path) -> float:
    most = _moment(files.read_facts(spool / "launch.json"), "seconds")
    return ENDLESS if most is None else most


def _since(start: Mapping[str, Any], monotonic: float) -> float:
    """Seconds since it began; without end if that was in another boot, or is not written down."""
    began = _moment(start, "monotonic")
    return ENDLESS if began is None or start.get("boot") != processes.boot_id() else max(0.0, monotonic - began)


def _until_last_sign(spool: Path, start: Mapping[str, Any]) -> float:
    """The stream is the task's: if the run said nothing, what stands in it is older than the run."""
    began = _moment(start, "started")
    if began is None:
        return 0.0
    stream = files.read_facts(spool / "launch.json").get("stdout")
    signs = [began]
    for place in (Path(str(stream or spool / "stderr")), *(spool / name for name in SIGNS)):
        with contextlib.suppress(OSError, ValueError):
            signs.append(place.stat().st_mtime)
    return max(signs) - began
