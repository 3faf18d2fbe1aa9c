"""How long a run has lived: by the clock that never runs backwards, whatever the calendar and the machine do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dayshift import files
from dayshift.holder import GRACE_SECONDS, processes
from dayshift.running import lifetime

NOON = 1_800_000_000.0  #: by the calendar
HERE = processes.boot_id()
START: dict[str, Any] = {"protocol": 1, "boot": HERE, "offset": 0, "started": NOON, "monotonic": 500.0}
END: dict[str, Any] = {"code": 0, "how": "exited", "ended": NOON + 60, "monotonic": 560.0}
DAY = 86400.0


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "launch.json").write_text(json.dumps({"seconds": 3000.0, "stdout": str(tmp_path / "out")}))
    return tmp_path


def write(spool: Path, start: dict[str, Any] | None, end: dict[str, Any] | None = None) -> None:
    for name, facts in (("start", start), ("exit", end)):
        if facts is not None:
            files.write_sealed(spool / f"{name}.json", facts)


def said(spool: Path, after: float) -> None:
    """The run's last word, so many seconds after its beginning by the calendar."""
    (spool / "out").touch()
    os.utime(spool / "out", (NOON + after, NOON + after))


@pytest.mark.parametrize("step", [0.0, 3600.0, -3600.0, DAY, -DAY])
def test_a_clock_that_is_set_makes_no_run_older_or_younger(spool: Path, step: float) -> None:
    write(spool, START, {**END, "ended": END["ended"] + step})
    assert lifetime.lived(spool, monotonic=10**6) == 60


@pytest.mark.parametrize("start", [START, {**START, "boot": "another"}, {**START, "monotonic": None}])
def test_a_run_whose_end_was_lost_lived_until_its_last_word_not_until_it_was_found(
    spool: Path, start: dict[str, Any]
) -> None:
    said(spool, 90)
    write(spool, start)
    assert lifetime.lived(spool, monotonic=500 + 9 * 3600) == 90


def test_a_last_word_beyond_what_is_possible_is_not_believed(spool: Path) -> None:
    said(spool, DAY)
    write(spool, START)
    assert lifetime.lived(spool, monotonic=620) == 120
    assert lifetime.lived(spool, monotonic=500 + DAY) == 3000 + GRACE_SECONDS
    said(spool, -DAY)
    assert lifetime.lived(spool, monotonic=620) == 0


def test_records_of_an_earlier_release_count_by_the_calendar(spool: Path) -> None:
    old = {key: START[key] for key in ("protocol", "boot", "offset", "started")}
    write(spool, old, {key: END[key] for key in ("code", "how", "ended")})
    assert lifetime.lived(spool, monotonic=0) == 60
    assert (
        lifetime.left(spool, monotonic=10**6) == lifetime.ENDLESS
    )  # its holder knows; nobody is ended for not knowing


@pytest.mark.parametrize("broken", ["soon", None, float("inf"), [1]])
def test_a_broken_record_is_no_time(spool: Path, broken: object) -> None:
    write(spool, {**START, "started": broken, "monotonic": broken}, {**END, "ended": broken, "monotonic": broken})
    assert lifetime.lived(spool, monotonic=600) == 0


def test_a_run_that_was_never_begun_has_not_lived_and_one_that_lives_has_so_much_left(spool: Path) -> None:
    assert lifetime.lived(spool, monotonic=600) == 0
    write(spool, START)
    assert lifetime.left(spool, monotonic=600) == 2900
