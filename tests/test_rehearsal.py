"""The scripted model on the wire, and the real CLI talking to it."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dayshift.model import Task
from dayshift.rehearsing.improvised_turns import improvise
from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.rehearsing.script import CLOSING
from dayshift.rehearsing.written_turns import parse_turns

TOOLS = [{"name": "Bash", "description": "", "input_schema": {"type": "object"}}]
HELLO = {"role": "user", "content": "hello"}


def reply(text: str = "so") -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


@pytest.fixture
async def model() -> AsyncIterator[Rehearsal]:
    rehearsal = Rehearsal()
    await rehearsal.start()
    yield rehearsal
    await rehearsal.stop()


def body(messages: Sequence[Mapping[str, Any]] = (HELLO,), **more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-5-5", "max_tokens": 1000, "messages": list(messages), "tools": TOOLS, **more}


async def post(
    model: Rehearsal, sent: Any, path: str = "/t/v1/messages", **headers: str
) -> tuple[int, Any, Mapping[str, str]]:
    async with (
        aiohttp.ClientSession() as client,
        client.post(model.url + path, data=json.dumps(sent), headers=headers) as response,
    ):
        return response.status, await response.json(), response.headers


async def stream(model: Rehearsal, sent: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a streamed answer, checked to carry their own names."""
    events = []
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{model.url}/t/v1/messages?beta=true", json={**sent, "stream": True}) as response,
    ):
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["request-id"].startswith("req_")
        for frame in (await response.text()).strip().split("\n\n"):
            name, data = frame.split("\n")
            events.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {events[-1]['type']}"
    return events


def joined(events: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """The content blocks a client puts together from the events."""
    blocks: list[tuple[str, str]] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append((event["content_block"]["type"], ""))
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            kind, text = blocks[event["index"]]
            more = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            blocks[event["index"]] = (kind, text + more)
    return [(kind, json.loads(text) if kind == "tool_use" else text) for kind, text in blocks]


async def test_a_streamed_answer_puts_together_to_the_turn(model: Rehearsal) -> None:
    command = "printf '%s' " + "x" * 200
    model.play("t", parse_turns([{"thinking": "hm", "text": "Now.", "bash": command}]), {})
    events = await stream(model, body())
    assert joined(events) == [
        ("thinking", "hm"),
        ("text", "Now."),
        ("tool_use", {"command": command, "description": "Run a command"}),
    ]
    assert sum(event.get("delta", {}).get("type") == "input_json_delta" for event in events) > 3
    assert (events[0]["type"], events[-2]["type"], events[-1]["type"]) == (
        "message_start",
        "message_delta",
        "message_stop",
    )
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


async def test_the_bill_is_what_the_stream_reported_last(model: Rehearsal) -> None:
    model.play(
        "t", parse_turns([{"text": "x", "usage": {"input": 5, "output": 70, "cache_read": 900, "cache_write": 80}}]), {}
    )
    events = await stream(model, body())
    usage = events[-2]["usage"]
    (served,) = model.bill
    assert (served.task_id, served.model, served.complete) == ("t", "claude-sonnet-5-5", True)
    assert (usage["input_tokens"], usage["output_tokens"]) == (served.tokens.input, served.tokens.output) == (5, 70)
    assert usage["cache_read_input_tokens"] == served.tokens.cache_read == 900
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 80, "ephemeral_1h_input_tokens": 0}
    assert usage["cache_creation_input_tokens"] == served.tokens.cache_write == 80


async def test_a_plain_answer_says_the_same_as_a_streamed_one(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "Hello."}]), {})
    status, message, headers = await post(model, body())
    assert status == 200
    assert message["content"] == [{"type": "text", "text": "Hello."}]
    assert message["stop_reason"] == "end_turn"
    assert model.bill[0].request_id == headers["request-id"]
    assert joined(await stream(model, body())) == [("text", "Hello.")]


async def test_the_position_comes_from_the_conversation_alone(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "one"}, {"text": "two"}]), {})
    told = [HELLO, reply("one"), HELLO]
    for messages, text in [(told, "two"), ([HELLO], "one"), ([*told, reply("two"), HELLO], CLOSING.text)]:
        _, message, _ = await post(model, body(messages))
        assert message["content"][0]["text"] == text


@pytest.mark.parametrize(
    ("headers", "tools"),
    [
        ({"x-claude-code-agent-id": "a1"}, TOOLS),
        ({}, []),
        ({}, [{"type": "web_search_20250305", "name": "web_search"}]),
    ],
)
async def test_asides_get_a_plain_word_and_no_fault_of_the_script(
    model: Rehearsal, headers: dict[str, str], tools: list[Any]
) -> None:
    model.play("t", parse_turns([{"bash": "ls", "error": {"status": 529}}]), {})
    status, message, _ = await post(model, body(tools=tools), **headers)
    assert status == 200
    assert [block["type"] for block in message["content"]] == ["text"]
    assert (await post(model, body()))[0] == 529


async def test_an_error_comes_once_and_costs_nothing(model: Rehearsal) -> None:
    fault = {"status": 529, "type": "overloaded_error", "message": "busy", "retry_after": 7, "headers": {"x-a": "b"}}
    model.play("t", parse_turns([{"text": "fine", "error": fault}]), {})
    status, answer, headers = await post(model, body())
    assert (status, headers["retry-after"], headers["x-a"]) == (529, "7", "b")
    assert answer["type"] == "error"
    assert answer["error"] == {"type": "overloaded_error", "message": "busy"}
    assert model.bill == []
    assert (await post(model, body()))[0] == 200


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_cut_breaks_the_answer_once_and_is_billed_as_incomplete(model: Rehearsal, streamed: bool) -> None:
    model.play("t", parse_turns([{"text": "fine " * 40, "cut": True}]), {})
    with pytest.raises(aiohttp.ClientError):
        await (stream(model, body()) if streamed else post(model, body()))
    assert (await post(model, body()))[0] == 200
    assert [served.complete for served in model.bill] == [False, True]


async def test_a_cut_comes_after_the_first_words(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "fine " * 40, "cut": True}]), {})
    arrived = b""
    with pytest.raises(aiohttp.ClientPayloadError):
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{model.url}/t/v1/messages", json=body(stream=True)) as response,
        ):
            async for chunk in response.content.iter_any():
                arrived += chunk
    assert b"text_delta" in arrived
    assert b"content_block_stop" not in arrived


async def test_a_client_that_leaves_is_billed_and_no_error(model: Rehearsal, caplog: pytest.LogCaptureFixture) -> None:
    model.play("t", parse_turns([{"text": "late", "delay": 0.3}]), {})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream(model, body()), 0.1)
    await asyncio.sleep(0.4)
    assert [served.complete for served in model.bill] == [False]
    assert caplog.records == []


async def test_a_delay_holds_the_answer_and_nothing_else_does(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "late", "delay": 0.3}, {"text": "now"}]), {})
    clock = asyncio.get_running_loop().time
    start = clock()
    await post(model, body())
    late = clock()
    await post(model, body([HELLO, reply(), HELLO]))
    assert late - start >= 0.3
    assert clock() - late < 0.3


async def test_output_never_passes_max_tokens(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "word " * 1000, "bash": "ls"}]), {})
    _, message, _ = await post(model, body(max_tokens=50))
    assert message["stop_reason"] == "max_tokens"
    assert message["usage"]["output_tokens"] == model.bill[0].tokens.output == 50
    assert [block["type"] for block in message["content"]] == ["text"]
    assert len(message["content"][0]["text"]) <= 200


async def test_estimated_usage_reads_the_past_from_the_cache_and_writes_the_rest(model: Rehearsal) -> None:
    model.play("t", parse_turns([{"text": "one"}, {"text": "two"}]), {})
    marked = {"role": "user", "content": [{"type": "text", "text": "x" * 4000, "cache_control": {"type": "ephemeral"}}]}
    for messages in ([marked], [marked, reply("y" * 400), HELLO]):
        await post(model, body(messages))
    first, second = (served.tokens for served in model.bill)
    assert (first.input, first.cache_read) == (1, 0)
    assert 1000 < first.cache_write_5m < 1200
    assert 1000 < second.cache_read < 1200
    assert 100 < second.cache_write_5m < 200
    marked["content"][0]["cache_control"]["ttl"] = "1h"  # type: ignore[index]
    await post(model, body([marked]))
    assert (model.bill[2].tokens.cache_write_5m, model.bill[2].tokens.cache_write_1h > 1000) == (0, True)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"max_tokens": 5, "messages": [HELLO]}, "model: Field required"),
        ({"model": "m", "messages": [HELLO]}, "max_tokens: Field required"),
        ({"model": "m", "max_tokens": 5}, "messages: Field required"),
        ({"model": "m", "max_tokens": 0, "messages": [HELLO]}, "max_tokens: Input should be greater"),
        ({"model": "m", "max_tokens": 5, "messages": []}, "messages: at least one"),
        ([], "not a JSON object"),
    ],
)
async def test_a_malformed_request_is_refused_as_the_api_does(model: Rehearsal, sent: Any, said: str) -> None:
    model.play("t", (), {})
    status, answer, _ = await post(model, sent)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert said in answer["error"]["message"]
    assert model.bill == []


@pytest.mark.parametrize("path", ["/unknown/v1/messages", "/t/v1/nothing"])
async def test_what_is_not_served_is_not_found(model: Rehearsal, path: str) -> None:
    model.play("t", (), {})
    status, answer, headers = await post(model, body(), path)
    assert (status, answer["error"]["type"]) == (404, "not_found_error")
    assert answer["request_id"] == headers["request-id"]


async def test_counting_tokens_is_free(model: Rehearsal) -> None:
    model.play("t", (), {})
    status, answer, _ = await post(model, {"model": "m", "messages": [HELLO]}, "/t/v1/messages/count_tokens")
    assert status == 200
    assert answer["input_tokens"] > 0
    assert model.bill == []


# --- the real CLI ----------------------------------------------------------------------------------


def cli() -> Path:
    package = find_spec("claude_agent_sdk")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the CLI is not installed: pip install 'dayshift[cli]'")
    return Path(package.submodule_search_locations[0]) / "_bundled" / "claude"


async def converse(model: Rehearsal, folder: Path, prompt: str, *words: str) -> list[dict[str, Any]]:
    """One headless run of the CLI in folder/repo against the scripted model; the lines it printed."""
    environment = {
        "HOME": str(folder / "home"),
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": f"{model.url}/t",
        "ANTHROPIC_API_KEY": "dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(cli()), "-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "dontAsk"),
        *(
            "--tools",
            "Bash,Read,Write",
            "--allowedTools",
            "Bash,Write,Read",
            "--add-dir",
            str(folder / "workspace"),
            *words,
        ),
        env=environment,
        cwd=folder / "repo",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(prompt.encode()), 120)
    assert output, errors.decode()
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name in ("repo", "home", "workspace"):
        (tmp_path / name).mkdir()
    environment = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path / "repo", check=True, env=environment, capture_output=True)
    (tmp_path / "repo/list.py").write_text("ORDERS = []\n")
    return tmp_path


@pytest.mark.acceptance
async def test_the_real_cli_plays_an_improvised_task(model: Rehearsal, house: Path) -> None:
    wanted = ("list.py", "docs/pages.md")
    turns = improvise(
        Task("task-1", "Paginate the orders list", "…", "sonnet", context_files=wanted[:1], deliverables=wanted)
    )
    model.play("t", turns, {"repo": str(house / "repo"), "workspace": str(house / "workspace")})
    lines = await converse(model, house, "Paginate the orders list.", "--model", "sonnet")
    result = lines[-1]
    assert (result["type"], result["is_error"], result["permission_denials"]) == ("result", False, [])
    assert result["result"].startswith("Paginate the orders list is finished.")
    assert (house / "repo/list.py").read_text() == "ORDERS = []\n\n# Rehearsed for task-1.\n"
    assert (house / "repo/docs/pages.md").read_text().startswith("# Paginate the orders list\n")
    assert (house / "workspace/summary.md").is_file()
    assert len(model.bill) == len(turns)
    assert all(served.complete for served in model.bill)
    used = result["modelUsage"]["claude-sonnet-5-5"]
    assert used["outputTokens"] == sum(served.tokens.output for served in model.bill)
    assert used["cacheReadInputTokens"] == sum(served.tokens.cache_read for served in model.bill)


@pytest.mark.acceptance
async def test_the_real_cli_gets_over_faults_and_goes_on_where_a_resumed_session_stood(
    model: Rehearsal, house: Path
) -> None:
    spent = {"status": 402, "type": "billing_error", "message": "the cap is reached"}
    script: list[dict[str, Any]] = [
        {"text": "first " * 20, "bash": "echo 1 >> steps", "cut": True},
        {"text": "second", "bash": "echo 2 >> steps", "error": spent},
        {"text": "finished"},
    ]
    model.play("t", parse_turns(script), {})
    session = "5f6c2e0e-3c52-4d7e-9a41-0b8f6f1f7a12"
    stopped = (await converse(model, house, "Go.", "--session-id", session))[-1]
    assert (stopped["is_error"], stopped["api_error_status"]) == (True, 402)
    assert (house / "repo/steps").read_text() == "1\n"
    ended = (await converse(model, house, "Go on.", "--resume", session))[-1]
    assert (ended["is_error"], ended["result"]) == (False, "finished")
    assert (house / "repo/steps").read_text() == "1\n2\n"
    assert [served.complete for served in model.bill] == [False, True, True, True]
