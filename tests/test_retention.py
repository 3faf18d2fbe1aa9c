"""What would grow for ever is brought back to its bounds, and nothing else is touched."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from dayshift import locks
from dayshift.home import Home
from dayshift.states import Done, Parked, ParkReason
from dayshift.tidying import retention
from dayshift.tidying.retention import RUNS_KEPT
from tests.house import NINE, TODAY, record

LINE = b"2026-11-20T12:00:00Z run 1: did something or other\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(retention, "LOG_BYTES", 10_000)
    monkeypatch.setattr(retention, "KEPT_BYTES", 5_000)
    home = Home(tmp_path)
    home.make_folders()
    return home


def test_a_log_that_is_too_long_keeps_its_end_in_whole_lines(home: Home) -> None:
    path, stream = home.logs / "a.log", home.logs / "a.jsonl"
    path.write_bytes(LINE * 1000)
    stream.write_bytes(b'{"n": 1}\n' * 2000 + b'{"n": 2}')
    stream.chmod(0o600)
    assert retention.is_long(home, "a")
    retention.cut_logs(home, "a")
    first, *lines = path.read_bytes().splitlines(keepends=True)
    assert {*lines} == {LINE} and 5_000 - len(LINE) <= len(LINE) * len(lines) <= 5_000
    assert first == b"... %d bytes of earlier lines were dropped here\n" % (len(LINE) * (1000 - len(lines)))
    facts = [json.loads(line) for line in stream.read_text().splitlines()]
    assert facts[0]["type"] == "dayshift" and facts[0]["dropped_bytes"] > 0 and facts[-1] == {"n": 2}
    assert stream.stat().st_mode & 0o777 == 0o600
    assert not retention.is_long(home, "a") and sorted(each.name for each in home.logs.iterdir()) == [
        "a.jsonl",
        "a.log",
    ]


def test_a_log_within_the_bound_is_not_touched(home: Home) -> None:
    (home.logs / "a.log").write_bytes(LINE * 10)
    before = (home.logs / "a.log").stat()
    retention.cut_logs(home, "a")
    retention.cut_logs(home, "b")
    assert (home.logs / "a.log").stat().st_ino == before.st_ino


def test_of_a_task_with_many_runs_the_last_are_kept_and_the_living(home: Home) -> None:
    runs = RUNS_KEPT + 5
    for number in range(1, runs + 1):
        home.run("a", number).mkdir(parents=True)
    with locks.lock(home.run("a", 3) / "lock"):
        retention.tidy(home, [record(Parked(NINE, ParkReason.stop), "a", runs=runs)], TODAY)
    left = sorted(int(each.name) for each in home.runs("a").iterdir())
    assert left == [3, *range(6, runs + 1)]


def test_openings_and_unreadable_requests_go_when_they_are_a_month_old(home: Home) -> None:
    openings = home.own / "openings"
    openings.mkdir()
    old, young = TODAY - timedelta(days=31), TODAY - timedelta(days=29)
    names = (f"{old}-abc.json", f"{old}-rehearsal-abc.json", f"{young}-abc.json", f"{TODAY}-abc.json")
    for name in names:
        (openings / name).touch()
    for name, days in (("1.broken", 31), ("2.broken", 29)):
        (home.inbox / name).touch()
        os.utime(home.inbox / name, (time.time() - days * 86400,) * 2)
    (home.results / "2020-01-01-report.md").touch()
    retention.tidy(home, [record(Done(NINE), "a")], TODAY)
    assert sorted(each.name for each in openings.iterdir()) == sorted(names[2:])
    assert [each.name for each in home.inbox.iterdir()] == ["2.broken"]
    assert (home.results / "2020-01-01-report.md").exists()
