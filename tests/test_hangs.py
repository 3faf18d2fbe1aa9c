"""What hangs round a run, and how long it may: git, what a validation leaves, a request that stops in the middle."""

import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from dayshift.clock import midnight
from dayshift.deciding import schedule
from dayshift.holder.bounds import GB, Bounds, Watch
from dayshift.model import Record
from dayshift.proxy import bodies
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gateway import Gateway
from dayshift.repository import git, plugs, verification
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.states import Parked, ParkReason, Queued
from tests.house import HOUR, NINE, record, task

DAY = timedelta(days=1)

# --- git -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", "src/.gitignore", "new/.gitattributes"])
def test_what_git_would_wait_for_without_end_is_taken_away_and_the_work_is_kept(place: Workspace, name: str) -> None:
    plug = place.repo / name
    plug.parent.mkdir(exist_ok=True)
    os.mkfifo(plug)
    (place.repo / "made.txt").write_text("work")
    assert plugs.pulled(place.repo) == [plug]
    base = head(place.project)
    assert place.diff_stat(base, place.keep(base, "work")).paths == ("made.txt",)


def test_what_git_reads_as_a_file_or_not_at_all_is_left_alone(place: Workspace) -> None:
    (place.repo / ".gitignore").write_text("dist/\n")
    (place.repo / ".gitattributes").symlink_to("README.md")
    os.mkfifo(place.repo / "pipe")
    assert plugs.pulled(place.repo) == []
    assert (place.repo / "pipe").exists()


def test_a_git_that_hangs_all_the_same_is_ended(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(place.repo / ".gitignore")
    monkeypatch.setattr(git, "SECONDS", 0.3)
    with pytest.raises(git.GitError, match=r"git add: it took longer than 0 seconds and was ended"):
        place.keep(head(place.project), "work")


# --- what is run for a task ------------------------------------------------------------------------


async def test_without_a_sandbox_too_a_command_ends_with_its_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "LAST_WORDS_SECONDS", 0.2)
    with tempfile.TemporaryDirectory() as folder:
        began, left = time.monotonic(), Path(folder, "left")
        check = await verification.run_command(
            f"setsid sh -c 'echo $$ > {left}; exec sleep 60' & echo said; exit 3", lambda words: words,
            lambda: Watch(Bounds(8 * GB, 512, 8 * GB), folder), "validate",
        )  # fmt: skip
        assert (check.exit_code, check.tail) == (3, "said")
        assert time.monotonic() - began < 5
        os.kill(int(left.read_text()), 9)


# --- the way to the model --------------------------------------------------------------------------


async def test_an_agent_that_stops_in_the_middle_of_a_request_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.2)

    async def hook(task_id: str, call: object) -> dict[str, object]:
        raise AssertionError("it was never asked")

    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "gateway.sock")
        served = Gateway(object(), hook, "/hook", lambda task_id: Upstream("http://127.0.0.1:1", {}))  # type: ignore[arg-type]
        await served.start()
        await served.open("a", socket)
        reader, writer = await asyncio.open_unix_connection(str(socket))
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.1)
        assert served.busy("a")
        answer = await reader.readline()
        assert str(web.HTTPRequestTimeout.status_code).encode() in answer
        assert not served.busy("a")
        writer.close()
        await served.close()


# --- what a clock does to what waits ---------------------------------------------------------------


def capped(since: datetime, carry_over: bool = True) -> Record:
    return record(Parked(since, ParkReason.cap), task=task("a", carry_over=carry_over))


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", "2026-11-20T23:59:59", "2026-11-21T00:00:00"),
        ("Asia/Kathmandu", "2026-11-20T18:14:59", "2026-11-20T18:15:00"),
        ("Europe/Berlin", "2027-03-28T21:59:59", "2027-03-28T22:00:00"),
        ("Europe/Berlin", "2027-10-31T22:59:59", "2027-10-31T23:00:00"),
        ("America/New_York", "2026-11-02T04:59:59", "2026-11-02T05:00:00"),
        ("Australia/Lord_Howe", "2026-10-04T12:59:59", "2026-10-04T13:00:00"),
    ],
)
def test_what_a_cap_parked_goes_on_at_the_midnight_of_its_zone(zone: str, before: str, after: str) -> None:
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (before, after))
    parked = capped(first - HOUR)
    assert schedule.awake(parked, {}, first, midnight(first, zone)) is None
    assert schedule.awake(parked, {}, last, midnight(last, zone)) is not None
    assert schedule.awake(capped(first - HOUR, carry_over=False), {}, last, midnight(last, zone)) is None


def test_midnight_over_again_lets_nothing_go_on_that_was_parked_after_the_first() -> None:
    parked = capped(NINE + DAY)  # parked on the next day, before the clock was set back
    assert schedule.awake(parked, {}, NINE, midnight(NINE, "UTC")) is None
    assert schedule.awake(parked, {}, NINE + DAY + HOUR, midnight(NINE + DAY + HOUR, "UTC")) is None
    assert schedule.awake(parked, {}, NINE + 2 * DAY, midnight(NINE + 2 * DAY, "UTC")) is not None


@pytest.mark.parametrize("why", [ParkReason.provider, ParkReason.usage_limit])
def test_a_pause_is_not_longer_by_a_day_because_the_clock_was_set_back_by_one(why: ParkReason) -> None:
    paused = record(Parked(NINE, why, "", NINE + HOUR))
    begun = midnight(NINE, "UTC")
    assert schedule.awake(paused, {}, NINE + HOUR / 2, begun) is None
    assert schedule.awake(paused, {}, NINE - DAY, begun - DAY) is not None
    queued = record(Queued(NINE, not_before=NINE + HOUR))
    assert schedule.startable({"a": queued}, 1, NINE + HOUR / 2) == []
    assert schedule.startable({"a": queued}, 1, NINE - DAY) == [queued]
