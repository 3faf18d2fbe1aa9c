"""The dialogue over a real Bot API server: answers by every door, commands, files, outages, deaths."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dayshift.alerts import which
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.repository.commits import head
from dayshift.repository.git import Repository
from dayshift.repository.workspace import Workspace
from dayshift.states import Cancelled, Done
from tests.bot_api import BAD_GATEWAY, BotApi, flood
from tests.correspondence import BEGAN, ME, Correspondence, home
from tests.house import record

STRANGER = 666
OPTIONS = ("10 per page", "50 per page", "100 per page")


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi([ME]).running() as api:
        yield api


@pytest.fixture
async def chat(api: BotApi, tmp_path: Path) -> AsyncIterator[Correspondence]:
    async with Correspondence(home(tmp_path), api).living() as chat:
        yield chat


async def quiet(api: BotApi) -> None:
    """Every update is fetched and done."""
    await api.comes(lambda: not api.waiting)


# --- answers ----------------------------------------------------------------------------------------


async def test_a_question_is_answered_by_a_reply_and_shows_the_answer_and_its_door(chat: Correspondence) -> None:
    asks = await chat.ask(options=OPTIONS)
    assert "task-001 (Paginate) asks, question 1" in asks.text and "Which page size?" in asks.text
    assert "2. 50 per page" in asks.text and "It was at: pytest -q" in asks.text
    chat.api.says(ME, ME, "25, and make it a setting", reply_to=asks.id)
    await chat.hears("task-001 has its answer: 25, and make it a setting")
    assert chat.answers() == [("25, and make it a setting", "telegram")]
    await chat.api.comes(lambda: asks.before)
    assert "Which page size?" in asks.text and asks.buttons == []
    assert asks.text.endswith("Answered by telegram:\n25, and make it a setting")


async def test_a_button_answers_with_its_option(chat: Correspondence) -> None:
    asks = await chat.ask(options=OPTIONS)
    press = chat.api.presses(ME, asks.id, asks.data("2. 50 per page"))
    await chat.api.comes(lambda: asks.before)
    assert chat.answers() == [("50 per page", "telegram")]
    assert chat.api.acknowledged[press["callback_query"]["id"]] == "task-001 has its answer: 50 per page"


async def test_options_that_are_numbers_are_not_taken_for_each_other(chat: Correspondence) -> None:
    asks = await chat.ask(options=("3", "2", "1"))
    chat.api.presses(ME, asks.id, asks.data("1. 3"))
    await chat.api.comes(lambda: chat.answers())
    assert chat.answers() == [("3", "telegram")]


async def test_a_number_stands_for_its_option_and_a_wrong_one_is_refused_in_the_mailboxs_words(
    chat: Correspondence,
) -> None:
    asks = await chat.ask(options=OPTIONS)
    chat.api.says(ME, ME, "7", reply_to=asks.id)
    await chat.hears("the answer to task-001 is 7, but the options go from 1 to 3")
    assert chat.answers() == []
    chat.api.says(ME, ME, "3", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    assert chat.answers() == [("100 per page", "telegram")]


async def test_the_command_answers_the_task_it_names(chat: Correspondence) -> None:
    await chat.ask()
    chat.api.says(ME, ME, "/answer task-001 first line\n\nthird line")
    await chat.hears("task-001 has its answer")
    assert chat.answers() == [("first line\n\nthird line", "telegram")]


@pytest.mark.parametrize("door", ["file", "command"])
async def test_a_late_answer_hears_which_one_counts_and_the_message_shows_it(chat: Correspondence, door: str) -> None:
    asks = await chat.ask(options=OPTIONS)
    if door == "file":
        Mailbox(chat.home).answer_file("task-001").write_text("50 per page\n")
    else:
        Mailbox(chat.home).submit("task-001", "50 per page", by="command")
    chat.look()
    await chat.api.comes(lambda: asks.before)
    assert asks.text.endswith(f"Answered by {door}:\n50 per page")
    chat.api.says(ME, ME, "10", reply_to=asks.id)
    purpose = {"kind": "answer", "which": which(chat.records["task-001"]), "question": 1, "option": 0}
    press = chat.api.presses(ME, asks.id, chat.store.issue(purpose))  # it was pressed before the edit arrived
    chat.api.says(ME, ME, "/answer task-001 100 per page")
    already = f"already answered: 50 per page (by {door})"
    await chat.api.comes(lambda: sum(sent.text == already for sent in chat.api.sent) == 3)
    assert chat.api.acknowledged[press["callback_query"]["id"]] == already
    assert chat.answers() == [("50 per page", door)]


async def test_of_two_answers_in_one_batch_the_first_counts(chat: Correspondence) -> None:
    asks = await chat.ask()
    chat.api.fails(BAD_GATEWAY, method="getUpdates")
    chat.api.says(ME, ME, "first", reply_to=asks.id)
    chat.api.says(ME, ME, "second", reply_to=asks.id)
    await chat.hears("already answered: first (by telegram)")
    assert chat.answers() == [("first", "telegram")]


async def test_a_file_that_is_no_answer_is_named_when_a_better_one_comes(chat: Correspondence) -> None:
    asks = await chat.ask(options=OPTIONS)
    Mailbox(chat.home).answer_file("task-001").write_text("9\n")
    chat.api.says(ME, ME, "2", reply_to=asks.id)
    await chat.hears("agent_questions/task-001-answer.md is there already, but the answer to task-001 is 9")
    assert chat.answers() == []


async def test_an_answer_goes_to_the_question_it_was_written_to(chat: Correspondence) -> None:
    first = await chat.ask("First?")
    chat.api.says(ME, ME, "one", reply_to=first.id)
    await chat.api.comes(lambda: chat.answers())
    second = await chat.ask("Second?")
    chat.api.says(ME, ME, "late", reply_to=first.id)
    await chat.hears("already answered: one (by telegram)")
    chat.api.says(ME, ME, "two", reply_to=second.id)
    await chat.api.comes(lambda: len(chat.answers()) == 2)
    assert [text for text, _ in chat.answers()] == ["one", "two"]


async def test_a_command_that_was_written_to_the_question_before_does_not_answer_this_one(
    chat: Correspondence,
) -> None:
    asked = chat.clock.now() - timedelta(minutes=10)
    await chat.ask("Delete the old table?", asked_at=asked)
    Mailbox(chat.home).submit("task-001", "no", by="command")
    chat.look()
    await chat.ask("Delete the new table?", asked_at=chat.clock.now() + timedelta(minutes=1))
    chat.api.says(ME, ME, "/answer task-001 yes")
    await chat.hears("task-001 asks something else since you wrote this")
    assert chat.answers() == [("no", "command")]


async def test_a_reply_that_begins_with_a_slash_is_an_answer_unless_it_is_a_command(chat: Correspondence) -> None:
    asks = await chat.ask("Which interpreter?")
    chat.api.says(ME, ME, "/python3", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    assert chat.answers() == [("/python3", "telegram")]


async def test_plain_words_answer_nothing_and_hear_how_to_answer(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "hello")
    await chat.hears("No agent asks anything now; /help tells what can be said here.")
    await chat.ask("Which page size?")
    chat.api.says(ME, ME, "50")
    hint = await chat.hears("reply to the question's message, or send /answer TASK TEXT. Open:")
    assert "task-001, question 1: Which page size?" in hint.text
    assert chat.answers() == []


async def test_a_question_that_nobody_needs_any_more_says_so(chat: Correspondence) -> None:
    asks = await chat.ask()
    before = chat.records["task-001"]
    chat.records["task-001"] = replace(before, state=Cancelled(BEGAN))
    chat.dialogue.closed(chat.records["task-001"], 1)
    await chat.api.comes(lambda: asks.before)
    assert asks.text.endswith("No answer is needed any more: the task is cancelled")
    chat.api.says(ME, ME, "50", reply_to=asks.id)
    await chat.hears("task-001 is cancelled and waits for no answer.")


async def test_a_question_of_another_day_is_left_alone(chat: Correspondence) -> None:
    asks = await chat.ask()
    chat.records["task-001"] = replace(chat.records["task-001"], created_at=BEGAN + timedelta(days=1))
    chat.api.says(ME, ME, "50", reply_to=asks.id)
    await chat.hears("task-001 is not at hand now; nothing was changed.")
    assert not Mailbox(chat.home).answer_file("task-001").exists()


async def test_every_part_of_a_long_question_can_be_replied_to(chat: Correspondence) -> None:
    await chat.ask("why\n" * 1500, options=OPTIONS)
    *parts, last = chat.api.sent
    assert len(parts) == 2 and last.buttons and not any(part.buttons for part in parts)
    chat.api.says(ME, ME, "because", reply_to=parts[0].id)
    await chat.api.comes(lambda: last.before)
    assert chat.answers() == [("because", "telegram")]
    assert not any(part.before for part in parts)


async def test_a_question_that_no_messages_hold_is_a_document(chat: Correspondence) -> None:
    await chat.ask("why\n" * 10_000)
    document, last = chat.api.sent
    assert document.file is not None and document.file[0] == "task-001-question-1.txt"
    assert document.file[1].count(b"why") == 10_000
    chat.api.says(ME, ME, "because", reply_to=document.id)
    await chat.api.comes(lambda: last.before)
    assert chat.answers() == [("because", "telegram")]


# --- strangers and what is no answer ----------------------------------------------------------------


async def test_strangers_are_not_heard_and_not_answered(chat: Correspondence) -> None:
    await chat.api.comes(lambda: chat.api.commands)
    asks = await chat.ask(options=OPTIONS)
    before = len(chat.api.calls)
    chat.api.says(STRANGER, ME, "x", reply_to=asks.id)
    chat.api.presses(STRANGER, asks.id, asks.data("1. 10 per page"))
    chat.api.says(STRANGER, STRANGER, "/stop")
    chat.api.forwards(STRANGER, ME, "/stop", origin=ME)
    chat.api.sends_photo(STRANGER, ME, b"x", reply_to=asks.id)
    await quiet(chat.api)
    await asyncio.sleep(0.1)
    assert {call.method for call in chat.api.calls[before:]} <= {"getUpdates"}
    assert chat.answers() == [] and not inbox.pending(chat.home) and not chat.store.unhandled()


async def test_voice_messages_stickers_and_forwards_are_politely_refused(chat: Correspondence) -> None:
    asks = await chat.ask()
    chat.api.sends_voice(ME, ME, b"hm", reply_to=asks.id)
    await chat.hears("A voice message cannot be taken as an answer; write it, or send a photo or a file.")
    chat.api.forwards(ME, ME, "/stop", origin=STRANGER)
    await chat.hears("What somebody else wrote cannot be taken")
    assert chat.answers() == [] and not inbox.pending(chat.home)


async def test_an_update_that_cannot_be_read_holds_up_no_other(chat: Correspondence) -> None:
    chat.store.take([{"update_id": 1, "message": {"text": "x"}}, {"update_id": 2, "callback_query": {"id": "1"}}], 2)
    chat.api.says(ME, ME, "/help")
    await chat.hears("/answer TASK TEXT: answer the question of a task")
    assert not chat.store.unhandled()


# --- photos and files -------------------------------------------------------------------------------


async def test_a_photo_is_put_into_the_agents_folder_and_named_in_the_answer(chat: Correspondence) -> None:
    asks = await chat.ask()
    io = chat.home.workspace("task-001") / "io"
    io.mkdir(parents=True)
    chat.api.sends_photo(ME, ME, b"\xff\xd8\xff picture", caption="like this", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    (kept,) = io.iterdir()
    assert kept.read_bytes() == b"\xff\xd8\xff picture"
    assert chat.answers() == [(f"like this\n\nAttached: {kept}", "telegram")]


async def test_a_file_answers_without_words_and_by_the_command_too(chat: Correspondence) -> None:
    asks = await chat.ask()
    io = chat.home.workspace("task-001") / "io"
    io.mkdir(parents=True)
    chat.api.sends_document(ME, ME, "../../notes.md", b"# notes", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    assert chat.answers() == [(f"Attached: {io / 'notes.md'}", "telegram")]
    await chat.ask("And now?")
    chat.api.sends_document(ME, ME, "notes.md", b"# more", caption="/answer task-001 see the file")
    await chat.api.comes(lambda: len(chat.answers()) == 2)
    assert chat.answers()[1][0] == f"see the file\n\nAttached: {io / 'notes-2.md'}"


async def test_an_album_is_one_answer(chat: Correspondence) -> None:
    asks = await chat.ask()
    (chat.home.workspace("task-001") / "io").mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        update = chat.api.sends_document(ME, ME, name, name.encode(), reply_to=asks.id)
        update["message"]["media_group_id"] = "77"
    await chat.api.comes(lambda: chat.answers())
    assert [line.rpartition("/")[2] for line in chat.answers()[0][0].splitlines()] == ["a.txt", "b.txt"]


async def test_a_file_waits_for_telegram_to_be_well_again(chat: Correspondence) -> None:
    asks = await chat.ask()
    (chat.home.workspace("task-001") / "io").mkdir(parents=True)
    chat.api.fails(BAD_GATEWAY, method="getFile")
    chat.api.sends_document(ME, ME, "a.txt", b"a", reply_to=asks.id)
    await chat.api.comes(lambda: chat.api.called("getFile"))
    assert len(chat.store.unhandled()) == 1 and chat.answers() == []
    await chat.api.comes(lambda: chat.answers())
    assert not chat.store.unhandled()


async def test_a_file_that_is_too_large_or_answers_nothing_is_not_fetched(chat: Correspondence) -> None:
    asks = await chat.ask()
    update = chat.api.sends_document(ME, ME, "big.iso", b"x", reply_to=asks.id)
    update["message"]["document"]["file_size"] = 20_000_001
    await chat.hears("big.⁠iso is larger than 20 MB")
    chat.api.sends_photo(ME, ME, b"x", caption="look")
    await chat.hears("To answer, reply to the question's message")
    chat.api.sends_photo(ME, ME, b"x", caption="/answer task-9 look")
    await chat.hears("There is no task task-9; known: task-001.")
    assert not chat.api.called("getFile") and chat.answers() == []


async def test_a_photo_that_comes_late_hears_which_answer_counts(chat: Correspondence) -> None:
    asks = await chat.ask()
    Mailbox(chat.home).submit("task-001", "no picture needed", by="command")
    chat.look()
    chat.api.sends_photo(ME, ME, b"x", reply_to=asks.id)
    await chat.hears("already answered: no picture needed (by command)")
    assert not (chat.home.workspace("task-001") / "io").exists()


# --- commands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "content"), [
    ("/pause", {"kind": "order", "order": "pause", "task": None}),
    ("/cancel task-001", {"kind": "order", "order": "cancel", "task": "task-001"}),
    ("/reject task-001 no tests", {"kind": "review", "task": "task-001", "verdict": "reject", "reason": "no tests"}),
])  # fmt: skip
async def test_a_writing_command_leaves_one_request_and_passes_on_the_daemons_answer(
    chat: Correspondence, text: str, content: dict[str, object]
) -> None:
    chat.asks()
    update = chat.api.says(ME, ME, text)
    await chat.api.comes(lambda: inbox.pending(chat.home))
    assert chat.serve(["task-001: done", "and so on"]) == [content]
    answer = await chat.hears("task-001: done\nand so on")
    assert answer.reply_to == update["message"]["message_id"]
    await chat.api.comes(lambda: not list(chat.home.inbox.iterdir()))


async def test_the_answer_to_a_request_of_an_earlier_daemon_is_passed_on(api: BotApi, tmp_path: Path) -> None:
    async with Correspondence(home(tmp_path), api).living() as first:
        api.says(ME, ME, "/resume")
        await api.comes(lambda: inbox.pending(first.home))
    (request,) = inbox.pending(first.home)
    inbox.done(first.home, request.name, ["no task to resume"], True)
    async with Correspondence(home(tmp_path), api).living() as second:
        await second.hears("no task to resume")


async def test_what_is_missing_is_told_with_the_known_tasks(chat: Correspondence) -> None:
    chat.asks()
    chat.api.says(ME, ME, "/cancel")
    await chat.hears("Which task: write /cancel TASK; known: task-001.")
    chat.api.says(ME, ME, "/dance")
    await chat.hears("There is no command /dance; /help lists them all.")
    assert not inbox.pending(chat.home)


async def test_the_daemon_is_stopped_only_by_the_button_and_only_once(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "/stop")
    asks = await chat.hears("Stop the daemon?")
    assert not inbox.pending(chat.home)
    token = asks.data("Stop the daemon")
    first, second = chat.api.presses(ME, asks.id, token), chat.api.presses(ME, asks.id, token)
    await chat.api.comes(lambda: len(chat.api.acknowledged) == 2)
    assert [request.content for request in inbox.pending(chat.home)] == [{"kind": "stop", "drain": False}]
    assert chat.api.acknowledged[first["callback_query"]["id"]] == "stopping"
    assert "works no more" in chat.api.acknowledged[second["callback_query"]["id"]]
    await chat.api.comes(lambda: asks.before and not asks.buttons)


async def test_the_button_of_an_earlier_daemon_stops_nothing(api: BotApi, tmp_path: Path) -> None:
    async with Correspondence(home(tmp_path), api).living() as first:
        api.says(ME, ME, "/stop")
        asks = await first.hears("Stop the daemon?")
    async with Correspondence(home(tmp_path), api).living() as second:
        api.presses(ME, asks.id, asks.data("Stop the daemon"))
        await api.comes(lambda: api.acknowledged)
        assert "send /stop again" in next(iter(api.acknowledged.values())) and not inbox.pending(second.home)


async def test_buttons_nobody_issued_do_nothing(chat: Correspondence) -> None:
    asks = await chat.ask(options=OPTIONS)
    chat.api.presses(ME, asks.id, "stop")
    await chat.api.comes(lambda: chat.api.acknowledged)
    assert list(chat.api.acknowledged.values()) == ["This button works no more."] and chat.answers() == []


async def test_the_commands_are_registered_at_the_start(chat: Correspondence) -> None:
    await chat.api.comes(lambda: chat.api.commands)
    assert {"status", "questions", "answer", "stop", "help"} <= {each["command"] for each in chat.api.commands}


async def test_open_questions_are_shown_again_and_can_be_answered_there(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "/questions")
    await chat.hears("No agent asks anything.")
    old = await chat.ask(options=OPTIONS)
    chat.api.says(ME, ME, "/questions")
    await chat.api.comes(lambda: "So far:" in chat.api.sent[-1].text)
    new = chat.api.sent[-1]
    assert new.id != old.id
    chat.api.presses(ME, new.id, new.data("3. 100 per page"))
    await chat.api.comes(lambda: old.before and new.before)
    assert old.text == new.text and chat.answers() == [("100 per page", "telegram")]


async def test_the_report_is_a_document(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "/report")
    await chat.api.comes(lambda: inbox.pending(chat.home))
    path = chat.home.results / "2026-11-20-report.md"
    path.write_text("# 2026-11-20\n")
    chat.serve([str(path)])
    await chat.api.comes(lambda: any(sent.file for sent in chat.api.sent))
    assert chat.api.sent[-1].file == (path.name, b"# 2026-11-20\n")


async def test_only_a_report_is_sent_as_one(chat: Correspondence, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    chat.api.says(ME, ME, "/report")
    await chat.api.comes(lambda: inbox.pending(chat.home))
    chat.serve([str(tmp_path / "secret")])
    await chat.hears(str(tmp_path / "secret"))
    assert not any(sent.file for sent in chat.api.sent)


async def test_logs_show_the_end_to_the_letter(chat: Correspondence) -> None:
    chat.asks()
    chat.api.says(ME, ME, "/logs task-001")
    await chat.hears("task-001 has no log yet.")
    lines = [f"09:00 step {number} <b>&lt; /stop</b>" for number in range(100_000)]
    (chat.home.logs / "task-001.log").write_text("\n".join(lines) + "\n")
    chat.api.says(ME, ME, "/logs task-001")
    log = await chat.hears("task-001: the end of its log")
    assert log.text.endswith("\n".join(lines[-40:])) and "<pre>" in log.html


async def test_a_short_diff_is_read_and_a_long_one_is_a_file_that_git_applies(
    chat: Correspondence, place: Workspace, project: Repository
) -> None:
    base = head(project)
    for number, text in enumerate(("ORDERS = ['<b>']\n", "ORDERS = []\n" * 2000)):
        (place.repo / "src" / "orders.py").write_text(text)
        known = replace(record(Done(BEGAN), "task-1", base=base), project=str(project.work_tree))
        chat.records["task-1"] = replace(known, commit=place.keep(base, "work"))
        chat.api.says(ME, ME, "/diff task-1")
        await chat.api.comes(lambda: len(chat.api.sent) > number)  # noqa: B023
    short, long = chat.api.sent
    assert short.text.startswith("task-1: what it changed") and short.text.endswith("+ORDERS = ['<b>']")
    assert long.file is not None and long.file[0] == "task-1.diff"
    subprocess.run(["git", "apply", "--check", "-"], input=long.file[1], cwd=project.work_tree, check=True)


async def test_status_tells_every_task(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "/status")
    await chat.hears("No task was handed in yet.")
    (chat.home.status / "task-001.json").write_text("{")
    chat.api.says(ME, ME, "/status")
    assert "agent_status/task-001" in (await chat.hears("task-001: unreadable")).text.replace("\u2060", "")


async def test_cost_is_told_without_a_ledger_too(chat: Correspondence) -> None:
    chat.api.says(ME, ME, "/cost")
    await chat.hears("Cost of 2026-11-20\nNothing was spent today.")


async def test_what_cannot_be_read_says_why(chat: Correspondence) -> None:
    chat.home.ledger(False).write_text("this is no ledger, but it is long enough to be taken for a file of its own")
    chat.api.says(ME, ME, "/cost")
    await chat.hears("/cost failed: ")


# --- floods, outages, deaths ------------------------------------------------------------------------


async def test_replies_wait_out_a_flood_limit_in_order(chat: Correspondence) -> None:
    await chat.api.comes(lambda: chat.api.commands)
    chat.api.fails(flood(1), method="sendMessage")
    chat.api.says(ME, ME, "/dance")
    chat.api.says(ME, ME, "/help")
    await chat.hears("what can be said here")
    first, second, third = chat.api.called("sendMessage")
    assert second.at - first.at >= 1 and third.at >= second.at
    assert "dance" in chat.api.sent[0].text and first.parameters["text"] == second.parameters["text"]


async def test_a_server_that_knows_neither_commands_nor_toasts_keeps_no_reply_from_the_person(
    api: BotApi, tmp_path: Path
) -> None:
    for method in ("setMyCommands", "answerCallbackQuery", "editMessageText"):
        api.fails(BAD_GATEWAY, None, method)
    async with Correspondence(home(tmp_path), api).living() as chat:
        asks = await chat.ask(options=OPTIONS)
        api.presses(ME, asks.id, asks.data("2. 50 per page"))
        api.says(ME, ME, "late", reply_to=asks.id)
        await chat.hears("already answered: 50 per page (by telegram)")


async def test_a_message_shows_its_answer_even_if_the_daemon_died_over_it(api: BotApi, tmp_path: Path) -> None:
    async with Correspondence(home(tmp_path), api, closes=False).living() as first:
        asks = await first.ask()
        Mailbox(first.home).submit("task-001", "50", by="command")
        first.look()
    assert not asks.before
    async with Correspondence(home(tmp_path), api, records=first.records).living():
        await api.comes(lambda: asks.before)
    assert asks.text.endswith("Answered by command:\n50")


@pytest.mark.parametrize("text", ["/answer task-001 yes", "/say task-001 mind the tests", "/pause task-001"])
async def test_what_was_kept_when_the_daemon_died_is_done_once_by_the_next(
    api: BotApi, tmp_path: Path, text: str
) -> None:
    first = Correspondence(home(tmp_path), api)
    first.asks()
    update = api.says(ME, ME, text)
    first.store.take([update], update["update_id"])
    done = first.store.handled
    first.store.handled = lambda *ignored: None  # type: ignore[method-assign]  # it dies between effect and mark
    first.dialogue.handle()
    first.store.handled = done  # type: ignore[method-assign]
    first.store.close()
    second = Correspondence(home(tmp_path), api, records=first.records)
    second.look()
    second.look()
    requests = [request.content for request in inbox.pending(second.home)]
    assert len(requests) + len(second.answers()) == 1 and not second.store.unhandled()
    second.store.close()


async def test_a_rehearsal_says_so_in_every_message(api: BotApi, tmp_path: Path) -> None:
    async with Correspondence(home(tmp_path), api, rehearsal=True).living() as chat:
        asks = await chat.ask("why\n" * 1500, options=OPTIONS)
        for text in ("/help", "/status", "/stop", "/questions", "hello", "/dance"):
            api.says(ME, ME, text)
        api.presses(ME, asks.id, asks.data("1. 10 per page"))
        await api.comes(lambda: asks.before)
        await chat.hears("Stop the daemon?")
        assert all(sent.text.startswith("[rehearsal] ") for sent in api.sent)


async def test_what_the_disk_refuses_is_done_when_it_takes_it_again(chat: Correspondence) -> None:
    asks = await chat.ask()
    inbox_folder, aside = chat.home.inbox, chat.home.own / "aside"
    inbox_folder.rename(aside)
    inbox_folder.touch()
    chat.api.says(ME, ME, "/pause task-001")
    chat.api.says(ME, ME, "yes", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    assert len(chat.store.unhandled()) == 1
    inbox_folder.unlink()
    aside.rename(inbox_folder)
    chat.look()
    chat.look()
    assert len(inbox.pending(chat.home)) == 1 and not chat.store.unhandled()


async def test_a_fault_over_one_update_holds_up_no_other(chat: Correspondence) -> None:
    asks = await chat.ask()
    broken = chat.store.issue({"kind": "answer", "which": which(chat.records["task-001"]), "question": 1})
    chat.api.presses(ME, asks.id, broken)
    chat.api.says(ME, ME, "yes", reply_to=asks.id)
    await chat.api.comes(lambda: chat.answers())
    assert not chat.store.unhandled()


async def test_an_outage_of_hours_keeps_no_answer_from_its_message(chat: Correspondence) -> None:
    asks = await chat.ask()
    chat.api.fails(BAD_GATEWAY, None)
    Mailbox(chat.home).submit("task-001", "by hand", by="command")
    chat.look()
    await chat.api.comes(lambda: chat.api.called("editMessageText"))
    assert chat.answers() == [("by hand", "command")] and not asks.before
    chat.api.heals()
    await chat.api.comes(lambda: asks.before)


async def test_a_command_for_another_bot_is_left_to_it(chat: Correspondence) -> None:
    await chat.api.comes(lambda: chat.api.commands)
    chat.api.says(ME, ME, "/pause@another_bot task-001")
    chat.api.says(ME, ME, "/help@Dayshift_Bot")
    await chat.hears("/status")
    assert inbox.pending(chat.home) == []
