"""Requests to the daemon: kept until they are answered, in order, broken ones set aside."""

import threading
import time
from pathlib import Path

import pytest

from dayshift.home import Home
from dayshift.mailbox import inbox


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_request_is_there_until_it_is_answered_and_the_answer_is_read_once(home: Home) -> None:
    name = inbox.submit(home, {"kind": "order", "order": "pause", "task": None})
    for _ in range(2):
        assert inbox.pending(home) == [inbox.Request(name, {"kind": "order", "order": "pause", "task": None})]
    inbox.done(home, name, ["no task to pause"], ok=True)
    assert inbox.pending(home) == []
    assert inbox.reply(home, name, 1) == (True, ["no task to pause"])
    assert inbox.reply(home, name, 0.01) is None
    assert list(home.inbox.iterdir()) == []


def test_requests_are_pending_in_the_order_they_came(home: Home) -> None:
    submitted = [inbox.submit(home, {"kind": str(number)}) for number in range(20)]
    assert [request.name for request in inbox.pending(home)] == submitted
    assert [request.content["kind"] for request in inbox.pending(home)] == [str(number) for number in range(20)]


@pytest.mark.parametrize("content", [b"", b'{"kind": ', b"[]", b'"stop"', b"\xff"])
def test_a_broken_request_is_set_aside_and_holds_up_nobody(home: Home, content: bytes) -> None:
    home.inbox.mkdir(parents=True)
    (home.inbox / "1-1.json").write_bytes(content)
    name = inbox.submit(home, {"kind": "stop"})
    assert [request.name for request in inbox.pending(home)] == [name]
    assert (home.inbox / "1-1.json.broken").read_bytes() == content


def test_the_same_name_is_the_same_request_and_its_answer_stays_until_it_is_forgotten(home: Home) -> None:
    for _ in range(2):
        assert inbox.submit(home, {"kind": "report"}, "telegram-1") == "telegram-1"
    assert [request.name for request in inbox.pending(home)] == ["telegram-1"]
    inbox.done(home, inbox.submit(home, {"kind": "stop"}), ["stopping"], True)
    inbox.done(home, "telegram-1", ["written"], False)
    assert inbox.replies(home, "telegram-") == inbox.replies(home, "telegram-") == [("telegram-1", False, ["written"])]
    inbox.forget(home, "telegram-1")
    assert inbox.replies(home, "telegram-") == []


def test_a_home_without_an_inbox_has_no_requests(home: Home) -> None:
    assert inbox.pending(home) == []


def test_a_reply_that_comes_while_somebody_waits_is_heard_at_once(home: Home) -> None:
    name = inbox.submit(home, {"kind": "stop"})
    daemon = threading.Timer(0.1, inbox.done, (home, name, ["a is done"], False))
    daemon.start()
    began = time.monotonic()
    assert inbox.reply(home, name, 30) == (False, ["a is done"])
    assert time.monotonic() - began < 5
    daemon.join()


def test_who_waits_in_vain_waits_no_longer_than_it_said(home: Home) -> None:
    name, began = inbox.submit(home, {"kind": "stop"}), time.monotonic()
    assert inbox.reply(home, name, 0.1) is None
    assert 0.1 <= time.monotonic() - began < 5
    assert [request.name for request in inbox.pending(home)] == [name]
