"""Answers as editors, scripts and accidents leave them: taken when whole; whatever else lies there is told once."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dayshift import files
from dayshift.conversation import Question
from dayshift.mailbox import inbox
from dayshift.mailbox.letterbox import OPEN_SECONDS
from dayshift.mailbox.unfinished import is_being_written, is_unfinished
from dayshift.mailbox.watch import watching
from tests.house import SECOND, question
from tests.test_desk import Office, waiting


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path / "home")
    office.desk.ask(question())
    office.said.clear()
    return office


ASKED: Question = question()


def words(office: Office) -> list[str]:
    return [each.answer.text for each in office.looks(waiting(ASKED))]


# --- still being written ------------------------------------------------------------------------------


def test_a_growing_answer_is_taken_when_whoever_writes_it_closes_it_and_whole(office: Office) -> None:
    with office.file("a-answer.md").open("w") as file:
        for line in ("", "first line\n", "and ", "more\n"):
            file.write(line)
            file.flush()
            assert words(office) == []
    assert words(office) == ["first line\nand more"]
    assert office.said == []


def test_half_a_character_of_a_growing_answer_is_not_complained_of(office: Office) -> None:
    with office.file("a-answer.md").open("wb", buffering=0) as file:
        file.write(b"gr" + "ü".encode()[:1])
        assert words(office) == []
        file.write("ü".encode()[1:] + b"n\n")
    assert (words(office), office.said) == (["grün"], [])


def test_a_file_that_is_never_closed_is_told_of_once_and_taken_when_it_is(office: Office) -> None:
    with office.file("a-answer.md").open("w") as file:
        file.write("50\n")
        file.flush()
        for _ in range(5):
            assert words(office) == []
            office.clock.time += SECOND * int(OPEN_SECONDS)
    assert office.said == ["agent_questions/a-answer.md is still being written; "
                           "it is taken when whoever has it open closes it"]  # fmt: skip
    assert words(office) == ["50"]


def test_an_answer_that_is_cut_and_written_again_is_taken_with_the_new_words(office: Office) -> None:
    path = office.file("a-answer.md")
    with path.open("w") as file:
        file.write("old words\n")
        file.flush()
        file.seek(0)
        file.truncate()
        file.flush()
        assert words(office) == []
        file.write("new words\n")
    assert words(office) == ["new words"]


@pytest.mark.parametrize("ahead", [-3600, 3600, 10**9])
def test_a_date_of_another_clock_keeps_no_answer_waiting(office: Office, ahead: int) -> None:
    path = office.file("a-answer.md")
    path.write_text("use 50")  # no last newline
    os.utime(path, (0, time.time() + ahead))
    assert words(office) == ["use 50"]


def test_who_reads_it_or_read_it_does_not_keep_it_waiting(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("50\n")
    with path.open(), path.open():
        assert is_being_written(path) is False
        assert not is_unfinished(path, "50\n")


def test_another_process_that_writes_is_seen_and_never_harmed_nor_held_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    script = "import sys\nfor n in range(300):\n  with open(sys.argv[1], 'a') as f: f.write('x\\n')\nsys.stdin.read()"
    writer = subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE)
    looks = 0
    while not path.exists() or path.stat().st_size < 600:
        is_being_written(path)
        looks += 1
        assert writer.poll() is None
    writer.communicate(b"")
    assert writer.returncode == 0 and looks > 0 and path.read_text() == "x\n" * 300


# --- how editors save ---------------------------------------------------------------------------------


def test_a_save_by_rename_is_taken_and_what_editors_leave_beside_it_is_not(office: Office) -> None:
    for name in ("a-answer.md~", ".a-answer.md.swp", "4913", "#a-answer.md#", "a-answer.md.tmp.123", ".#a-answer.md"):
        office.file(name).write_text("half an ans")
    assert words(office) == []
    office.file("new").write_text("50\n")
    office.file("new").rename(office.file("a-answer.md"))
    assert words(office) == ["50"]
    assert office.said == []


def test_a_hard_link_is_a_file_like_any_other(office: Office, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("50\n")
    os.link(tmp_path / "notes", office.file("a-answer.md"))
    assert words(office) == ["50"]


# --- what is no answer --------------------------------------------------------------------------------


def _socket(path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(path.parent)  # names of sockets are short
    listener.bind(path.name)
    listener.close()


def _sparse(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


ODD: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo, "a socket": _socket, "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"), "a link to nothing": lambda path: path.symlink_to("no"),
    "a link to itself": lambda path: path.symlink_to(path.name), "100 MB": _sparse(100 << 20),
    "10 GB": _sparse(10 << 30), "noughts": _sparse(10), "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe\n"),
}  # fmt: skip


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_whatever_lies_in_an_answers_place_is_told_once_stays_and_can_be_replaced(
    office: Office, make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(office.home.root)
    path = office.file("a-answer.md")
    make(path)
    began = time.monotonic()
    for _ in range(3):
        assert words(office) == []
    assert time.monotonic() - began < 1
    assert len(office.said) == 1 and office.said[0].startswith("not accepted: ")
    assert office.said[0].endswith("write plain text into agent_questions/a-answer.md")
    assert os.path.lexists(path)
    office.file("new").write_text("50\n")
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    office.file("new").rename(path)
    assert words(office) == ["50"]


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_whatever_lies_among_the_requests_is_set_aside_and_holds_up_nobody(
    office: Office, make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(office.home.root)
    make(office.home.inbox / "1.json")
    good = inbox.submit(office.home, {"kind": "stop"})
    with pytest.raises(inbox.Broken, match="give the command again"):
        inbox.taken(office.home, "1")
    assert inbox.waiting(office.home) == [good]
    assert os.path.lexists(office.home.inbox / "1.json.broken")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_neither_an_answer_nor_a_request(office: Office) -> None:
    office.file("a-answer.md").write_text("50\n")
    (office.home.inbox / "1.json").write_text('{"kind": "stop"}')
    for path in (office.file("a-answer.md"), office.home.inbox / "1.json"):
        os.chown(path, 12345, 12345)
    assert words(office) + words(office) == []
    assert office.said == ["not accepted: a-answer.md belongs to another user; "
                           "write plain text into agent_questions/a-answer.md"]  # fmt: skip
    with pytest.raises(inbox.Broken, match="belongs to another user"):
        inbox.taken(office.home, "1")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_whoever_owns_the_folder_may_leave_answers_in_it(office: Office) -> None:
    office.file("a-answer.md").write_text("50\n")
    for path in (office.home.questions, office.file("a-answer.md")):
        os.chown(path, 12345, 12345)
    assert words(office) == ["50"]


# --- what wakes the daemon ----------------------------------------------------------------------------


async def test_what_a_person_leaves_wakes_the_daemon_and_what_it_writes_itself_does_not(tmp_path: Path) -> None:
    changed = asyncio.Event()

    async def wakes(step: Callable[[], object]) -> bool:
        changed.clear()
        step()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await changed.wait()
        return changed.is_set()

    with watching([tmp_path], changed):
        await asyncio.sleep(0.1)
        assert await wakes(lambda: (tmp_path / "a-answer.md").write_text("50\n"))
        assert await wakes(lambda: files.write_json(tmp_path / "1.json", {}))
        await asyncio.sleep(0.1)
        assert not await wakes(lambda: files.write_json(tmp_path / "1.reply", {}))
        assert not await wakes((tmp_path / "1.json").read_text)
