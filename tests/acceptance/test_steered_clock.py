"""A daemon whose clock is set, and whose machine sleeps, while agents of the real CLI work and a cap parks them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.bot_api import BotApi

from .house import Daemon, House, left_behind, until

pytestmark = pytest.mark.long

ENTRY = Path(__file__).with_name("steered.py")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Steered:
    """A house whose daemon lives by a clock of the test's."""

    def __init__(self, house: House, begin: datetime) -> None:
        self.house, self.file = house, house.folder / "offset"
        self.offset = begin - datetime.now(UTC)
        self.moves(timedelta())
        house.environment |= {"STEERED": str(self.file), "DAYSHIFT_TIMEZONE": "Europe/Berlin"}

    def moves(self, by: timedelta) -> None:
        """The clock is set, or the machine wakes."""
        self.offset += by
        beside = self.file.with_suffix(".new")
        beside.write_text(str(self.offset.total_seconds()))
        beside.rename(self.file)

    def starts(self, *words: str | Path) -> Daemon:
        return self.house.start("start", *words, "--rehearse", entry=ENTRY)


def looks(daemon: Daemon) -> None:
    """It has had time to look at the clock, and lives."""
    time.sleep(1.5)
    assert daemon.process.poll() is None, daemon.said


def told(api: BotApi, text: str) -> list[str]:
    return [message.text for message in api.sent if text in message.text]


def test_a_run_over_steps_and_a_night_of_sleep_is_neither_silent_nor_out_of_time(house: House) -> None:
    turns = [{"bash": "touch begun; until [ -e go ]; do sleep 0.1; done; echo x > work.txt"}, {"text": "Done."}]
    steered = Steered(house, datetime(2026, 11, 20, 15, tzinfo=UTC))
    with BotApi().serving() as api:
        house.environment |= api.environment()
        day = house.day({"id": "long", "rehearsal": turns, "deliverables": ["work.txt"], "timeout_minutes": 5})
        daemon = steered.starts(day)
        repo = house.workspace("long") / "repo"
        until((repo / "begun").exists, 150, "the agent works")
        for step in (HOUR, -HOUR, DAY, -DAY):
            steered.moves(step)
            looks(daemon)
        steered.moves(17 * HOUR)  # asleep over the hour of the report and midnight
        until(lambda: told(api, "goes on"), 90, "the evening is told when it wakes")
        steered.moves(-16 * HOUR)
        looks(daemon)  # who dies before a message is settled sends it once more
        daemon.kill()
        daemon = steered.starts()
        (repo / "go").touch()
        until(lambda: house.state("long") == "done", 150, "it is done")
        assert house.run("stop").code == 0
        daemon.ends()
        assert len(told(api, "goes on")) == len(set(told(api, "goes on")))
    record = house.record("long")
    assert (record["runs"], record["attempt"], record["hangs"], record["mishaps"]) == (1, 1, 0, 0)
    assert record["active_seconds"] < 600  # of hours on the clock
    assert left_behind(house) == []


def test_what_the_cap_parked_goes_on_once_after_a_midnight_that_the_daemon_missed(house: House) -> None:
    steered = Steered(house, datetime(2026, 11, 20, 20, tzinfo=UTC))
    turns = [{"bash": "true", "usage": {"input": 30_000, "output": 30_000}}] * 20
    both = ({"id": name, "carry_over": name == "carried", "rehearsal": turns} for name in ("carried", "stays"))
    day = house.day(*both, max_cost_usd=1)
    daemon = steered.starts(day)
    until(lambda: {house.state(each) for each in ("carried", "stays")} == {"parked"}, 150, "the cap parks both")
    daemon.kill()
    runs = house.record("carried")["runs"]
    steered.moves(4 * HOUR)  # nobody is there at midnight
    for _ in range(2):
        daemon = steered.starts()
        until(lambda: house.record("carried")["runs"] == runs + 1, 150, "it goes on, and is parked once more")
        until(lambda: house.state("carried") == "parked", 150, "it is parked once more")
        steered.moves(-2 * HOUR)  # over midnight, back and forth
        looks(daemon)
        steered.moves(2 * HOUR)
        daemon.kill()
    assert house.record("carried")["runs"] == runs + 1
    assert house.record("stays")["runs"] == 1
