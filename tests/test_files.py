"""Files: replaced whole, published once, read without trusting who wrote them."""

import gc
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dayshift import files


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# --- writing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("content", ["", "words\n", "ümlaut ✓", b"\x00\xff"])
def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path, content: str | bytes, durable: bool) -> None:
    path = tmp_path / "status.json"
    path.write_text("what was there before, and longer")
    files.write_atomically(path, content, durable=durable)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path) == ["status.json"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path, whole = tmp_path / "status.json", {letter * 200_000 for letter in "ab"}
    files.write_atomically(path, "a" * 200_000, durable=False)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for text in whole:
                files.write_atomically(path, text, durable=False)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {path.read_text() for _ in range(300)}
    over.set()
    writer.join()
    assert seen <= whole


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "status.json"
    (folder / "kept").mkdir(parents=True)
    with pytest.raises(OSError):
        files.write_atomically(folder, "words")
    assert (names(tmp_path), names(folder)) == (["status.json"], ["kept"])


def test_half_a_character_does_not_keep_a_text_from_being_written(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"claim": "half \ud83d"})
    assert files.read_json(tmp_path / "a.json") == {"claim": "half ?"}


def test_a_file_has_the_mode_asked_for(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "secret", "words", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("untouched")
    (tmp_path / "status.json").symlink_to("elsewhere")
    files.write_atomically(tmp_path / "status.json", "words")
    assert (tmp_path / "elsewhere").read_text() == "untouched"
    assert not (tmp_path / "status.json").is_symlink()


def test_of_many_who_publish_one_is_first_and_its_words_stay(tmp_path: Path) -> None:
    path = tmp_path / "answer.md"
    with ThreadPoolExecutor(8) as crowd:
        firsts = list(crowd.map(lambda number: files.publish_once(path, f"{number}\n"), range(8)))
    assert firsts.count(True) == 1
    assert path.read_text() == f"{firsts.index(True)}\n"
    assert names(tmp_path) == ["answer.md"]


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_nothing_is_published_over_what_is_there(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "answer.md")
    assert files.publish_once(tmp_path / "answer.md", "words") is False
    assert names(tmp_path) == ["answer.md"]


def test_json_is_readable_and_in_the_order_given(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": "ü", "a": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": "ü",\n  "a": 1\n}\n'


@pytest.mark.parametrize("content", [None, b"", b'{"half": ', b"\xff\xfe"], ids=["absent", "empty", "torn", "binary"])
def test_json_that_is_none_reads_as_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    assert files.read_json(tmp_path / "a.json") is None


# --- reading what others write ----------------------------------------------------------------------


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    try:
        os.chdir(path.parent)  # the name of a socket may not be long
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 32)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


NASTY: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (lambda path: path.symlink_to("/etc/passwd"), "cannot be read as a plain file"),
    "dangling link": (lambda path: path.symlink_to("/nowhere"), "cannot be read as a plain file"),
    "link to itself": (lambda path: path.symlink_to(path.name), "cannot be read as a plain file"),
    "folder": (lambda path: path.mkdir(), "is not a regular file"),
    "pipe": (lambda path: os.mkfifo(path), "is not a regular file"),
    "socket": (unix_socket, "cannot be read as a plain file"),
    "too big": (lambda path: path.write_bytes(b"x" * (files.SIZE_LIMIT + 1)), "is larger than 256 KiB"),
    "huge": (huge, "is larger than 256 KiB"),
    "zero byte": (lambda path: path.write_bytes(b"yes\0"), "is binary"),
    "other encoding": (lambda path: path.write_bytes("größer".encode("latin-1")), "is not UTF-8 text (byte 2)"),
}


@pytest.mark.parametrize(("make", "why"), NASTY.values(), ids=NASTY)
def test_what_is_no_plain_text_file_is_refused_by_name(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    make(tmp_path / "answer.md")
    gc.collect()  # what an earlier test left open is not closed in between
    before = open_files()
    with pytest.raises(files.Refused, match=f"^answer.md {why.replace('(', '.').replace(')', '.')}"):
        files.read_untrusted(tmp_path / "answer.md")
    assert open_files() == before


def test_a_pipe_with_a_silent_writer_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "answer.md")
    writer = os.open(tmp_path / "answer.md", os.O_RDWR)
    try:
        with pytest.raises(files.Refused):
            files.read_untrusted(tmp_path / "answer.md")
    finally:
        os.close(writer)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answer.md").touch(mode=0)
    with pytest.raises(files.Refused, match="Permission denied"):
        files.read_untrusted(tmp_path / "answer.md")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"\xef\xbb\xbfwith a mark\r\n", "with a mark\r\n"),
        ("größer ✓".encode(), "größer ✓"),
        (b"x" * files.SIZE_LIMIT, "x" * files.SIZE_LIMIT),
    ],
    ids=["empty", "byte order mark", "UTF-8", "as big as may be"],
)
def test_plain_text_is_read(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "answer.md").write_bytes(content)
    assert files.read_untrusted(tmp_path / "answer.md") == text


def test_an_absent_file_is_told_from_a_refused_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_untrusted(tmp_path / "answer.md")


def test_a_tree_is_removed_without_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "link").symlink_to(tmp_path / "kept")
    files.remove_tree(tmp_path / "tree")
    assert (names(tmp_path), names(tmp_path / "kept")) == (["kept"], ["a"])
