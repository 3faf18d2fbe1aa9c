"""The end of a day while nobody answers: it takes seconds, can be hurried, and is never taken for a death."""

import os
import signal
import socket

import pytest

from tests.bot_api import TOKEN

from .house import House, left_behind
from .test_questions import choosy

pytestmark = pytest.mark.long


def test_a_daemon_that_is_hurried_over_its_last_words_is_not_mourned(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as deaf:  # the system accepts, and nobody ever answers
        port = deaf.getsockname()[1]
        house.environment |= {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "42",
                              "TELEGRAM_BASE_URL": f"http://127.0.0.1:{port}"}  # fmt: skip
        daemon = house.start("start", house.day(choosy("page")), "--rehearse", "--once")
        daemon.waits("page asks")
        for _ in range(2):
            os.kill(daemon.process.pid, signal.SIGTERM)
            daemon.waits("stopping: agents are parked")
            daemon.waits("report: ")
        assert daemon.ends(5) >= 0
    assert not house.home.daemon_facts.exists()
    assert left_behind(house) == []
