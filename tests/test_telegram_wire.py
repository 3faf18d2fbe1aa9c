"""What is asked of Telegram and how it fails: a real client, a true-to-protocol server, real sockets."""

import asyncio
import json
import logging
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import pytest

from dayshift.telegram.wire import (
    Button,
    Contested,
    Flooded,
    Rejected,
    Trouble,
    Unauthorised,
    Unreachable,
    Wire,
    plain,
)
from tests.bot_api import BAD_GATEWAY, CONFLICT, CUT_AFTER, CUT_BEFORE, CUT_WHILE, TOKEN, BotApi, Fault, flood
from tests.bot_markup import Refused, parsed, units

ME = 42
PICTURE = b"\x89PNG\r\n\x1a\n" + b"-" * 100
SECRET = TOKEN.partition(":")[2]


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi([ME, -100]).running() as api:
        yield api


@pytest.fixture
async def wire(api: BotApi) -> AsyncIterator[Wire]:
    wire = Wire(TOKEN, api.url)
    await wire.open()
    yield wire
    await wire.close()


# --- what is asked ----------------------------------------------------------------------------------


async def test_a_message_arrives_as_written_with_its_buttons_and_without_previews(api: BotApi, wire: Wire) -> None:
    first = await wire.send(ME, "<b>shop</b> &amp; https://example.org", [[Button("Yes", "y"), Button("No", "n")]])
    second = await wire.send(ME, "so", reply_to=first, silent=True)
    question, answer = api.sent
    assert (question.id, question.text) == (first, "shop & https://example.org")
    assert (question.buttons, question.previewed) == ([[("Yes", "y"), ("No", "n")]], False)
    assert (answer.id, answer.reply_to, answer.silent, question.silent) == (second, first, True, False)


async def test_a_reply_to_a_message_that_is_gone_is_sent_all_the_same(api: BotApi, wire: Wire) -> None:
    await wire.send(ME, "so", reply_to=999)
    assert api.sent[0].reply_to is None


async def test_an_edit_changes_text_and_buttons_and_may_come_twice(api: BotApi, wire: Wire) -> None:
    number = await wire.send(ME, "A or B?", [[Button("A", "a")]])
    for _ in range(2):
        await wire.edit(ME, number, "<i>A</i>")
    assert (api.sent[0].text, api.sent[0].buttons, api.sent[0].before) == ("A", [], ["A or B?"])


async def test_markup_that_telegram_cannot_parse_is_sent_as_its_words(api: BotApi, wire: Wire) -> None:
    number = await wire.send(ME, "<b>1 &lt; 2 <u>open")
    await wire.edit(ME, number, "<b>2 &gt; 1 <blink>now</blink>")
    await wire.document(ME, "a.txt", b"a", "<b>open")
    await wire.photo(ME, PICTURE, "<b>open")
    assert [sent.text for sent in api.sent] == ["2 > 1 now", "open", "open"]
    assert [call.status for call in api.calls] == [400, 200] * 4


@pytest.mark.parametrize(
    "html, words",
    [("a < b > c", "a < b > c"), ("<b>a</b>", "a"), ("&lt;b&gt;", "<b>"), ('<a href="x">y</a>', "y"), ("<b", "<b")],
)
def test_plain_takes_out_tags_alone(html: str, words: str) -> None:
    assert plain(html) == words


async def test_files_and_pictures_arrive_whole(api: BotApi, wire: Wire) -> None:
    await wire.document(ME, "day — report.md", b"# Day\n" * 10_000, "The <b>report</b>")
    await wire.photo(ME, PICTURE)
    document, photo = api.sent
    assert (document.file, document.text) == (("day — report.md", b"# Day\n" * 10_000), "The report")
    assert photo.file is not None and photo.file[1] == PICTURE


async def test_a_file_that_telegram_would_not_take_is_rejected_before_it_is_sent(api: BotApi, wire: Wire) -> None:
    with pytest.raises(Rejected, match="50,000,000 are taken"):
        await wire.document(ME, "a", bytes(50_000_001))
    assert api.calls == []


async def test_a_callback_is_acknowledged(api: BotApi, wire: Wire) -> None:
    number = await wire.send(ME, "A?", [[Button("A", "a")]])
    query = api.presses(ME, number, api.message(number).data("A"))["callback_query"]["id"]
    await wire.acknowledge(query, "heard")
    assert api.acknowledged == {query: "heard"}
    with pytest.raises(Rejected, match="Query is too old"):
        await wire.acknowledge("1")


async def test_what_people_send_is_downloaded_up_to_a_size(api: BotApi, wire: Wire) -> None:
    file = api.sends_document(ME, ME, "a.bin", b"0123456789")["message"]["document"]["file_id"]
    assert await wire.download(file, 10) == b"0123456789"
    with pytest.raises(Rejected, match="10 bytes; 9 are taken"):
        await wire.download(file, 9)
    with pytest.raises(Rejected, match="Wrong file_id"):
        await wire.download("unknown", 9)


async def test_a_file_that_telegram_no_longer_has_says_nothing_about_the_token(api: BotApi, wire: Wire) -> None:
    file = api.sends_document(ME, ME, "a.bin", b"0123456789")["message"]["document"]["file_id"]
    api.fails(Fault(404, "Not Found"), method="download")
    with pytest.raises(Rejected, match="not there any more"):
        await wire.download(file, 10)


async def test_the_commands_are_registered(api: BotApi, wire: Wire) -> None:
    await wire.register([("status", "what goes on"), ("help", "what can be said")])
    assert [each["command"] for each in api.commands] == ["status", "help"]


async def test_updates_come_as_telegram_tells_them_also_what_the_library_does_not_know(api: BotApi, wire: Wire) -> None:
    said = api.says(ME, ME, "/status now")
    said["message"]["from"] = {"id": ME, "new_in_2030": {"is": "unknown"}}
    assert await wire.updates(None, 1) == [said]


async def test_a_poll_waits_for_what_is_said_and_its_offset_confirms_what_came_before(api: BotApi, wire: Wire) -> None:
    waiting = asyncio.create_task(wire.updates(None, 20))
    await api.comes(lambda: api.called("getUpdates"))
    assert not waiting.done()
    first = api.says(ME, ME, "one")
    assert await asyncio.wait_for(waiting, 5) == [first]
    assert await wire.updates(None, 1) == [first]
    second = api.says(ME, ME, "two")
    assert await wire.updates(first["update_id"] + 1, 1) == [second]
    assert api.confirmed == [first]
    assert api.called("getUpdates")[0].parameters["allowed_updates"] == '["message", "callback_query"]'


async def test_a_poll_that_brings_nothing_ends_in_its_time(api: BotApi, wire: Wire) -> None:
    assert await wire.updates(None, 0) == []


async def test_a_hundred_come_at_once_at_most(api: BotApi, wire: Wire) -> None:
    for number in range(150):
        api.says(ME, ME, str(number))
    assert len(await wire.updates(None, 1)) == 100


# --- what goes wrong --------------------------------------------------------------------------------

FAULTS: list[tuple[Fault, type[Trouble]]] = [
    (CONFLICT, Contested),
    (flood(7), Flooded),
    (BAD_GATEWAY, Unreachable),
    (Fault(500, "Internal Server Error"), Unreachable),
    (Fault(403, "Forbidden: bot was blocked by the user"), Rejected),
    (Fault(401, "Unauthorized"), Unauthorised),
    (CUT_BEFORE, Unreachable),
    (CUT_WHILE, Unreachable),
    (CUT_AFTER, Unreachable),
]


@pytest.mark.parametrize("fault, trouble", FAULTS, ids=lambda each: str(getattr(each, "status", "")))
async def test_every_fault_is_a_trouble_of_its_kind_and_the_next_call_works(
    api: BotApi, wire: Wire, fault: Fault, trouble: type[Trouble]
) -> None:
    for call in (lambda: wire.send(ME, "words"), lambda: wire.updates(None, 0)):
        api.fails(fault)
        with pytest.raises(Trouble) as caught:
            await call()
        assert type(caught.value) is trouble
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert SECRET not in told and "<html>" not in told
        await call()


async def test_a_flood_says_how_long_it_lasts(api: BotApi, wire: Wire) -> None:
    api.fails(flood(7))
    with pytest.raises(Flooded) as caught:
        await wire.send(ME, "words")
    assert caught.value.seconds == 7


async def test_a_cut_after_the_request_was_obeyed_is_not_told_from_one_before(api: BotApi, wire: Wire) -> None:
    api.fails(CUT_AFTER)
    with pytest.raises(Unreachable):
        await wire.send(ME, "words")
    assert [sent.text for sent in api.sent] == ["words"]


@pytest.mark.parametrize(
    "chat, html, buttons, why",
    [
        (7, "words", (), "chat not found"),
        (ME, "x" * 4097, (), "message is too long"),
        (ME, "😀" * 2049, (), "message is too long"),
        (ME, " <b> </b> ", (), "message text is empty"),
        (ME, "words", [[Button("a", "x" * 65)]], "BUTTON_DATA_INVALID"),
    ],
)
async def test_what_can_never_be_sent_is_rejected(
    api: BotApi, wire: Wire, chat: int, html: str, buttons: list[list[Button]], why: str
) -> None:
    with pytest.raises(Rejected, match=f"(?i){why}"):
        await wire.send(chat, html, buttons)


async def test_length_counts_after_the_markup_is_read(api: BotApi, wire: Wire) -> None:
    await wire.send(ME, "<b>" + "&lt;" * 4096 + "</b>")
    assert len(api.sent[0].text) == 4096


@pytest.mark.parametrize("token", ["1:" + "x" * 35, "nonsense"])
async def test_a_wrong_token_is_unauthorised(api: BotApi, token: str) -> None:
    wire = Wire(token, api.url)
    await wire.open()
    with pytest.raises(Unauthorised) as caught:
        await wire.updates(None, 0)
    assert token not in str(caught.value)
    await wire.close()


async def test_nobody_at_the_address_is_unreachable(api: BotApi, wire: Wire) -> None:
    await api.stop()
    with pytest.raises(Unreachable):
        await wire.send(ME, "words")
    await api.start()
    await wire.send(ME, "words")


async def test_an_address_that_is_none_is_trouble_without_the_token() -> None:
    wire = Wire(TOKEN, "nonsense")
    await wire.open()
    with pytest.raises(Unreachable) as caught:
        await wire.send(ME, "words")
    assert SECRET not in str(caught.value)
    await wire.close()


async def test_the_token_is_in_no_log_line_and_no_repr(
    api: BotApi, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.says(ME, ME, "what only the person says")
    await wire.updates(None, 0)
    await wire.send(ME, "words")
    api.fails(BAD_GATEWAY)
    with pytest.raises(Unreachable):
        await wire.send(ME, "words")
    assert SECRET not in caplog.text + repr(wire) and "what only the person says" not in caplog.text


async def test_a_renewed_wire_goes_on_and_a_closed_one_says_so(api: BotApi, wire: Wire) -> None:
    await wire.send(ME, "before")
    await wire.renew()
    await wire.send(ME, "after")
    await wire.close()
    with pytest.raises(Unreachable, match="closed"):
        await wire.send(ME, "words")
    assert [sent.text for sent in api.sent] == ["before", "after"]


async def test_to_be_opened_and_closed_needs_no_network() -> None:
    wire = Wire(TOKEN, "http://127.0.0.1:9")
    await wire.open()
    await wire.close()


async def test_a_proxy_that_cannot_be_used_is_told_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://127.0.0.1:9")
    wire = Wire(TOKEN)
    await wire.open()
    with pytest.raises(Unreachable, match="proxy"):
        await wire.send(ME, "words")
    await wire.close()


# --- the server these tests stand on ----------------------------------------------------------------


@pytest.mark.parametrize(
    "html, why",
    [
        ("<p>a</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("é <b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("é <b>a</i>", 'Unmatched end tag at byte offset 7, expected "</b>", found "</i>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_markup_is_refused_in_telegrams_words(html: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        parsed(html)
    assert str(caught.value) == f"can't parse entities: {why}"


def test_markup_is_read_as_telegram_reads_it() -> None:
    html = (
        '<b>a</b> <pre><code class="language-py">1 &lt; 2</code></pre> <a href="https://x.y/?a=1&amp;b=2">c</a> &nbsp;'
    )
    assert parsed(f"<blockquote expandable>{html}&#128512;</blockquote>") == "a 1 < 2 c &nbsp;😀"
    assert units("a😀") == 3


def test_the_server_runs_beside_a_test_that_blocks_and_takes_every_kind_of_body() -> None:
    with BotApi().serving() as api:
        address = f"{api.url}/bot{TOKEN}"
        request = urllib.request.Request(f"{address}/sendMessage", json.dumps({"chat_id": 42, "text": "a"}).encode(),
                                         {"Content-Type": "application/json"})  # fmt: skip
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["result"]["text"] == "a"
        with urllib.request.urlopen(f"{address}/sendMessage?chat_id=42&text=b") as answer:
            assert json.load(answer)["ok"] is True
        held = threading.Thread(target=lambda: urllib.request.urlopen(f"{address}/getUpdates?timeout=20").close())
        held.start()
        api.waits(lambda: api.called("getUpdates"))
        api.says(ME, ME, "heard")
        held.join(5)
        assert not held.is_alive() and [sent.text for sent in api.sent] == ["a", "b"]
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(f"{address}/makeCoffee")
        caught.value.close()
