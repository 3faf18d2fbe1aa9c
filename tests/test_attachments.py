"""Attachments: a person's file gets into an agent's folder, whatever the agent laid in its way."""

import os
import stat
import threading
from pathlib import Path

import pytest

from dayshift.files import Refused
from dayshift.mailbox import attachments


@pytest.fixture
def io(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace" / "io"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("photo.jpg", "photo.jpg"),
        ("My plan (2).PDF", "My-plan-2.PDF"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("/", "file"),
        ("", "file"),
        ("..", "file"),
        ("...", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("--.-x.txt", "x.txt"),
        ("x.-", "x"),
        ("a\0b\n\x1b[31m.txt", "a-b-31m.txt"),
        ("Übersicht.pdf", "Ubersicht.pdf"),
        ("図面.png", "file.png"),
        ("a.図面", "a"),
        ("plan\u202etxt.exe", "plantxt.exe"),
        ("question.md", "sent-question.md"),
        ("Question.MD", "sent-Question.MD"),
        (".question.md", "sent-question.md"),
        ("CLAUDE.md", "sent-CLAUDE.md"),
        ("data.tar.gz", "data.tar.gz"),
        ("x" * 300 + ".tar.gz", "x" * 77 + ".gz"),
        ("x." + "y" * 300, "x." + "y" * 78),
        ("\ud800", "file"),
    ],
)
def test_a_name_is_made_plain_and_keeps_its_ending(given: str, name: str) -> None:
    assert attachments.safe(given) == name


def test_a_file_lies_there_whole_and_readable_to_all(io: Path) -> None:
    before = os.umask(0o077)
    try:
        assert attachments.keep(io, "photo.jpg", b"\0\xff") == "photo.jpg"
    finally:
        os.umask(before)
    facts = (io / "photo.jpg").lstat()
    assert ((io / "photo.jpg").read_bytes(), stat.S_IMODE(facts.st_mode)) == (b"\0\xff", 0o644)


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(io: Path) -> None:
    long = "x" * 80 + ".txt"
    names = [attachments.keep(io, "a.txt", content) for content in (b"1", b"2", b"3")]
    names += [attachments.keep(io, long, content) for content in (b"4", b"5")]
    assert names == ["a.txt", "a-2.txt", "a-3.txt", f"{'x' * 76}.txt", f"{'x' * 74}-2.txt"]
    assert [(io / name).read_bytes() for name in names] == [b"1", b"2", b"3", b"4", b"5"]


def test_a_name_that_is_taken_a_hundred_times_still_gets_one(io: Path) -> None:
    names = {attachments.keep(io, "a.txt", b"") for _ in range(attachments.NUMBERED + 2)}
    assert len(names) == attachments.NUMBERED + 2
    assert all(len(name) <= attachments.LONGEST for name in names)


def test_what_an_agent_laid_under_that_name_is_neither_followed_nor_waited_for(io: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the person's")
    (io / "a.txt").symlink_to(secret)
    (io / "a-2.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(io / "a-3.txt")
    (io / "a-4.txt").mkdir()
    (io / "a-5.txt").hardlink_to(secret)
    assert attachments.keep(io, "a.txt", b"new") == "a-6.txt"
    assert secret.read_text() == "the person's"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", ["a link to a folder", "a link to nothing", "a pipe", "a file", "nothing"])
def test_a_folder_is_made_where_something_else_lies(io: Path, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    io.rmdir()
    match kind:
        case "a link to a folder":
            io.symlink_to(other)
        case "a link to nothing":
            io.symlink_to(tmp_path / "nowhere")
        case "a pipe":
            os.mkfifo(io)
        case "a file":
            io.write_text("no folder")
    assert attachments.keep(io, "a.txt", b"new") == "a.txt"
    assert io.is_dir() and not io.is_symlink()
    assert (io / "a.txt").read_bytes() == b"new"
    assert list(other.iterdir()) == []


def test_a_workspace_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real" / "io").mkdir(parents=True)
    (tmp_path / "workspace").symlink_to(tmp_path / "real")
    with pytest.raises(OSError):
        attachments.keep(tmp_path / "workspace" / "io", "a.txt", b"new")
    assert list((tmp_path / "real" / "io").iterdir()) == []


def test_an_agent_that_swaps_the_folder_meanwhile_leads_no_file_elsewhere(io: Path, tmp_path: Path) -> None:
    other, over = tmp_path / "other", threading.Event()
    other.mkdir()
    aside = io.with_name("aside")

    def swap() -> None:
        while not over.is_set():
            io.rename(aside)
            io.symlink_to(other)
            if io.is_symlink():
                io.unlink()
            if not io.exists():
                aside.rename(io)

    def quietly() -> None:
        while not over.is_set():
            try:
                swap()
            except OSError:  # the supervisor was between
                continue

    agent = threading.Thread(target=quietly)
    agent.start()
    kept = 0
    try:
        for number in range(100):
            try:
                attachments.keep(io, f"{number}.txt", b"new")
                kept += 1
            except Refused:
                continue
    finally:
        over.set()
        agent.join()
    assert kept > 0
    assert list(other.iterdir()) == []


def test_two_at_once_never_share_a_name(io: Path) -> None:
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.extend(attachments.keep(io, "a.txt", b"") for _ in range(20)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 60


def test_a_file_that_cannot_be_filled_is_not_left_there(io: Path) -> None:
    with pytest.raises(TypeError):
        attachments.keep(io, "a.txt", "not bytes")  # type: ignore[arg-type]
    assert list(io.iterdir()) == []
