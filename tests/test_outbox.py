"""The outbox: alerts on disk, each once, and which channel has told which."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayshift.alerts import Alert, Kind
from dayshift.files import Unusable
from dayshift.notifying.outbox import KEPT, Outbox

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
WHOLE = Alert("question:a:1", Kind.question, "a asks", NINE, "Which page size?\n„ß“", "a", 1, ("20", "50"),
              NINE + timedelta(hours=1), ("/tmp/day.png",))  # fmt: skip
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dayshift.alerts import Alert, Kind
from dayshift.notifying.outbox import Outbox
outbox = Outbox.open(Path(sys.argv[1]))
for number in range(10_000):
    outbox.add(Alert(f"k{number}", Kind.failed, "t", datetime.now(UTC)))
    print(number, flush=True)
"""


def alert(key: str, at: datetime = NINE) -> Alert:
    return Alert(key, Kind.failed, f"{key} has failed", at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own" / "outbox.sqlite3"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(path)
    yield opened
    opened.close()


def keys(outbox: Outbox, channel: str) -> list[str]:
    return [each.key for _, each in outbox.pending(channel)]


def test_an_alert_comes_back_as_it_was(outbox: Outbox) -> None:
    outbox.begin("mail", NINE)
    outbox.add(WHOLE)
    assert [each for _, each in outbox.pending("mail")] == [WHOLE]


def test_each_key_is_kept_once(outbox: Outbox) -> None:
    outbox.begin("mail", NINE)
    assert outbox.add(alert("a"))
    assert not outbox.add(alert("a"))
    assert keys(outbox, "mail") == ["a"]


def test_a_channel_begins_with_what_is_added_after_it_and_what_may_wait_for_the_person(outbox: Outbox) -> None:
    for each in (alert("before"), WHOLE):
        outbox.add(each)
    assert keys(outbox, "mail") == []
    outbox.begin("mail", NINE)
    outbox.add(alert("after"))
    outbox.begin("mail", NINE)  # known: it misses nothing
    assert keys(outbox, "mail") == [WHOLE.key, "after"]


def test_every_channel_settles_for_itself_and_the_rest_stays_in_order(outbox: Outbox) -> None:
    for channel in ("mail", "ntfy"):
        outbox.begin(channel, NINE)
    for key in "abcd":
        outbox.add(alert(key))
    numbers = {each.key: number for number, each in outbox.pending("mail")}
    outbox.settle("mail", [numbers["b"], numbers["d"]], "sent", NINE)
    outbox.settle("mail", [numbers["a"]], "stale", NINE)
    assert keys(outbox, "mail") == ["c"]
    assert keys(outbox, "ntfy") == ["a", "b", "c", "d"]
    assert outbox.outcomes("mail") == {"a": "stale", "b": "sent", "d": "sent"}


def test_what_is_settled_stays_settled_as_it_was_first(outbox: Outbox) -> None:
    outbox.begin("mail", NINE)
    outbox.add(alert("a"))
    [(number, _)] = outbox.pending("mail")
    outbox.settle("mail", [number], "sent", NINE)
    outbox.settle("mail", [number], "refused", NINE)
    assert outbox.outcomes("mail") == {"a": "sent"}


def test_the_next_daemon_finds_what_was_not_told(outbox: Outbox, path: Path) -> None:
    outbox.begin("mail", NINE)
    outbox.add(alert("a"))
    outbox.add(alert("b"))
    outbox.settle("mail", [outbox.pending("mail")[0][0]], "sent", NINE)
    outbox.close()
    again = Outbox.open(path)
    assert keys(again, "mail") == ["b"]
    assert not again.add(alert("a"))
    again.close()


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    ) as writer:
        assert writer.stdout is not None
        last = [writer.stdout.readline() for _ in range(50)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        last = (writer.stdout.read().split() or [last])[-1]
    outbox = Outbox.open(path)
    known = [f"k{number}" for number in range(int(last) + 1)]
    assert not any(outbox.add(alert(key)) for key in known)
    outbox.close()


def test_old_words_are_forgotten_but_not_that_they_were_told(outbox: Outbox, path: Path) -> None:
    now = NINE + KEPT + timedelta(days=1)
    for channel in ("mail", "ntfy", "taken-out"):
        outbox.begin(channel, NINE)
    for key, at in (("told", NINE), ("awaited", NINE), ("new", now)):
        outbox.add(alert(key, at))
    numbers = {each.key: number for number, each in outbox.pending("mail")}
    outbox.settle("mail", numbers.values(), "sent", NINE)
    outbox.settle("ntfy", [numbers["told"]], "sent", NINE)
    outbox.prune(["mail", "ntfy"], now)
    assert keys(outbox, "ntfy") == ["awaited", "new"]
    assert keys(outbox, "taken-out") == ["awaited", "new"]
    assert not outbox.add(alert("told", now))
    assert keys(outbox, "mail") == []
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT key FROM alert WHERE content IS NULL").fetchall() == [("told",)]
    reader.close()


def test_a_broken_file_is_refused_with_its_cure(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is no database" * 100)
    with pytest.raises(Unusable, match="to go on without it") as refused:
        Outbox.open(path)
    subprocess.run(str(refused.value).partition("be): ")[2], shell=True, check=True)
    Outbox.open(path).close()


def test_a_file_of_a_newer_program_is_left_alone(outbox: Outbox, path: Path) -> None:
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(Unusable, match="newer dayshift"):
        Outbox.open(path)


def test_a_locked_file_is_no_broken_one(outbox: Outbox, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayshift.cost.sqlite_file.PATIENCE", 0.05)
    hasty = Outbox.open(path)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unusable, match=r"locked$"):
            hasty.add(alert("a"))
        other.execute("ROLLBACK")
    other.close()
    assert hasty.add(alert("a"))
    hasty.close()
