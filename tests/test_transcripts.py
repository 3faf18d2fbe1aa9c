"""What a transcript bills: one test for each way in which its lines repeat, quote, tear or hide a message."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.author import Author
from dayshift.cost import bill, transcripts
from dayshift.cost.bill import SIDE, Bill, Billed, merged
from dayshift.cost.transcripts import found, read

USAGE = {"input_tokens": 10, "output_tokens": 200, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 70,
         "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20}}  # fmt: skip


def line(
    id: str | None = "msg_1", output: int = 200, at: str = "2026-11-20T18:50:00.362Z", side: bool = False,
    session: str = "s-1", model: str = "claude-opus-5-5", usage: dict[str, Any] | None = None, **more: Any,
) -> bytes:  # fmt: skip
    """One line as the CLI writes it."""
    used = {**USAGE, "output_tokens": output} | (usage or {})
    block = more.pop("block", {"type": "text", "text": "words"})
    message = {"model": model, "id": id, "type": "message", "role": "assistant", "content": [block], "usage": used}
    entry = {"isSidechain": side, "cwd": "/src/shop", "sessionId": session, "message": message, "type": "assistant",
             "uuid": "u-1", "timestamp": at, **more}  # fmt: skip
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def written(folder: Path, *lines: bytes, name: str = "s-1.jsonl") -> str:
    path = folder / name
    path.write_bytes(b"".join(lines))
    return str(path)


def billed(folder: Path, *lines: bytes) -> tuple[Billed, ...]:
    return read(written(folder, *lines), None).messages


def outputs(folder: Path, *lines: bytes) -> dict[str, int]:
    return {each.id: each.output for each in billed(folder, *lines)}


def test_a_message_has_all_its_counts_its_time_and_its_place(tmp_path: Path) -> None:
    [one] = billed(tmp_path, line(usage={"server_tool_use": {"web_search_requests": 2}, "speed": "fast",
                                         "inference_geo": "us"}))  # fmt: skip
    assert one == Billed("msg_1", 0, "2026-11-20T18:50:00.362Z", "s-1", "/src/shop", "claude-opus-5-5", "fast", "us",
                         10, 200, 3000, 50, 20, 2)  # fmt: skip


def test_lines_that_repeat_a_message_count_once(tmp_path: Path) -> None:
    assert outputs(tmp_path, line(), line(), line(id="msg_2"), line()) == {"msg_1": 200, "msg_2": 200}


def test_the_largest_usage_counts_wherever_it_stands(tmp_path: Path) -> None:
    assert outputs(tmp_path, line(output=1), line(output=200)) == {"msg_1": 200}
    assert outputs(tmp_path, line(output=200), line(output=1), line(output=7)) == {"msg_1": 200}


def test_the_first_time_stands_also_where_a_later_line_has_an_earlier_one(tmp_path: Path) -> None:
    early, late = "2026-11-19T23:59:59.000Z", "2026-11-20T00:00:01.000Z"
    for lines in ((line(at=early), line(at=late)), (line(at=late), line(at=early))):
        assert [each.at for each in billed(tmp_path, *lines)] == [early]


def test_a_main_line_tells_the_place_before_a_sidechain_s(tmp_path: Path) -> None:
    main, side = line(session="main", at="2026-11-20T10:00:00.000Z"), line(side=True, session="a-side")
    for lines in ((main, side), (side, main)):
        [one] = billed(tmp_path, *lines)
        assert (one.session, one.side) == ("main", 0)
    [alone] = billed(tmp_path, side)
    assert (alone.session, alone.side) == ("a-side", SIDE)


def test_the_cli_s_own_words_are_no_message(tmp_path: Path) -> None:
    assert outputs(tmp_path, line(model="<synthetic>")) == {}


def test_an_absent_request_id_changes_nothing(tmp_path: Path) -> None:
    assert outputs(tmp_path, line(requestId="req_1"), line(), line(requestId="req_again")) == {"msg_1": 200}


def test_a_message_without_an_id_is_known_by_its_request_or_else_by_its_line(tmp_path: Path) -> None:
    lines = (line(None, requestId="req_1"), line(None, requestId="req_1"), line(None, uuid="u-2"), line(None, uuid=""))
    assert len(billed(tmp_path, *lines)) == 3


def test_quoted_usage_bills_nothing(tmp_path: Path) -> None:
    seeming = {"type": "tool_use", "input": {"usage": {"output_tokens": 9}, "type": "assistant", "id": "msg_9"}}
    result = b'{"type":"user","toolUseResult":{"usage":{"input_tokens":7,"output_tokens":7}},"sessionId":"s"}\n'
    progress = json.dumps({"type": "progress", "data": {"message": json.loads(line(id="msg_8"))}}).encode() + b"\n"
    text = {"type": "text", "text": '"usage":{"output_tokens":5}'}
    found = outputs(tmp_path, line(block=seeming), line(block=seeming), result, progress, line(id="msg_2", block=text))
    assert found == {"msg_1": 200, "msg_2": 200}


def test_one_line_that_quotes_the_message_before_it_is_itself_counted(tmp_path: Path) -> None:
    quoting = {"type": "tool_use", "input": json.loads(line())["message"]}
    assert outputs(tmp_path, line(), line(id="msg_2", output=5, block=quoting)) == {"msg_1": 200, "msg_2": 5}


def test_a_torn_last_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    whole, torn = line(), line(id="msg_2")
    path = written(tmp_path, whole, torn[:-40])
    first = read(path, None)
    assert [each.id for each in first.messages] == ["msg_1"]
    assert (first.mark.offset, first.problem) == (len(whole), "")
    written(tmp_path, whole, torn)
    assert [each.id for each in read(path, first.mark).messages] == ["msg_2"]


def test_a_last_line_that_lacks_only_its_end_counts_and_is_looked_at_again(tmp_path: Path) -> None:
    reading = read(written(tmp_path, line(), line(id="msg_2")[:-1]), None)
    assert [each.id for each in reading.messages] == ["msg_1", "msg_2"]
    assert reading.mark.offset == len(line())


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, line())
    mark = read(path, None).mark
    assert read(path, mark).messages == ()
    written(tmp_path, line(), line(id="msg_2"))
    assert [each.id for each in read(path, mark).messages] == ["msg_2"]


@pytest.mark.parametrize("other", [line(id="msg_9", uuid="u-9"), line(id="msg_9") * 3], ids=["as long", "longer"])
def test_a_file_that_was_replaced_is_read_anew(other: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, line())
    mark = read(path, None).mark
    written(tmp_path, other)
    assert [each.id for each in read(path, mark).messages] == ["msg_9"]


def test_a_file_that_shrank_is_read_anew(tmp_path: Path) -> None:
    path = written(tmp_path, line(), line(id="msg_2"))
    mark = read(path, None).mark
    written(tmp_path, line())
    assert [each.id for each in read(path, mark).messages] == ["msg_1"]


def test_a_huge_line_is_read_and_one_beyond_all_measure_is_told(tmp_path: Path) -> None:
    huge = line(id="msg_2", block={"type": "text", "text": "x" * (5 << 20)})
    assert outputs(tmp_path, line(), huge, line(id="msg_3")) == {"msg_1": 200, "msg_2": 200, "msg_3": 200}
    path = written(tmp_path, line(), b"x" * (transcripts.LONGEST_LINE + (2 << 20)) + b"\n", line(id="msg_3"))
    reading = read(path, None)
    assert [each.id for each in reading.messages] == ["msg_1", "msg_3"]
    assert reading.problem == "lines passed over: 1 of more than 32 MiB"


def test_half_a_surrogate_pair_does_not_hide_a_message(tmp_path: Path) -> None:
    half = line().replace(b'"words"', b'"cut \\ud83d"').replace(b"/src/shop", b"/src/\\ud83d")
    [one] = billed(tmp_path, half)
    assert (one.output, one.project) == (200, "/src/?")


def test_a_broken_line_is_told_and_the_next_one_read(tmp_path: Path) -> None:
    reading = read(written(tmp_path, b'{"usage": half\n', line()), None)
    assert ([each.id for each in reading.messages], reading.problem) == (["msg_1"], "lines passed over: 1 broken")


@pytest.mark.parametrize(
    "usage",
    [
        {"output_tokens": -1},
        {"output_tokens": "many"},
        {"output_tokens": 10**12},
        {"iterations": [{"type": "advisor"}]},
    ],
)
def test_usage_that_nobody_understands_is_kept_and_is_not_zero(usage: dict[str, Any], tmp_path: Path) -> None:
    [one] = billed(tmp_path, line(), line(usage=usage))
    assert json.loads(one.raw) == {**USAGE, **usage}


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        7,
        "yesterday",
        "2026-02-30T00:00:00.000Z",
        "2026-11-20T25:00:00.000Z",
        "2026-11-20T24:00:00.000Z",
        "2026-11-20T10:60:00.000Z",
        "0001-01-01T00:00:00.000Z",
    ],
)
def test_a_message_without_a_time_is_as_old_as_its_file(stamp: Any, tmp_path: Path) -> None:
    path = written(tmp_path, line(at=stamp))
    os.utime(path, (1_795_000_000, 1_795_000_000))
    [one] = read(path, None).messages
    assert one.at == "2026-11-18T11:06:40.000Z"


def test_a_time_of_another_zone_becomes_utc(tmp_path: Path) -> None:
    [one] = billed(tmp_path, line(at="2026-11-20T01:00:00+02:00"))
    assert one.at == "2026-11-19T23:00:00.000Z"


# --- the quick reading and the close one -------------------------------------------------------------------


def told(*lines: bytes, closely: bool) -> tuple[tuple[Billed, ...], int]:
    bill = Bill(Path("/projects/-src-shop/s-1.jsonl"), 1_795_000_000 * 10**9)
    for each in lines:
        (bill.closely if closely else bill.add)(each)
    return bill.messages(), bill.broken


def test_both_readings_of_whole_trees_are_the_same(tmp_path: Path) -> None:
    Author(31).tree(tmp_path, 4 * 10**6)
    for path in tmp_path.rglob("*.jsonl"):
        lines = [each for each in path.read_bytes().splitlines() if transcripts.MARKER in each]
        assert told(*lines, closely=False) == told(*lines, closely=True)


def test_nearly_all_lines_of_the_cli_are_read_the_quick_way(tmp_path: Path) -> None:
    Author(32).tree(tmp_path, 10**6)
    lines = [each for path in tmp_path.rglob("*.jsonl") for each in path.read_bytes().splitlines()]
    answers = [each for each in lines if b'"type":"assistant"' in each and b"<synthetic>" not in each]
    assert sum(map(is_plain, answers)) == len(answers) > 100
    assert is_plain(line(usage=NEWEST))


def is_plain(whole: bytes) -> bool:
    try:
        return bool(bill._plain(whole))
    except ValueError:
        return False


#: A usage as Claude Code 2.1.329 writes it.
NEWEST: dict[str, Any] = {
    "output_tokens_details": {"thinking_tokens": 7}, "server_tool_use": {"web_search_requests": 1,
    "web_fetch_requests": 2}, "service_tier": "standard", "inference_geo": "us", "iterations": [], "speed": "fast",
    "fallback_credit": None,
}  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, 1, 50, 100, -1, 1.0, 10**9, 10**30, "", "1", "fast", "batch", "us", "é", "\ud83d",
    "\x00", "x" * 300, [], [1], [None], {}, {"x": 0}, {"x": 1}, {"thinking_tokens": 7, "x": 0},
    {"web_search_requests": 3}, {"web_search_requests": 3, "x": 1}, {"web_search_requests": True},
    {"web_fetch_requests": "}"},
    {"ephemeral_5m_input_tokens": 70}, {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 69},
    {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 69, "ephemeral_1d_input_tokens": 9},
    [{"type": "message", **USAGE}],
]  # fmt: skip


@pytest.mark.parametrize("field", [*USAGE, *NEWEST, "unheard_of"])
def test_both_readings_of_an_odd_usage_are_the_same(field: str) -> None:
    for odd in ODD:
        usage = {**USAGE, **NEWEST, field: odd}
        less = {key: value for key, value in usage.items() if key != field}
        for used in (usage, less, {**less, "input_tokens": 3, field: odd}):
            entry = json.loads(line())
            entry["message"]["usage"] = used
            whole = json.dumps(entry).encode()
            assert told(line(), whole, closely=False) == told(line(), whole, closely=True), used


@pytest.mark.parametrize("field", ["type", "isSidechain", "cwd", "sessionId", "timestamp", "message", "uuid"])
def test_both_readings_of_an_odd_line_are_the_same(field: str) -> None:
    for odd in [*ODD, "user", "2026-11-20T01:00:00+02:00", "2026-02-30T00:00:00.000Z"]:
        for id in ("msg_1", "msg_2"):
            whole = json.dumps({**json.loads(line(id)), field: odd}).encode()
            assert told(line(), whole, closely=False) == told(line(), whole, closely=True), odd


@pytest.mark.parametrize("field", ["id", "model", "usage", "type", "content"])
def test_both_readings_of_an_odd_message_are_the_same(field: str) -> None:
    for odd in [*ODD, "<synthetic>"]:
        entry = json.loads(line(requestId="req_1"))
        entry["message"][field] = odd
        whole = json.dumps(entry).encode()
        assert told(line(), whole, closely=False) == told(line(), whole, closely=True), odd


@pytest.mark.parametrize(
    "whole",
    [
        b"", b"{", b"[]", b"null", b'"usage":', line()[:-3], b" " + line(), line() + b"x", line()[:-1] + b"\r",
        b"\xef\xbb\xbf" + line(), line().replace(b"words", b"\xff"), line().replace(b"shop", b"\xff"),
        line().replace(b"words", b"a\tb"), line().replace(b'"words"', b"[" * 9000 + b"]" * 9000),
        line().replace(b'"words"', b"01"), line().replace(b'"words"', b"NaN"), line().replace(b"cwd", b"\\u0063wd"),
        line().replace(b'"id":', b'"id":"msg_0","id":'), line().replace(b'"usage":', b'"usage":{},"usage":'),
        line().replace(b'"output_tokens":200', b'"output_tokens":1,"output_tokens":2e2'),
        line().replace(b'"isSidechain":false', b'"isSidechain":false,"isSidechain":true'),
    ],
)  # fmt: skip
def test_both_readings_of_bytes_that_nobody_writes_are_the_same(whole: bytes) -> None:
    assert told(line(), whole, line(), closely=False) == told(line(), whole, line(), closely=True)


# --- the same message more than once ------------------------------------------------------------------------


def test_readings_merge_to_the_same_in_any_order() -> None:
    main = Billed("m", 0, "3", "s", "p", "a", "", "", 1, 1, 0, 0, 0, 0)
    side = Billed("m", 1, "1", "t", "q", "a", "", "", 1, 9, 0, 0, 0, 0)
    fork = Billed("m", 0, "2", "r", "p", "a", "fast", "", 1, 1, 0, 0, 0, 0)
    whole = merged(merged(main, side), fork)
    assert whole == merged(fork, merged(side, main)) == merged(whole, side) == merged(merged(fork, main), side)
    assert (whole.at, whole.side, whole.session, whole.output) == ("1", 0, "r", 9)


def test_transcripts_are_found_at_any_depth_and_links_lead_nowhere(tmp_path: Path) -> None:
    top, outside = tmp_path / "projects", tmp_path / "outside"
    deep = top / "-src-shop" / "s-1" / "subagents" / "workflows"
    for folder in (deep, outside, top / "ours"):
        folder.mkdir(parents=True)
        written(folder, line(), name=f"{folder.name}.jsonl")
    (top / "notes.txt").write_text("words")
    (top / "linked").symlink_to(outside)
    (top / "linked.jsonl").symlink_to(outside / "outside.jsonl")
    os.mkfifo(top / "pipe.jsonl")
    assert [Path(path).name for path, _ in found(top, [top / "ours"])] == ["workflows.jsonl"]
    with pytest.raises(OSError, match="symbolic links"):
        read(str(top / "linked.jsonl"), None)


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    closed: list[OSError] = []
    assert list(found(tmp_path / "gone", closed=closed.append)) == []
    assert [each.filename for each in closed] == [str(tmp_path / "gone")]
