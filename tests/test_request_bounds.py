"""What a request may use at most is never too little; what nothing bounds is named."""

import json
from typing import Any

import pytest

from dayshift.messages.request_bounds import IMAGE, SLACK, TYPED_TOOL, brings_in, quote_bounds

HELLO = {"model": "claude-sonnet-5-5", "max_tokens": 8000, "messages": [{"role": "user", "content": "hello"}]}
CACHED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
CACHED_1H = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def body(**fields: Any) -> bytes:
    return json.dumps({**HELLO, **fields}).encode()


def said(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def image(data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def test_a_plain_request_is_bounded_by_its_bytes_and_its_max_tokens() -> None:
    facts = quote_bounds(body(stream=True))
    assert (facts.model, facts.max_tokens, facts.stream) == ("claude-sonnet-5-5", 8000, True)
    assert facts.max_input_tokens == len(body(stream=True)) + SLACK
    assert (facts.caches, facts.cache_ttl_1h, facts.fast, facts.geo) == (False, False, False, "")
    assert (facts.web_searches, facts.unbounded) == (0, ())


def test_what_the_cli_sends_is_bounded() -> None:
    facts = quote_bounds(
        body(
            system=[CACHED],
            tools=[{"name": "Bash", "description": "d", "input_schema": {"type": "object"}}],
            metadata={"user_id": "u"},
            thinking={"type": "adaptive", "display": "omitted"},
            context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            output_config={"effort": "medium"},
        )
    )
    assert facts.unbounded == ()


@pytest.mark.parametrize(
    "fields, caches, ttl_1h",
    [
        (said(CACHED), True, False),
        (said(CACHED_1H), True, True),
        ({"system": [CACHED, CACHED_1H]}, True, True),
        ({"tools": [{"name": "t", "cache_control": {"type": "ephemeral", "ttl": "5m"}}]}, True, False),
        (said({"type": "tool_result", "tool_use_id": "a", "content": [CACHED_1H]}), True, True),
        ({"cache_control": {"type": "ephemeral", "ttl": "9d"}}, True, True),
        ({"cache_control": None}, False, False),
        (said({"type": "text", "text": '"cache_control": {"ttl": "1h"}'}), False, False),
    ],
)  # fmt: skip
def test_caching_is_seen_wherever_it_stands(fields: dict[str, Any], caches: bool, ttl_1h: bool) -> None:
    facts = quote_bounds(body(**fields))
    assert (facts.caches, facts.cache_ttl_1h) == (caches, ttl_1h)


def test_caching_is_seen_when_its_name_is_written_with_escapes() -> None:
    hidden = body(system=[CACHED_1H]).replace(b'"cache_control"', b'"cache\\u005fcontrol"')
    assert quote_bounds(hidden).cache_ttl_1h


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"speed": "fast"}, {"fast": True}),
        ({"speed": "ludicrous"}, {"fast": True}),
        ({"speed": "standard"}, {"fast": False}),
        ({"inference_geo": "us"}, {"geo": "us"}),
        ({"tools": [SEARCH]}, {"web_searches": 8, "unbounded": ()}),
        ({"tools": [SEARCH, {**SEARCH, "max_uses": 1}]}, {"web_searches": 9}),
    ],
)
def test_what_changes_the_price_is_read(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    facts = quote_bounds(body(**fields))
    assert {name: getattr(facts, name) for name in expected} == expected


@pytest.mark.parametrize(
    "fields, named",
    [
        (said({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}), "image by url"),
        (said({"type": "image", "source": {"type": "file", "file_id": "f"}}), "image by file"),
        (said({"type": "image"}), "image"),
        (said(image("A") | {"source": {"type": "base64", "data": ["A"] * 9}}), "image by base64"),
        (said({"type": "document", "source": {"type": "base64", "data": "JVBERi0="}}), "document by base64"),
        (said({"type": "document", "source": {"type": "url", "url": "https://x"}}), "document by url"),
        (said({"type": "container_upload", "file_id": "f"}), "container_upload"),
        (said({"type": "tool_result", "content": {"type": "image", "source": {"type": "file"}}}), "image by file"),
        (said({"type": "something_new", "file_id": "f"}), "something_new"),
        (said({"type": "tool_result", "content": [{"type": "image", "source": {"type": "file"}}]}), "image by file"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tool web_search_20250305"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "tool web_fetch_20250910"),
        ({"tools": [{"type": "code_execution_20250825", "name": "c"}]}, "tool code_execution_20250825"),
        ({"tools": [{"type": "advisor_20260301", "name": "advisor"}]}, "tool advisor_20260301"),
        ({"mcp_servers": [{"type": "url", "url": "https://x"}]}, "mcp_servers"),
        ({"fallbacks": [{"model": "claude-opus-4-1"}]}, "fallbacks"),
        ({"thread": {"type": "continue", "id": "t"}}, "thread"),
        ({"invented_tomorrow": 1}, "invented_tomorrow"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "context_management compact_20260112"),
    ],
)  # fmt: skip
def test_what_nothing_bounds_is_named(fields: dict[str, Any], named: str) -> None:
    assert quote_bounds(body(**fields)).unbounded == (named,)
    assert brings_in(body(**fields)) == (named,)


def test_a_count_of_tokens_brings_in_what_is_not_in_its_body_and_nothing_else() -> None:
    assert brings_in(body(tools=[SEARCH])) == ("web search",)
    assert brings_in(body(tools=[{"name": "Bash", "input_schema": {}}])) == ()
    assert brings_in(body(**said(image("A" * 90)))) == ()


@pytest.mark.parametrize(
    "fields",
    [
        said({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}),
        said({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}}),
        said({"type": "tool_use", "id": "a", "name": "t", "input": {"type": "image", "source": {"type": "url"}}}),
        {"mcp_servers": [], "fallbacks": None},
        {"tools": [{"type": "custom", "name": "t", "input_schema": {}}]},
    ],
)
def test_what_its_bytes_bound_is_not_refused(fields: dict[str, Any]) -> None:
    request = body(**fields)
    facts = quote_bounds(request)
    assert (facts.unbounded, facts.max_input_tokens) == ((), len(request) + SLACK)


@pytest.mark.parametrize("data", ["", "A" * 10, "A" * 100_000])
def test_an_image_counts_at_the_most_it_can_whatever_its_bytes(data: str) -> None:
    rest = len(body(**said(image(""), {"type": "tool_result", "content": [image("")]})))
    facts = quote_bounds(body(**said(image(data), {"type": "tool_result", "content": [image(data)]})))
    assert facts.max_input_tokens == rest + SLACK + 2 * IMAGE


def test_an_image_in_a_tools_input_is_text_and_counts_by_its_bytes() -> None:
    request = body(**said({"type": "tool_use", "id": "a", "name": "t", "input": {"content": [image("A" * 50_000)]}}))
    assert quote_bounds(request).max_input_tokens == len(request) + SLACK


@pytest.mark.parametrize("escaped", [False, True])
def test_a_letter_that_may_be_spelt_out_counts_as_what_it_becomes(escaped: bool) -> None:
    """U+FDFA has three bytes; its compatibility form is eighteen letters in thirty-three bytes."""
    messages = [{"role": "user", "content": "\ufdfa" * 1000}]
    request = json.dumps({**HELLO, "messages": messages}, ensure_ascii=escaped).encode()
    assert quote_bounds(request).max_input_tokens > 33_000
    plain = json.dumps({**HELLO, "messages": [{"role": "user", "content": "Grüße €"}]}, ensure_ascii=False).encode()
    assert quote_bounds(plain).max_input_tokens == len(plain) + SLACK


def test_a_tool_that_is_referred_to_again_counts_again() -> None:
    tool = {"name": "large", "description": "d" * 10_000, "input_schema": {}}
    refers = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_reference", "tool_name": "large"}]}
    bounds = [
        quote_bounds(request).max_input_tokens - len(request)
        for request in (body(tools=[tool], **said(*[refers] * times)) for times in (0, 1, 2, 5))
    ]
    assert bounds == [SLACK, SLACK, SLACK + len(json.dumps(tool)), SLACK + 4 * len(json.dumps(tool))]


def test_a_tool_named_only_by_its_type_adds_its_hidden_description() -> None:
    request = body(tools=[{"type": "bash_20250124", "name": "bash"}])
    assert quote_bounds(request).max_input_tokens == len(request) + SLACK + TYPED_TOOL


@pytest.mark.parametrize(
    "request_body, complaint",
    [
        (b"", "not JSON"),
        (b"\xff\xfe{\x00", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 200_000, "not JSON|too deeply"),
        (body(messages=[{}] * 600_000), "brackets"),
        (json.dumps({"model": "m", "messages": []}).encode(), "max_tokens"),
        (json.dumps({"max_tokens": 1, "messages": []}).encode(), "names no model"),
        (body(max_tokens=0), "max_tokens"),
        (body(max_tokens=-5), "max_tokens"),
        (body(max_tokens=True), "max_tokens"),
        (body(max_tokens=1.5), "max_tokens"),
        (body(max_tokens=10**30), "max_tokens"),
        (body(max_tokens="8000"), "max_tokens"),
        (body(tools=[{**SEARCH, "max_uses": -1}]), "max_uses"),
        (b'{"max_tokens": 128000, ' + body()[1:], "given twice"),
        (b'{"max\\u005ftokens": 128000, ' + body()[1:], "given twice"),
    ],
)
def test_what_is_no_request_is_refused_in_words(request_body: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        quote_bounds(request_body)


def test_odd_shapes_do_not_break_the_reader() -> None:
    quote_bounds(body(messages={"a": 1}, system="text", tools=["x"], context_management=[]))
    quote_bounds(body(messages=["x", {"role": "user", "content": [None, {"source": {"content": "x"}}]}]))
