"""What agents can write to their socket: whatever the bytes, nothing that could not be read is allowed or let out.

After each of them nothing stays reserved, what went out is booked with its size, and a good request is served.
"""

import contextlib
import gzip
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayshift.claude import claude_calls, claude_stream
from dayshift.claude.claude_code import HOOK_PATH
from dayshift.events import Denied
from dayshift.guard.judge import judge
from dayshift.messages.request_bounds import quote_bounds
from dayshift.proxy import bodies
from tests.yard import FORBIDDEN, POLICY, REQUEST, TASK, Yard, framed, opened, written

MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"
CALL: dict[str, Any] = {
    "session_id": "s", "transcript_path": "/t", "cwd": "/w", "permission_mode": "default", "agent_id": "a",
    "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_1",
    "tool_input": {"command": "git status", "description": "looks", "timeout": 5},
}  # fmt: skip
ASKING = {"questions": [{"question": "Which?", "header": "h", "multiSelect": False,
                         "options": [{"label": "20", "description": "d"}, {"label": "50"}]}]}  # fmt: skip
CALLS = (
    CALL, {**CALL, "tool_name": "Read", "tool_input": {"file_path": "/w/a", "limit": 3}},
    {**CALL, "tool_name": "Write", "tool_input": {"file_path": "/w/a", "content": "x"}},
    {**CALL, "tool_input": FORBIDDEN["input"]}, {**CALL, "tool_name": "AskUserQuestion", "tool_input": ASKING},
)  # fmt: skip

# --- odd things ----------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["", "\0", "\ud800", "a\udfffb", "\n\x1b[2J", "ephemeral", "1h", "web_search_20250305", "url", "file", "git push"]
)
ANY_NUMBER = st.integers() | st.floats() | st.sampled_from([0, -1, 10**18, -(10**30), 10**400, 1e308, float("nan")])
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | ANY_TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(ANY_TEXT, below, max_size=3), max_leaves=6,
)  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in it."""
    yield way
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*way, key))


def put(value: Any, way: tuple[Any, ...], other: Any) -> Any:
    """The same with another value there."""
    if not way:
        return other
    first, *rest = way
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[first] = put(value[first], tuple(rest), other)
    return changed


@st.composite
def twisted(draw: st.DrawFn, *good: Any) -> bytes:
    """A good value as JSON, in which other types stand in a few places, or a key more; now and then cut or patched."""
    value = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(0, 3))):
        way = draw(st.sampled_from(list(places(value))))
        value = put(value, way, draw(ANY_VALUE))
    if isinstance(value, dict) and draw(st.booleans()):
        value = {**value, draw(ANY_TEXT): draw(ANY_VALUE)}
    data = written(value, plain=draw(st.booleans()))
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=8)) + data[at + draw(st.integers(0, 8)) :]
    return data


HEADERS = st.lists(
    st.sampled_from([
        "Content-Type: application/json", "Content-Type: application/json; charset=utf-16", "Content-Type: \0",
        "Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: br", "Content-Encoding: nonsense",
        "Content-Length: 3", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: x",
        "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity",
        "Expect: 100-continue", "Expect: nonsense", "Upgrade: websocket", "Host: elsewhere", "no colon here",
        "X-Claude-Code-Session-Id: \udcff\udcfe", "X-Claude-Code-Agent-Id: a", "anthropic-beta: " + "b," * 3000,
        "X: " + "a" * 9000, "Connection: keep-alive", *(["Y: y"] * 2), "\x0b: z", "Cookie: \x7f",
    ]),
    max_size=4,
)  # fmt: skip
LINES = st.sampled_from([
    "POST /v1/messages HTTP/1.1", f"POST {HOOK_PATH} HTTP/1.1", "POST /v1/messages HTTP/1.0", "POST /v1/messages",
    "GET /v1/messages HTTP/1.1", "POST http://elsewhere/v1/messages HTTP/1.1", "CONNECT elsewhere:443 HTTP/1.1",
    "POST /v1/messages?x=%00%ff HTTP/1.1", "POST //v1/messages HTTP/1.1", "POST /v1/../v1/messages HTTP/1.1",
    "POST /v1%2Fmessages HTTP/1.1", "PRI * HTTP/2.0", "\x16\x03\x01", "POST /v1/messages HTTP/9.9", "P\0ST / HTTP/1.1",
])  # fmt: skip


@st.composite
def loose(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly a request: lengths, chunks, codings and heads of which some are wrong."""
    body = draw(twisted(REQUEST, *CALLS) | st.binary(max_size=40))
    match draw(st.integers(0, 4)):
        case 0:
            body = gzip.compress(body)[: draw(st.integers(1, 400))]
        case 1:
            size = draw(st.sampled_from([f"{len(body):x}", "0", "-5", "ffffffffffffffff", "g", "3", "5;a=" + "b" * 99]))
            body = size.encode() + b"\r\n" + body + draw(st.sampled_from([b"\r\n0\r\n\r\n", b"\r\n", b"0", b""]))
    length = [f"Content-Length: {len(body)}"] if draw(st.booleans()) else []
    head = "\r\n".join([draw(LINES), "Host: gateway", *length, *draw(HEADERS)])
    return head.encode("utf-8", "surrogateescape") + draw(st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n"])) + body


def deep(levels: int, inside: str, obj: bool) -> bytes:
    """A good request in which something is nested that deep."""
    begin, end = ('{"a":', "}") if obj else ("[", "]")
    good = written({**REQUEST, inside: "HERE"}) if inside else b'"HERE"'
    return good.replace(b'"HERE"', (begin * levels + "1" + end * levels).encode())


# --- the yard ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with opened() as made:
        yield made


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def holds(yard: Yard) -> None:
    """All that left was measured and is booked, nothing is held, what was allowed may be, what is told can be kept."""
    assert sorted(yard.at_rest()) == sorted(map(len, yard.seen))
    for body in yard.seen[-3:]:
        shallow(measured, body)
    events, yard.events[:] = list(yard.events), []
    for event in events:
        if isinstance(event, Denied):
            json.dumps(asdict(event), ensure_ascii=False, default=str).encode()
            assert len(event.blocked.tool) <= 200 and len(event.blocked.command) <= 200
    answered, yard.answered[:] = list(yard.answered), []
    for call, answer in answered:
        if answer["hookSpecificOutput"]["permissionDecision"] == "allow":
            assert judge(call["tool_name"], call["tool_input"], POLICY).allowed


def shallow(look: Callable[[bytes], Any], body: bytes) -> Any:
    """What a look says whose stack is no deeper than the daemon's: what is nested deep counts from there."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(look, body).result()


def measured(body: bytes) -> None:
    assert quote_bounds(body).unbounded == ()
    assert type(json.loads(body.decode(), object_pairs_hook=once)["max_tokens"]) is int


def good(yard: Yard) -> None:
    """The next request and the next question are served as ever."""
    seen = len(yard.seen)
    assert yard.asks(MESSAGES, written(REQUEST))[0] == 200 and len(yard.seen) == seen + 1
    assert decided(yard.asks(HOOK_PATH, written(CALL))) == "allow"
    assert decided(yard.asks(HOOK_PATH, written({**CALL, "tool_input": FORBIDDEN["input"]}))) == "deny"


def decided(answer: tuple[int, bytes]) -> str | None:
    """The decision; None where the CLI finds none, and so blocks the call."""
    status, said = answer
    if status != 200:
        return None
    decision = json.loads(said)["hookSpecificOutput"]["permissionDecision"]
    assert decision in ("allow", "deny", "defer", "ask")
    return str(decision)


def asked_for(body: bytes) -> Mapping[str, Any]:
    """The question to the guard, read as strictly as can be."""
    call = json.loads(body.decode(), object_pairs_hook=once)
    assert isinstance(call, dict) and isinstance(call["tool_name"], str) and isinstance(call["tool_input"], dict)
    return call


def put_to_the_guard(yard: Yard, body: bytes) -> None:
    decision = decided(yard.asks(HOOK_PATH, body))
    if decision == "allow":
        call = shallow(asked_for, body)
        assert judge(call["tool_name"], call["tool_input"], POLICY).allowed
    if decision == "defer":
        call = shallow(asked_for, body)
        assert call["tool_name"] == claude_calls.QUESTION_TOOL
        json.dumps(call["tool_input"], ensure_ascii=False, allow_nan=False).encode()


# --- the properties ------------------------------------------------------------------------------------


def bodies_of_messages(yard: Yard, body: bytes) -> None:
    for path in (MESSAGES, COUNT):
        assert yard.asks(path, body)[0] in (200, 400, 402)  # never a fault of the daemon's own
    holds(yard)


def bodies_of_questions(yard: Yard, body: bytes) -> None:
    put_to_the_guard(yard, body)
    holds(yard)


def loose_bytes(yard: Yard, sent: bytes) -> None:
    yard.hears(sent, 0.05)
    holds(yard)


FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
MANY = settings(FEW, max_examples=700)


@FEW
@given(twisted(REQUEST))
def test_no_request_leaves_that_could_not_be_measured(yard: Yard, body: bytes) -> None:
    bodies_of_messages(yard, body)


@FEW
@given(twisted(*CALLS))
def test_nothing_is_allowed_that_could_not_be_read(yard: Yard, body: bytes) -> None:
    bodies_of_questions(yard, body)


@FEW
@given(loose())
def test_whatever_is_no_request_moves_nothing(yard: Yard, sent: bytes) -> None:
    loose_bytes(yard, sent)


@pytest.mark.long
@pytest.mark.parametrize(("holding", "bodies"), [
    (bodies_of_messages, twisted(REQUEST)), (bodies_of_questions, twisted(*CALLS)), (loose_bytes, loose()),
], ids=["messages", "questions", "bytes"])  # fmt: skip
def test_the_same_of_thousands(yard: Yard, holding: Callable[[Yard, bytes], None], bodies: Any) -> None:
    @MANY
    @given(bodies)
    def told(body: bytes) -> None:
        holding(yard, body)

    told()
    good(yard)


# --- single ones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("obj", [False, True], ids=["lists", "objects"])
@pytest.mark.parametrize("levels", [90, 300, 900, 960, 990, 5_000, 400_000])
def test_what_is_nested_deep_is_measured_or_refused(yard: Yard, levels: int, obj: bool) -> None:
    for inside in ("", "messages", "metadata", "tools"):
        bodies_of_messages(yard, deep(levels, inside, obj))
    nested = deep(levels, "", obj)
    for key, tool in (("tool_input", "Read"), ("tool_input", "AskUserQuestion"), ("tool_name", ""), ("cwd", "Read")):
        call = written({**CALL, "tool_name": tool or "Read", key: "HERE"}).replace(b'"HERE"', nested)
        bodies_of_questions(yard, call)
    good(yard)


def test_a_request_over_which_somebody_stumbles_leaves_nothing_reserved(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*seen: object) -> Any:
        raise TypeError("it is not what it seems")

    seen = len(yard.seen)
    monkeypatch.setattr(yard.gatehouse.gateway, "_passing", stumbles)
    assert yard.asks(MESSAGES, written(REQUEST))[0] == 400 and len(yard.seen) == seen
    holds(yard)
    monkeypatch.undo()
    good(yard)


@pytest.mark.parametrize("messages", [
    [5], ["a"], {"a": 1}, [{}], [{"content": [5]}], [{"content": [{"id": [[]]}]}],
    [{"content": [{"type": "tool_use", "name": "AskUserQuestion", "id": ["x"]}, {"type": "tool_result"}]}],
])  # fmt: skip
def test_a_conversation_that_is_none_is_served_or_refused_while_an_answer_is_on_its_way(
    yard: Yard, messages: object
) -> None:
    assert yard.asks(MESSAGES, written({**REQUEST, "messages": messages}))[0] == 200
    holds(yard)


def test_a_question_that_no_record_can_hold_is_not_put_off_but_refused(yard: Yard) -> None:
    odd: list[Any] = [
        {"questions": [{"question": "\ud800"}]}, {"\udc00": []}, {"questions": float("nan")}, {"a": "x" * 70_000},
        json.loads(deep(40, "", obj=True)),
    ]  # fmt: skip
    for tool_input in odd:
        asking = {**CALL, "tool_name": "AskUserQuestion", "tool_input": tool_input}
        assert decided(yard.asks(HOOK_PATH, written(asking))) == "deny"
        line = {"type": "result", "deferred_tool_use": {"name": "AskUserQuestion", "input": tool_input}}
        (result,) = claude_stream.parse(written(line))
        assert isinstance(result, claude_stream.Result) and result.asked is None
    yard.gatehouse.forget(TASK)  # what was asked before
    asking = {**CALL, "tool_name": "AskUserQuestion", "tool_input": ASKING}
    assert decided(yard.asks(HOOK_PATH, written(asking))) == "defer"


@pytest.mark.parametrize("changed", [
    {"tool_name": ["Read"]}, {"tool_name": None}, {"tool_name": "Read\n09:00 allowed"}, {"tool_name": "R" * 300},
    {"tool_name": "\ud800"}, {"tool_input": "Read"}, {"tool_input": None},
])  # fmt: skip
def test_a_call_whose_tool_cannot_be_read_is_denied(yard: Yard, changed: dict[str, Any]) -> None:
    assert decided(yard.asks(HOOK_PATH, written({**CALL, "tool_input": {}, "tool_name": "Read", **changed}))) == "deny"
    holds(yard)


def test_half_a_character_in_what_is_forbidden_is_told_so_that_it_can_be_kept(yard: Yard) -> None:
    for tool, tool_input in (("Bash", {"command": "git push \ud800"}), ("Write", {"file_path": "/w/.git/\udfff"})):
        assert decided(yard.asks(HOOK_PATH, written({**CALL, "tool_name": tool, "tool_input": tool_input}))) == "deny"
    assert len(yard.events) == 2
    holds(yard)


def test_a_question_that_says_a_thing_twice_is_not_answered(yard: Yard) -> None:
    twice = written(CALL)[:-1] + b', "tool_input": {"command": "ls"}}'
    assert decided(yard.asks(HOOK_PATH, twice)) is None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "nonsense", "identity, gzip"])
def test_a_coding_that_is_not_the_bodys_lets_nothing_out(yard: Yard, coding: str) -> None:
    seen = len(yard.seen)
    status, _ = yard.asks(MESSAGES, b"\x1f\x8b" + written(REQUEST), f"Content-Encoding: {coding}")
    assert status >= 400 and len(yard.seen) == seen
    holds(yard)
    good(yard)


# --- memory --------------------------------------------------------------------------------------------


def test_a_body_that_grows_when_it_is_unpacked_is_refused_before_it_has_grown(yard: Yard) -> None:
    bomb, me = gzip.compress(bytes(160 << 20), 1), psutil.Process()
    before = me.memory_info().rss
    heard: list[int] = []
    asking = threading.Thread(target=lambda: heard.append(yard.asks(MESSAGES, bomb, "Content-Encoding: gzip")[0]))
    asking.start()
    most = 0
    while asking.is_alive():
        most = max(most, me.memory_info().rss - before)
        asking.join(0.002)
    assert heard == [413] and most < 110 << 20
    good(yard)


def test_all_that_one_agent_has_under_way_is_bounded(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST", 4 << 20)
    taken = yard.gatehouse.gateway._bodies._taken
    half = framed(MESSAGES, bytes(2_000_000))[:-1_000_000]
    with contextlib.ExitStack() as stack:
        agents = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(10)]
        for agent in agents:
            agent.connect(str(yard.socket))
            agent.sendall(half)
        refused, _, _ = select.select(agents, [], [], 10)
        while len(refused) < 6 and select.select([each for each in agents if each not in refused], [], [], 2)[0]:
            refused, _, _ = select.select(agents, [], [], 0)
        assert [each.recv(12) for each in refused] == [b"HTTP/1.1 429"] * 6 and taken[TASK] <= 4 << 20
    for _ in range(1000):
        if not taken:
            break
        time.sleep(0.01)
    assert not taken
    good(yard)
