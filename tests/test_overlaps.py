"""Tasks that worked side by side and changed the same lines are named, and no others."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayshift.day_facts import Overlap
from dayshift.model import Record
from dayshift.reviewing import overlaps
from tests.house import SECOND
from tests.shop import LINES, Edit, Shop, fingerprint, line, shell, write
from tests.test_branch import worked


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    write("other.txt", LINES)(shop.tree)
    shop.commits("another text")
    return shop


def lines(first: int, last: int, text: str, path: str = "src/orders.py") -> Edit:
    def edit(tree: Path) -> None:
        for number in range(first, last + 1):
            line(number, f"{text} {number}", path)(tree)

    return edit


def insert(after: int, text: str, path: str = "src/orders.py") -> Edit:
    return shell(f"sed -i '{after}a {text}' {path}")


ODD = 'grüße\n"x".py'
#: What one task did, what the other did, and what is said of it: the lines, and whether git cannot merge the two.
PAIRS: dict[str, tuple[Edit, Edit, tuple[str, bool] | None]] = {
    "the same lines": (lines(3, 9, "a"), lines(7, 12, "b"), ("7-9", True)),
    "one line": (line(3, "a"), line(3, "b"), ("3", True)),
    "the same change": (line(3, "a"), line(3, "a"), ("3", False)),
    "lines far apart": (line(3, "a"), line(15, "b"), None),
    "lines side by side": (line(3, "a"), line(4, "b"), ("3-4", True)),
    "a change and an insertion below it": (line(3, "a"), insert(3, "b"), ("3", True)),
    "two insertions at one place": (insert(3, "a"), insert(3, "b"), ("4", True)),
    "an insertion into changed lines": (lines(3, 9, "a"), insert(5, "b"), ("6", True)),
    "an insertion elsewhere": (lines(3, 6, "a"), insert(12, "b"), None),
    "a removed file": (shell("rm src/orders.py"), line(3, "b"), ("3", True)),
    "a moved file": (shell("mv src/old.py src/new.py"), line(3, "b", "src/old.py"), ("3", False)),
    "both removed it": (shell("rm lib/a.py"), shell("rm lib/a.py"), ("1", False)),
    "a new file of one name": (write("new.py", "a\n"), write("new.py", "b\n"), ("", True)),
    "a binary": (write("logo.bin", b"\0a"), write("logo.bin", b"\0b"), ("", True)),
    "two modes": (shell("chmod +x run.sh"), shell("chmod +x run.sh"), ("", False)),
    "a mode and a text": (shell("chmod +x run.sh"), line(1, "b", "run.sh"), None),
    "a link in the place of a file": (shell("rm run.sh; ln -s README.md run.sh"), line(1, "b", "run.sh"), ("", True)),
    "a file where the other has a folder": (write("docs", "a\n"), write("docs/page", "b\n"), ("", True)),
    "a folder in the place of a removed file": (
        shell("rm run.sh"), shell("rm run.sh; mkdir run.sh; echo x > run.sh/x"), ("1-2", False),
    ),
    "an odd name": (write(ODD, "a\n"), write(ODD, "b\n"), ("", True)),
    "nothing in common": (write("x", "a\n"), line(3, "b"), None),
    "one of them nothing": (shell("true"), line(3, "b"), None),
}  # fmt: skip


def test_two_tasks_overlap_where_they_changed_the_same_and_nothing_is_written(shop: Shop) -> None:
    pairs = {name: (worked(shop, "a", one), worked(shop, "b", other)) for name, (one, other, _) in PAIRS.items()}
    before = fingerprint(shop.tree)
    found = {name: overlaps.among(pair) for name, pair in pairs.items()}
    assert fingerprint(shop.tree) == before
    assert {name: [(each.lines, each.clash) for each in those] for name, those in found.items()} == {
        name: [said] if said else [] for name, (_, _, said) in PAIRS.items()
    }
    assert {(each.one, each.other) for those in found.values() for each in those} == {("a", "b")}


def test_everything_is_said_in_order_and_only_of_tasks_whose_work_is_wanted(shop: Shop) -> None:
    def made(task_id: str, *edits: Edit, **facts: Any) -> Record:
        return worked(shop, task_id, line(3, task_id), *edits, **facts)

    a, b, c = made("a"), made("b"), made("c", line(3, "c", "other.txt"))
    builds = made("d", base=str(a.commit), depends_on=("a",))
    further = worked(shop, "e", line(3, "e", "other.txt"), base=str(builds.commit), depends_on=("d",))
    rejected, later = made("f", review="rejected"), replace(made("g"), day=a.day + 86400 * SECOND)
    held = made("h", runs=1, quarantined=1)
    found = overlaps.among([further, builds, c, b, a, rejected, later, held])
    assert [(each.one, each.other, each.path) for each in found] == [
        ("a", "b", "src/orders.py"), ("a", "c", "src/orders.py"), ("b", "c", "src/orders.py"),
        ("b", "d", "src/orders.py"), ("c", "d", "src/orders.py"), ("c", "e", "other.txt"),
    ]  # fmt: skip
    assert found[0] == Overlap("a", "b", "src/orders.py", "3", True)
    assert {(each.one, each.other) for each in overlaps.among([a, b, c, further, builds], {"e"})} == {("c", "e")}


def test_what_one_began_from_another_file_is_decided_by_the_merge(shop: Shop) -> None:
    a = worked(shop, "a", line(3, "a"))
    b = worked(shop, "b", line(15, "b"), base=str(a.commit), depends_on=("a",))
    far, near = worked(shop, "c", line(8, "c")), worked(shop, "d", line(16, "d"))
    assert [(each.one, each.other) for each in overlaps.among([a, b, far, near])] == [("b", "d")]


def test_the_persons_settings_change_nothing(shop: Shop) -> None:
    pair = worked(shop, "a", line(3, "a"), line(9, "a")), worked(shop, "b", line(3, "b"), line(9, "b"))
    for each in ("diff.noprefix true", "diff.interHunkContext 20", "diff.context 9", "diff.submodule log",
                 "color.ui always", "diff.renames copies", "diff.mnemonicPrefix true"):  # fmt: skip
        shell(f"git config {each}")(shop.tree)
    assert [each.lines for each in overlaps.among(pair)] == ["3, 9"]


def test_what_git_cannot_read_is_left_out_and_the_rest_is_said(shop: Shop) -> None:
    a, b = worked(shop, "a", line(3, "a")), worked(shop, "b", line(3, "b"))
    gone = replace(worked(shop, "c", line(3, "c")), commit="0123456789" * 4)
    nowhere = [replace(each, project="/nowhere") for each in (a, b)]
    assert [(each.one, each.other) for each in overlaps.among([a, b, gone])] == [("a", "b")]
    assert overlaps.among(nowhere) == ()
    shell("git checkout -q --orphan apart; git commit -qm apart")(shop.tree)
    apart = worked(shop, "d", line(3, "d"))
    found = overlaps.among([a, b, apart])
    assert [(each.one, each.other, each.clash) for each in found] == [
        ("a", "b", True), ("a", "d", True), ("b", "d", True),
    ]  # fmt: skip


def test_of_very_many_overlaps_git_is_asked_of_some_and_nothing_is_claimed_of_the_rest(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlaps, "MOST_TRIED", 2)
    made = [worked(shop, name, line(3, name), line(9, name)) for name in "abcd"]
    beside = worked(shop, "e", insert(9, "e"))  # of which only a merge tells
    found = {(each.one, each.other): (each.lines, each.clash) for each in overlaps.among([*made, beside])}
    assert [found[pair] for pair in (("a", "b"), ("a", "c"))] == [("3, 9", True)] * 2
    assert [found[pair] for pair in (("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"))] == [("3, 9", None)] * 4
    assert [found[name, "e"] for name in "abcd"] == [("9", True)] * 4
    assert {each.clash for each in overlaps.among(made, {"a", "d"})} == {True}


def test_forty_tasks_on_one_file_are_looked_at_in_a_moment(shop: Shop) -> None:
    first = worked(shop, "a", line(3, "a"))
    second = worked(shop, "b", line(3, "b"))
    many = [replace(each, task=replace(each.task, id=f"t{number:02}"))
            for number, each in enumerate([first, second] * 20)]  # fmt: skip
    began = time.monotonic()
    assert len(overlaps.among(many)) == 40 * 39 // 2
    assert time.monotonic() - began < 20
