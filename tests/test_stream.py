"""The stream of a run: every whole line once, however long, broken or many; others have their turn meanwhile."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dayshift.claude import claude_stream
from dayshift.events import Active, Event
from dayshift.running.hearing import MOST_COMPLAINTS, Hearing
from dayshift.running.stream import LONGEST_LINE, LOOK, Stream

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


def everything(stream: Stream, final: bool = False) -> Iterator[bytes]:
    """All it has to hand out now."""
    yield from stream.lines(final)
    while stream.more:
        yield from stream.lines(final)


def said(text: str) -> bytes:
    return json.dumps({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}).encode()


RESULT = json.dumps({"type": "result", "is_error": False, "result": "done"}).encode()


# --- the lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64 << 10, MIB, LONGEST_LINE - 1, LONGEST_LINE])
def test_a_long_line_comes_whole_and_so_does_the_next(path: Path, size: int) -> None:
    path.write_bytes(b"a" * size + b"\nb\n")
    stream = Stream(path, 0)
    assert [len(line) for line in everything(stream)] == [size, 1]
    assert stream.told() == []


def test_a_line_beyond_all_measure_is_passed_over_to_its_end_with_one_word_and_little_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200 * MIB)  # a single line of noughts
        file.seek(0, 2)
        file.write(b'{"type":"result"}\nnext\n')
    stream = Stream(path, 0)
    tracemalloc.start()
    try:
        assert list(everything(stream)) == [b"next"]  # its end is none of its own
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * LONGEST_LINE
    [told] = stream.told()
    assert told.startswith("a line of a.jsonl is longer than 16 MiB and is passed over; it begins about byte 0")
    assert stream.told() == []


def test_half_a_line_is_waited_for_and_at_the_end_taken_as_it_is(path: Path) -> None:
    path.write_bytes(b'one\n{"type": ')
    stream = Stream(path, 0)
    assert list(everything(stream)) == [b"one"]
    with path.open("ab") as file:
        file.write(b'"x"}')
    assert list(everything(stream)) == []
    assert list(everything(stream, final=True)) == [b'{"type": "x"}']
    assert list(everything(stream, final=True)) == []


def test_a_character_cut_by_a_look_is_whole_in_the_line(path: Path) -> None:
    text = "ü".encode()
    path.write_bytes(text[:1])
    stream = Stream(path, 0)
    assert list(everything(stream)) == []
    with path.open("ab") as file:
        file.write(text[1:] + b"\n")
    assert list(everything(stream)) == [text]


def test_the_next_daemon_reads_from_where_the_run_began_half_a_line_or_not(path: Path) -> None:
    path.write_bytes(b"earlier run\none\nhal")
    first = Stream(path, len(b"earlier run\n"))
    assert list(everything(first)) == [b"one"]
    with path.open("ab") as file:
        file.write(b"f\n")
    assert list(everything(Stream(path, len(b"earlier run\n")))) == [b"one", b"half"]


def test_one_look_takes_in_no_more_than_it_may(path: Path) -> None:
    path.write_bytes(b"x" * 99 + b"\n")
    with path.open("ab") as file:
        for _ in range(100):
            file.write((b"x" * 99 + b"\n") * 2000)
    stream, seen = Stream(path, 0), 0
    while lines := stream.lines():
        assert sum(map(len, lines)) <= LOOK
        seen += len(lines)
    assert seen == 200_001 and not stream.more


def test_without_a_beginning_what_stands_there_already_is_nobodys(path: Path) -> None:
    path.write_bytes(b"of an earlier run\n")
    stream = Stream(path, None)
    with path.open("ab") as file:
        file.write(b"mine\n")
    assert list(everything(stream)) == [b"mine"]


def test_a_file_that_was_cut_short_is_read_on_from_there_and_never_again(path: Path) -> None:
    path.write_bytes(b"one\ntwo\nthr")
    stream = Stream(path, 0)
    assert list(everything(stream)) == [b"one", b"two"]
    path.write_bytes(b"one\n")
    assert list(everything(stream)) == []
    with path.open("ab") as file:
        file.write(b"four\n")
    assert list(everything(stream)) == [b"four"]
    assert stream.told() == ["a.jsonl became shorter: what was not read yet is lost"]


@pytest.mark.parametrize("offset", [10**6, 1 << 62])
def test_an_offset_past_the_end_takes_what_comes(path: Path, offset: int) -> None:
    path.write_bytes(b"one\n")
    stream = Stream(path, offset)
    assert list(everything(stream)) == []
    with path.open("ab") as file:
        file.write(b"two\n")
    assert list(everything(stream)) == [b"two"]


def test_a_file_that_is_not_there_has_no_lines(path: Path) -> None:
    assert list(everything(Stream(path, None), final=True)) == []


# --- what an agent hears -----------------------------------------------------------------------------


class Ear:
    """One who listens to a stream, with what was logged and announced."""

    def __init__(self, path: Path) -> None:
        self.logged: list[str] = []
        self.announced: list[str] = []
        self.signs = 0
        self.hearing = Hearing("a", Stream(path, 0), self.logged.append, self._put, self._sign)

    def _put(self, event: Event) -> None:
        assert isinstance(event, Active) and event.task_id == "a"
        self.announced.append(event.text)

    def _sign(self) -> None:
        self.signs += 1


async def listens(ear: Ear) -> list[float]:
    """The whole stream is taken in; for how long at most, in seconds, nobody else had their turn."""
    gaps, done = list[float](), asyncio.Event()

    async def somebody_else() -> None:
        last = time.monotonic()
        while not done.is_set():
            await asyncio.sleep(0)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    other = asyncio.create_task(somebody_else())
    await asyncio.sleep(0)
    try:
        await ear.hearing.take_in(final=True)
        while ear.hearing.more:
            await ear.hearing.take_in(final=True)
    finally:
        done.set()
        await other
    return gaps


NONSENSE = {
    "noughts": b"\0\0\0",
    "bad UTF-8": b'{"type": "assistant", "x": "\xff\xfe"}',
    "half a character": b'"\xc3',
    "UTF-16": '{"type": "result"}'.encode("utf-16"),
    "deep": b"[" * 10**6,
    "deep objects": b'{"a":' * 10**5,
    "no object": b"[1, 2]",
    "a number beyond all measure": b'{"type": "result", "total_cost_usd": 1e999}',
    "digits without end": b'{"type": "result", "total_cost_usd": ' + b"9" * 10**5 + b"}",
    "wrong shapes": b'{"type": "assistant", "message": {"content": "text"}}',
    "no moment": b'{"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1e99}}',
    "too many parts": b'{"a": [' + b"1," * (1 << 20) + b"1]}",
    "half a line": b'{"type": "assistant", "mess',
}


@pytest.mark.parametrize("line", NONSENSE.values(), ids=NONSENSE)
async def test_a_line_that_says_nothing_is_logged_and_the_next_is_heard(path: Path, line: bytes) -> None:
    path.write_bytes(line + b"\n" + said("on it") + b"\n" + RESULT + b"\n")
    ear = Ear(path)
    await listens(ear)
    assert any(text.startswith("unreadable line in the stream: ") for text in ear.logged)
    assert all(len(text) < 1000 for text in ear.logged)
    assert "on it" in ear.announced and ear.hearing.result and ear.hearing.result.text == "done"


async def test_of_much_nonsense_some_is_told_and_then_that_there_is_more(path: Path) -> None:
    path.write_bytes(b"no JSON\n" * 5000 + RESULT + b"\n")
    ear = Ear(path)
    await listens(ear)
    assert len(ear.logged) == MOST_COMPLAINTS + 2  # and the run's end
    assert ear.logged[MOST_COMPLAINTS].startswith("more of this is not told; ")
    assert ear.signs == 5001


@pytest.mark.parametrize("size", [64 << 10, MIB, LONGEST_LINE - 1000])
async def test_long_words_are_heard_as_far_as_anybody_would_read_them(path: Path, size: int) -> None:
    path.write_bytes(said("ab " * (size // 3)) + b"\n" + RESULT + b"\n")
    ear = Ear(path)
    gaps = await listens(ear)
    assert ear.hearing.result and ear.hearing.result.text == "done"
    assert len(ear.logged[0]) <= claude_stream.LONGEST_TEXT
    assert max(gaps) < 1.0  # a tenth of that on an idle machine


async def test_a_flood_of_lines_leaves_everybody_their_turn(path: Path) -> None:
    tool = json.dumps(
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "Read", "input": {}}]}}
    )
    path.write_bytes((tool.encode() + b"\n") * 20_000 + RESULT + b"\n")
    ear = Ear(path)
    gaps = await listens(ear)
    assert (ear.hearing.steps, ear.signs) == (20_000, 20_001)
    assert len(gaps) > 10 and sorted(gaps)[-3] < 0.3  # a turn is a fiftieth of a second


async def test_a_thousand_lines_a_second_are_heard_as_they_come(path: Path) -> None:
    ear = Ear(path)
    began, written = time.monotonic(), 0
    with path.open("ab", buffering=0) as file:
        while (passed := time.monotonic() - began) < 1.0:
            due = int(passed * 1000) - written
            file.write((said("x") + b"\n") * due)
            written += due
            await ear.hearing.take_in()
            assert written - ear.signs <= 0
            with suppress(TimeoutError):
                await asyncio.sleep(0.02)
    assert written > 500
