"""What a response used is read from any chunks."""

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.messages.usage import recorded, understood
from dayshift.messages.usage_readers import EVENT_LIMIT, UsageReader, read_json
from dayshift.model import Doubtful, Tokens, Usage

START_USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 50,
    "cache_read_input_tokens": 900,
    "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 1,
    "inference_geo": "us",
}
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-sonnet-5-5", "usage": START_USAGE}}
TEXT = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": 'fake {"type":"message_stop"} é'},
}
PING = {"type": "ping"}
EARLY = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}}
LAST = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 42, "input_tokens": None, "server_tool_use": {"web_search_requests": 2}},
}
STOP = {"type": "message_stop"}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
EXPECTED = Tokens(12, 42, 900, 30, 20, 2)


def sse(*events: dict[str, Any], newline: str = "\n") -> bytes:
    lines = []
    for event in events:
        data = json.dumps(event, ensure_ascii=False)
        lines += [f"event: {event['type']}", f"data: {data}", ""]
    return (newline.join(lines) + newline).encode()


STREAM = (START, PING, TEXT, EARLY, TEXT, LAST, STOP)


def read(*chunks: bytes) -> UsageReader:
    reader = UsageReader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def assert_whole(reader: UsageReader) -> None:
    usage = reader.usage()
    assert isinstance(usage, Usage)
    assert (usage.model, usage.tokens, usage.speed, usage.geo) == ("claude-sonnet-5-5", EXPECTED, "standard", "us")
    assert usage.raw["output_tokens"] == 42
    assert usage.raw["cache_creation"] == START_USAGE["cache_creation"]
    assert (reader.started, reader.complete, reader.error) == (True, True, "")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 64, 10**6])
def test_the_start_is_merged_with_the_last_delta_from_chunks_of_any_size(newline: str, size: int) -> None:
    stream = sse(*STREAM, newline=newline)
    assert_whole(read(*(stream[at : at + size] for at in range(0, len(stream), size))))


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(sse(*STREAM, newline="\r\n"))), max_size=8))
def test_borders_may_fall_anywhere(cuts: list[int]) -> None:
    stream = sse(*STREAM, newline="\r\n")
    borders = [0, *sorted(cuts), len(stream)]
    assert_whole(read(*(stream[a:b] for a, b in pairwise(borders))))


def test_data_over_several_lines_comments_and_unknown_fields_are_read_as_the_format_says() -> None:
    pretty = json.dumps(START, indent=1).replace("\n", "\ndata: ")
    assert_whole(read(f": hello\nid: 7\ndata: {pretty}\n\n".encode(), sse(*STREAM[1:])))


def test_text_that_looks_like_an_event_is_text() -> None:
    reader = read(sse(START, TEXT))
    assert (reader.started, reader.complete) == (True, False)


@pytest.mark.parametrize("until", range(1, 4))
def test_a_stream_cut_before_its_first_delta_has_no_usage_but_has_started(until: int) -> None:
    reader = read(sse(*STREAM[:until]))
    assert (reader.usage(), reader.started, reader.complete) == (None, True, False)


def test_a_stream_cut_before_its_end_is_not_complete() -> None:
    reader = read(sse(*STREAM[:-1]), b'data: {"type": "message_stop"}')
    assert not reader.complete
    assert reader.usage() is not None


@pytest.mark.parametrize("before, started", [((), False), ((START, TEXT), True)])
def test_an_error_event_is_named_and_tells_whether_anything_was_billed(before: tuple[Any, ...], started: bool) -> None:
    reader = read(sse(*before, ERROR))
    assert (reader.error, reader.started, reader.complete) == ("overloaded_error", started, False)
    assert reader.refused is not started


@pytest.mark.parametrize(
    "garbage", [b"data: {broken message_start\n\n", b'data: [1, "message_"]\n\n', b"\n\n\n", b"\xff\n\n"]
)
def test_garbage_between_events_is_passed_over(garbage: bytes) -> None:
    assert_whole(read(garbage, sse(*STREAM[:3]), garbage, sse(*STREAM[3:])))


def test_an_event_of_any_length_passes_without_being_kept() -> None:
    reader = read(sse(START))
    piece = b"x" * 65_536
    tracemalloc.start()
    reader.feed(b'data: {"type":"content_block_start","message_":"')
    for _ in range(1000):
        reader.feed(piece)
    reader.feed(b'"}\n\n')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    reader.feed(sse(*STREAM[1:]))
    assert_whole(reader)
    assert peak < 4 * EVENT_LIMIT


def test_an_event_of_very_many_lines_passes_without_being_kept() -> None:
    line = b"data: " + b"x" * 1000 + b"\n"
    reader = read(sse(START), *([line * 64] * 100))
    assert sum(map(len, reader._event)) <= EVENT_LIMIT
    reader.feed(b"\n" + sse(*STREAM[1:]))
    assert_whole(reader)


# --- counts ------------------------------------------------------------------------------------------


def answer(**usage: Any) -> bytes:
    counted = {"input_tokens": 3, "output_tokens": 4, **usage}
    return json.dumps({"type": "message", "model": "m", "usage": counted}).encode()


@pytest.mark.parametrize(
    "usage, tokens",
    [
        ({}, Tokens(3, 4)),
        ({"cache_creation_input_tokens": 9}, Tokens(3, 4, cache_write_5m=9)),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 5}}, Tokens(3, 4, 0, 0, 9)),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 5}}, Tokens(3, 4, 0, 9, 0)),
        ({"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 0}}, Tokens(3, 4, 0, 0, 9)),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 5, "ephemeral_5m_input_tokens": 2}}, Tokens(3, 4, 0, 2, 5)),
        ({"cache_read_input_tokens": None, "server_tool_use": None}, Tokens(3, 4)),
        ({"server_tool_use": {"web_search_requests": 2}}, Tokens(3, 4, web_searches=2)),
        ({"iterations": [{"type": "message", "input_tokens": 3, "output_tokens": 4}]}, Tokens(3, 4)),
        ({"output_tokens_details": {"thinking_tokens": 4}}, Tokens(3, 4)),
        ({"server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 3}}, Tokens(3, 4)),
        ({"service_tier": "standard", "fallback_credit": {"outcome": "applied"}}, Tokens(3, 4)),
        ({"service_tier": "batch"}, Tokens(3, 4)),
        ({"of_tomorrow": 0, "and_after": None, "later": {"still": 0, "nothing": []}}, Tokens(3, 4)),
    ],
)
def test_counts_are_read_from_a_whole_answer(usage: dict[str, Any], tokens: Tokens) -> None:
    found = read_json(answer(**usage))
    assert isinstance(found, Usage)
    assert (found.model, found.tokens) == ("m", tokens)


def test_fast_mode_is_read() -> None:
    raw = {"input_tokens": 3, "output_tokens": 4, "speed": "fast", "model": "m"}
    assert read_json(answer(speed="fast")) == Usage("m", Tokens(3, 4), "fast", "", raw)


@pytest.mark.parametrize("response", [b"", b"not json", b"[]", b"{}", b'{"model": "m", "usage": 4}'])
def test_an_answer_without_a_usage_has_none(response: bytes) -> None:
    assert read_json(response) is None


ONE = {"type": "message", "input_tokens": 3, "output_tokens": 4}


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        ({"output_tokens": -1}, "output_tokens=-1"),
        ({"output_tokens": 1.5}, "output_tokens=1.5"),
        ({"output_tokens": "4"}, "output_tokens='4'"),
        ({"output_tokens": True}, "output_tokens=True"),
        ({"output_tokens": None}, "output_tokens is missing"),
        ({"input_tokens": None}, "input_tokens is missing"),
        ({"of_tomorrow": 1}, "of_tomorrow"),
        ({"of_tomorrow": "x"}, "of_tomorrow"),
        ({"of_tomorrow": [{}]}, "of_tomorrow"),
        ({"of_tomorrow": {"calls": 0, "seconds": 0.5}}, "of_tomorrow.seconds"),
        ({"server_tool_use": {"web_search_requests": 0, "code_execution_requests": 1}},
         "server_tool_use.code_execution_requests"),
        ({"server_tool_use": 3}, "server_tool_use"),
        ({"cache_creation": {"ephemeral_1w_input_tokens": 1}}, "cache_creation.ephemeral_1w_input_tokens"),
        ({"output_tokens_details": {"thinking_tokens": 1, "audio_tokens": 1}}, "output_tokens_details.audio_tokens"),
        ({"\x1b[31mred": 1}, "'\\x1b[31mred'"),
        ({"speed": "ludicrous"}, "speed=ludicrous"),
        ({"speed": ["fast"]}, "speed=['fast']"),
        ({"service_tier": "flex"}, "service_tier=flex"),
        ({"iterations": [ONE, {**ONE, "type": "compaction"}]}, "iterations of type compaction"),
        ({"iterations": [ONE, {"type": "advisor_message", "model": "claude-opus-5"}]},
         "iterations of type advisor_message"),
        ({"iterations": [{**ONE, "model": "claude-opus-5"}]}, "iterations of type message"),
        ({"iterations": [{**ONE, "calls": 1}]}, "iterations.calls"),
        ({"iterations": [ONE, ONE]}, "iterations that do not add up"),
        ({"iterations": [{"type": "message"}]}, "iterations that do not add up"),
        ({"iterations": [7]}, "iterations of type None"),
        ({"iterations": 7}, "iterations"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named_and_never_counted_as_nothing(usage: dict[str, Any], field: str) -> None:
    assert read_json(answer(**usage)) == Doubtful("m", field)


def test_a_name_of_any_length_is_cut() -> None:
    found = read_json(answer(**{"x" * 10_000: 1}))
    assert isinstance(found, Doubtful)
    assert len(found.field) == 80


def test_an_answer_of_nobody_is_not_understood() -> None:
    assert read_json(b'{"usage": {"input_tokens": 3, "output_tokens": 4}}') == Doubtful("unknown", "model")


def test_a_stream_that_never_said_how_much_it_put_out_is_not_taken_at_its_first_count() -> None:
    reader = read(sse(START, {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 12}}, STOP))
    assert reader.usage() == Doubtful("claude-sonnet-5-5", "output_tokens is missing")


def test_samplings_that_add_up_are_told_apart() -> None:
    first = {"type": "message", "input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 5,
             "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}}  # fmt: skip
    second = {"type": "message", "input_tokens": 2, "output_tokens": 3, "cache_read_input_tokens": 5}
    total = {"cache_creation_input_tokens": 5, "cache_read_input_tokens": 5, "iterations": [first, second]}
    split = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}
    told, untold = read_json(answer(**total, cache_creation=split)), read_json(answer(**total))
    assert isinstance(told, Usage)
    assert told.samplings == (Tokens(1, 1, 0, 2, 3), Tokens(2, 3, 5))
    assert isinstance(untold, Usage)
    assert untold.samplings == ()


@pytest.mark.parametrize(
    "usage",
    [
        {"speed": "fast", "inference_geo": "us", "service_tier": "standard"},
        {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 9}, "iterations": []},
        {
            "input_tokens": 6,
            "output_tokens": 8,
            "iterations": [ONE, ONE],
            "server_tool_use": {"web_search_requests": 1},
        },
    ],
)
def test_what_is_kept_with_a_request_gives_the_same_usage_again(usage: dict[str, Any]) -> None:
    found = read_json(answer(**usage))
    assert isinstance(found, Usage)
    assert recorded(json.dumps(found.raw), "asked") == found


def test_a_usage_kept_without_its_model_is_of_the_one_that_was_asked() -> None:
    found = recorded('{"input_tokens": 3, "output_tokens": 4}', "asked")
    assert isinstance(found, Usage)
    assert (found.model, found.tokens) == ("asked", Tokens(3, 4))


def test_text_that_speaks_of_messages_is_seen_like_any_other() -> None:
    """Else an answer could go on unseen, and a paced hold would not grow with it."""
    seen = []
    for text in ("x" * 500, ("message_ " * 60)[:500], ('\\"error\\" ' * 60)[:500]):
        reader = UsageReader()
        start = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
        delta = start + text.rstrip("\\") + '"}}'
        reader.feed(f"event: content_block_delta\ndata: {delta}\n\n".encode())
        seen.append(reader.visible)
    assert min(seen) >= 490


# --- answers that do not keep to the format --------------------------------------------------------------


def test_no_count_is_ever_less_than_one_that_was_said() -> None:
    less = {"type": "message_delta", "usage": {"output_tokens": 1, "input_tokens": 0, "cache_creation_input_tokens": 0,
            "cache_creation": {"ephemeral_1h_input_tokens": 0}}}  # fmt: skip
    assert_whole(read(sse(START, PING, LAST, less, STOP)))
    assert_whole(read(sse(START, PING, LAST, STOP, less)))


@pytest.mark.parametrize("stream", [(START, LAST, START, EARLY, STOP), (START, LAST, STOP, START, EARLY, STOP)])
def test_a_stream_with_two_answers_is_in_doubt(stream: tuple[dict[str, Any], ...]) -> None:
    assert isinstance(read(sse(*stream)).usage(), Doubtful)


def test_a_stream_that_showed_text_before_its_error_may_be_billed() -> None:
    assert not read(sse(TEXT, ERROR)).refused
    assert read(sse(ERROR)).refused


@pytest.mark.parametrize("count", [10**9, 10**19, -1, 10**4000])
def test_a_count_that_no_answer_has_is_in_doubt(count: int) -> None:
    found = read_json(answer(output_tokens=count))
    assert isinstance(found, Doubtful) and found.field.startswith("output_tokens=")


@pytest.mark.parametrize("model", ["\ud800", "a\x1b[2J", "m" * 10_000])
def test_a_model_that_cannot_be_shown_is_in_doubt_and_not_shown(model: str) -> None:
    found = understood(model, {"input_tokens": 1, "output_tokens": 1})
    assert found == Doubtful("unknown", "model")
