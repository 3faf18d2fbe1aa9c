"""The end of a day, and of a daemon, as a person hears of it who is away."""

import pytest

from tests.bot_api import BotApi

from .house import House, left_behind

pytestmark = pytest.mark.long


def test_a_daemon_that_died_and_the_end_of_the_day_are_told_once_with_report_and_picture(house: House) -> None:
    turns = [{"ask": {"question": "Which way?", "options": ["left", "right"]}}, {"text": "Done."}]
    with BotApi().serving() as api:
        house.environment |= api.environment()
        daemon = house.start("start", house.day({"id": "page", "rehearsal": turns}), "--rehearse")
        api.waits(lambda: told(api, "(page) asks"), 60)
        daemon.kill()
        daemon = house.start("start", "--rehearse", "--once")
        api.waits(lambda: told(api, "The daemon had stopped unexpectedly"), 60)
        assert house.run("answer", "page", "1").code == 0
        assert daemon.ends() == 0, daemon.said
        assert len(told(api, "stopped unexpectedly")) == 1
        assert len(told(api, "The rehearsal of 2026-11-20 is over: 1 done")) == 1
        sent = [message.file[1] for message in api.sent if message.file]
    results = house.home.results
    names = ("2026-11-20-rehearsal-report.md", "2026-11-20-rehearsal-day.png")
    assert sent == [(results / name).read_bytes() for name in names]
    assert f"[{names[1]}]({names[1]})" in house.report()
    assert left_behind(house) == []


def told(api: BotApi, text: str) -> list[str]:
    """The messages that say so."""
    return [message.text for message in api.sent if text in message.text]
