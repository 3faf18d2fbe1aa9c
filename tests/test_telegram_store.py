"""What was said is kept once and handed out until it is handled; what is asked next of Telegram hides nothing."""

import os
import random
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift.files import Unusable
from dayshift.telegram.store import Store
from tests.house import FakeClock


def said(number: int, text: str = "words") -> dict[str, Any]:
    return {"update_id": number, "message": {"text": text}}


def numbers(store: Store) -> list[int]:
    return [update["update_id"] for update in store.unhandled()]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telegram.sqlite3"


@pytest.fixture
def store(path: Path, clock: FakeClock) -> Iterator[Store]:
    store = Store.open(path, clock)
    yield store
    store.close()


def test_what_was_taken_is_handed_out_in_order_until_it_is_handled(store: Store, clock: FakeClock) -> None:
    assert store.offset is None
    assert store.take([said(7), said(5), said(6)], 7) == 3
    assert numbers(store) == [5, 6, 7]
    assert store.offset == 8
    store.handled([5, 7], clock.now())
    assert numbers(store) == [6]


def test_what_is_told_again_is_kept_once_and_never_handed_out_again(store: Store, clock: FakeClock) -> None:
    store.take([said(5)], 5)
    store.handled([5], clock.now())
    assert store.take([said(5), said(6)], 6) == 1
    assert store.take([said(6), said(5)], 6) == 0
    assert numbers(store) == [6]


def test_any_order_and_any_repetition_comes_to_the_same(store: Store, clock: FakeClock) -> None:
    chance, done = random.Random(1), list[int]()
    for first in range(1, 2001, 20):
        batch = [*range(first, first + 20), *chance.choices(range(1, first + 1), k=10)]
        chance.shuffle(batch)
        store.take([said(number) for number in batch], max(batch))
        done += numbers(store)
        store.handled(numbers(store), clock.now())
    assert done == list(range(1, 2001))


def test_what_is_told_again_does_not_lead_back(store: Store) -> None:
    store.take([said(50)], 50)
    store.take([said(20)], 20)
    assert store.offset == 51


def test_what_strangers_do_moves_the_offset_and_leaves_nothing_else(store: Store) -> None:
    assert store.take([], 90) == 0
    assert (store.offset, numbers(store)) == (91, [])


def test_updates_are_kept_and_passed_over_together_or_not_at_all(store: Store) -> None:
    store._db.execute("CREATE TRIGGER full BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(Unusable, match="disk full"):
        store.take([said(5)], 5)
    assert (numbers(store), store.offset) == ([], None)


def test_an_offset_is_forgotten_after_a_day_so_that_numbers_that_begin_anew_are_not_hidden(
    store: Store, clock: FakeClock
) -> None:
    store.take([said(900)], 900)
    clock.time += timedelta(hours=23, minutes=59)
    assert store.offset == 901
    clock.time += timedelta(days=7)
    assert store.offset is None
    store.take([said(30)], 30)
    assert (store.offset, numbers(store)) == (31, [30, 900])


def test_a_clock_that_steps_back_forgets_the_offset_but_tells_nothing_twice(store: Store, clock: FakeClock) -> None:
    store.take([said(900)], 900)
    clock.time -= timedelta(hours=1)
    assert store.offset is None
    assert store.take([said(900), said(901)], 901) == 1
    assert store.offset == 902


def test_what_was_handled_is_remembered_longer_than_telegram_could_tell_it_again(
    store: Store, clock: FakeClock
) -> None:
    store.take([said(5)], 5)
    store.handled([5], clock.now())
    clock.time += timedelta(days=7)
    store.handled([], clock.now())
    assert store.take([said(5)], 5) == 0
    clock.time += timedelta(days=2)
    store.handled([], clock.now())
    assert store.take([said(5)], 5) == 1


def test_the_words_of_what_was_handled_are_forgotten(store: Store, path: Path, clock: FakeClock) -> None:
    store.take([said(5, "a secret of the person")], 5)
    store.handled([5], clock.now())
    rows = sqlite3.connect(path)
    assert rows.execute("SELECT content FROM said").fetchall() == [(None,)]
    rows.close()


def test_half_a_character_is_kept_as_it_came(store: Store) -> None:
    store.take([said(5, "\ud83d")], 5)
    assert store.unhandled() == [said(5, "\ud83d")]


def test_all_of_it_is_there_for_the_next_daemon(store: Store, path: Path, clock: FakeClock) -> None:
    store.take([said(5), said(6)], 6)
    store.handled([5], clock.now())
    store.asked("task-1@x", 2, 42, 17)
    token = store.issue({"do": "stop"})
    store.close()
    again = Store.open(path, clock)
    assert (numbers(again), again.offset) == ([6], 7)
    assert (again.question_at(42, 17), again.purpose(token)) == (("task-1@x", 2), {"do": "stop"})
    again.close()


def test_a_question_is_found_by_its_message_and_its_messages_by_the_question(store: Store) -> None:
    for chat, message in ((42, 17), (-100, 18), (42, 19)):
        store.asked("task-1@x", 2, chat, message)
    store.asked("task-1@x", 3, 42, 20)
    assert store.question_at(42, 17) == ("task-1@x", 2)
    assert store.question_at(-100, 17) is None  # in another chat the same number is another message
    assert store.messages_of("task-1@x", 2) == [(-100, 18), (42, 17), (42, 19)]


def test_a_button_says_what_it_was_issued_for_and_no_other_does(store: Store) -> None:
    purpose = {"do": "answer", "which": "task-1@x", "question": 2, "option": "Cursor — " * 50}
    tokens = {store.issue(purpose) for _ in range(100)}
    assert len(tokens) == 100 and all(len(token.encode()) <= 64 for token in tokens)
    assert store.purpose(tokens.pop()) == purpose
    assert store.purpose("guessed") is None


def test_messages_and_buttons_that_nobody_comes_back_to_are_forgotten(path: Path, clock: FakeClock) -> None:
    first = Store.open(path, clock)
    first.asked("task-1@x", 2, 42, 17)
    token = first.issue({})
    first.close()
    clock.time += timedelta(days=91)
    later = Store.open(path, clock)
    assert (later.question_at(42, 17), later.purpose(token)) == (None, None)
    later.close()


# --- a file that cannot be used ---------------------------------------------------------------------


def test_a_file_that_is_something_else_is_refused_with_its_path_and_the_cure(path: Path) -> None:
    path.write_bytes(b"no database at all\n" * 100)
    with pytest.raises(Unusable, match="not a database") as caught:
        Store.open(path)
    place = path.parent / f"broken-{path.stem}"
    assert str(path) in str(caught.value) and f"mkdir {place} && mv {path}* {place}" in str(caught.value)


def test_a_file_with_a_broken_page_is_refused_at_start(path: Path) -> None:
    store = Store.open(path)
    store.take([said(number, "w" * 1000) for number in range(50)], 49)
    store.close()
    whole = bytearray(path.read_bytes())
    whole[-8192:] = os.urandom(8192)
    path.write_bytes(whole)
    with pytest.raises(Unusable, match="to go on without it"):
        Store.open(path)


def test_a_file_of_a_newer_program_is_refused(path: Path) -> None:
    Store.open(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Unusable, match="newer dayshift"):
        Store.open(path)


def test_a_file_that_somebody_holds_is_not_called_broken(store: Store, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(Unusable, match="locked") as caught:
        store.take([said(5)], 5)
    assert "without it" not in str(caught.value)
    other.close()
    assert store.offset is None  # neither kept nor passed over
