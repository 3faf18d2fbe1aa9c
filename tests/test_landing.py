"""An acceptance that is cut short, repeated, or given twice at once has its effect once."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dayshift.reviewing import landing
from dayshift.reviewing.landing import Change, Disturbed
from dayshift.reviewing.passage import Refused
from tests.shop import LINES, Edit, Shop, line, shell, write


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


# --- cut short, twice, at once -----------------------------------------------------------------------

MANY: list[Edit] = [shell("mv src/old.py src/new.py"), line(3, "theirs"), write("z/new", "x\n"), shell("rm lib/a.py")]


class Killed(BaseException):
    """As if by kill -9: nothing is tidied up."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> Iterator[None]:
    """The process goes at its so-manieth rename or removal in the tree; a later stage is not tidied up either."""
    count = 0

    def deadly(real: Callable[..., None]) -> Callable[..., None]:
        def step(*given: Any, **more: Any) -> None:
            nonlocal count
            if more:  # with a folder's descriptor: a landing
                count += 1
                if count > moment:
                    raise Killed
            real(*given, **more)

        return step

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "rename", deadly(os.rename))
        patch.setattr(os, "unlink", deadly(os.unlink))
        yield


@pytest.mark.parametrize("moment", range(5))
def test_what_was_cut_short_between_two_files_is_finished_by_the_next_call(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    worked = shop.works(*MANY)
    line(18, "mine")(shop.tree)
    line(9, "mine", "src/old.py")(shop.tree)
    with killed_at(monkeypatch, moment):
        shop.accept(worked)
    assert not any(path.startswith("?? .dayshift") for path in shop.status())
    shop.accept(worked)
    expected = [" D lib/a.py", " D src/old.py", " M src/orders.py", "?? src/new.py", "?? z/new"]
    assert shop.status() == expected
    assert not list(shop.tree.glob(".dayshift*"))
    assert "theirs\n" in shop.text("src/orders.py") and "mine\n" in shop.text("src/orders.py")
    assert ("mine\n" in shop.text("src/new.py"), shop.text("z/new")) == (True, "x\n")


def test_what_was_edited_after_the_cut_is_merged_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = shop.works(line(3, "theirs"), line(1, "also", "README.md"))
    with killed_at(monkeypatch, 1):
        shop.accept(worked)
    line(18, "mine")(shop.tree)
    shop.accept(worked)
    assert "theirs\n" in shop.text("src/orders.py") and "mine\n" in shop.text("src/orders.py")
    assert shop.text("README.md") == "also\n"


def test_what_a_call_left_that_was_killed_before_it_began_is_taken_away(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"))
    for name in ("a-abcd_123", "b-abcd_123", "a-mine"):
        write(f".dayshift-accept-{name}/x", "x")(shop.tree)
    shop.accept(worked)
    assert sorted(path.name for path in shop.tree.glob(".dayshift-*")) == [
        ".dayshift-accept-a-mine", ".dayshift-accept-b-abcd_123",
    ]  # fmt: skip


def test_what_fails_by_half_says_so_and_goes_on_when_repeated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = shop.works(line(3, "theirs"), line(1, "also", "README.md"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", full_at_the_second())
        with pytest.raises(Refused, match=r"by half: \[Errno 28\].*repeat the command"):
            shop.accept(worked)
    assert (shop.text("README.md"), shop.text("src/orders.py")) == ("also\n", LINES)
    shop.accept(worked)
    assert "theirs\n" in shop.text("src/orders.py")


def full_at_the_second() -> Callable[..., None]:
    real, calls = os.fchmod, iter((False, True))

    def fchmod(descriptor: int, mode: int) -> None:
        if next(calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor, mode)

    return fchmod


def test_once_landed_a_repetition_leaves_alone_what_the_person_made_of_it(shop: Shop) -> None:
    """As after a crash between the tree and the record."""
    worked = shop.works(line(3, "theirs"))
    shop.accept(worked)
    shell("git checkout -q .")(shop.tree)
    assert shop.accept(worked)[0].startswith("a: accepted")
    assert shop.status() == [""]


def test_two_at_once_have_one_effect(shop: Shop) -> None:
    worked = shop.works(*MANY)
    told: list[list[str]] = []
    both = [threading.Thread(target=lambda: told.append(shop.accept(worked))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(told) == 2 and told[0] == told[1]
    assert len(shop.status()) == 5


def test_a_landing_that_finds_another_file_than_expected_touches_nothing(tmp_path: Path) -> None:
    tree, stage = tmp_path / "tree", tmp_path / "stage"
    for path in ("tree/a", "tree/b", "stage/a", "stage/b"):
        write(path, path)(tmp_path)
    changes = [Change(name, landing.seen(tree, name), landing.seen(stage, name)) for name in "ab"]
    (tree / "b").write_text("edited meanwhile")
    with pytest.raises(Disturbed, match=r"^b$"):
        landing.land(tree, stage, changes)
    assert (tree / "a").read_text() == "tree/a"


def test_a_landing_enters_no_folder_through_a_link(tmp_path: Path) -> None:
    for path in ("stage/lib/a", "outside/keep"):
        write(path, "x")(tmp_path)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "lib").symlink_to(tmp_path / "outside")
    change = Change("lib/a", None, landing.seen(tmp_path / "stage", "lib/a"))
    with pytest.raises(NotADirectoryError):
        landing.land(tmp_path / "tree", tmp_path / "stage", [change])
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["keep"]


def test_what_could_not_be_renamed_into_its_place_is_known_beforehand(tmp_path: Path) -> None:
    assert landing.unwritable(tmp_path, "not/there/yet") is None
    assert landing.unwritable(Path("/"), "proc/x/y") == "/proc is another file system"


@pytest.mark.parametrize("edit", [line(3, "theirs"), shell("rm src/orders.py")], ids=["changed", "removed"])
def test_what_is_saved_while_the_file_is_looked_at_for_the_last_time_is_not_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, edit: Edit
) -> None:
    """A large file is read for a while, and an editor may save into what was read already."""
    worked = shop.works(edit)
    count, digest = 0, hashlib.file_digest

    def while_it_is_read(file: Any, kind: Any) -> Any:
        nonlocal count
        found = digest(file, kind)
        count += os.path.samestat(os.fstat(file.fileno()), (shop.tree / "src/orders.py").stat())
        if count == 5:
            line(18, "mine")(shop.tree)
        return found

    with monkeypatch.context() as patch, pytest.raises(Refused, match="changed at that moment"):
        patch.setattr(hashlib, "file_digest", while_it_is_read)
        shop.accept(worked)
    assert count == 5 and "mine\n" in shop.text("src/orders.py")
