"""The command `accept` with several tasks, as a branch, with a message, and taken back; and `diff` in a difftool."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from dayshift import records
from dayshift.model import Record
from dayshift.states import Done, Failed, State
from dayshift.tidying import disposal
from orchestrator import main
from tests.command_line import NOON, ROOT, add, daemon, environment
from tests.shop import Edit, Shop, fingerprint, line, shell, write
from tests.test_branch import asked as git_says
from tests.test_branch import worked
from tests.test_command_review import Ended, Office, Said


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def said(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Said:
    """A dayshift command in this process, as `main` runs it."""

    def said(*words: str) -> Ended:
        code = main(["--home", str(tmp_path / "home"), *words])
        return Ended(code, *(text.decode() for text in capfdbinary.readouterr()))

    return said


def ended(shop: Shop, task_id: str, *edits: Edit, on: Record | None = None, **facts: Any) -> Record:
    """A task of the home that ended after these edits, on disk as a daemon leaves it."""
    state: State = facts.pop("state", Done(NOON))
    made = worked(shop, task_id, *edits, base=str(on.commit) if on else "")
    depends_on = (on.id,) if on else ()
    return add(shop.home, task_id, state, project=str(shop.tree), base=made.base, commit=made.commit,
               depends_on=depends_on, **facts)  # fmt: skip


@pytest.fixture
def chain(shop: Shop) -> list[Record]:
    """Three tasks, each of which began with what the one before made, and one beside them."""
    a = ended(shop, "a", line(3, "a"))
    b = ended(shop, "b", line(4, "b"), on=a)
    c = ended(shop, "c", write("docs/c.md", "c\n"), on=b)
    return [a, b, c, ended(shop, "x", line(3, "x"))]


def reviews(shop: Shop) -> str:
    """`a accepted, b pending`."""
    known, _ = records.load_all(shop.home)
    return ", ".join(f"{each.id} {each.review}" for each in known.values())


def terminal(shop: Shop, *words: str, **more: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(
        sys.executable, [str(ROOT / "orchestrator.py"), "--home", str(shop.home.root), *words],
        env={**environment(shop.home), **more}, encoding="utf-8", timeout=30,
    )  # fmt: skip


def code(process: "pexpect.spawn[str]") -> int | None:
    process.expect(pexpect.EOF)
    process.close()
    return process.exitstatus


# --- several -----------------------------------------------------------------------------------------


def test_what_it_builds_on_comes_first_or_nothing_comes(shop: Shop, chain: list[Record], said: Said) -> None:
    refused = said("accept", "c")
    assert (refused.returncode, shop.status()) == (2, [""])
    assert refused.stderr == (
        "c builds on a (done, not reviewed), b (done, not reviewed): --with-dependencies accepts that first, "
        "--alone only what you named; nothing was accepted\n"
    )
    result = said("accept", "c", "--with-dependencies")
    assert [each.split(":")[0] for each in result.stdout.splitlines()] == ["a", "b", "c"]
    assert (result.returncode, reviews(shop)) == (0, "a accepted, b accepted, c accepted, x pending")
    assert shop.text("src/orders.py").splitlines()[2:4] == ["a", "b"]


def test_alone_only_what_was_named_is_accepted(shop: Shop, chain: list[Record], said: Said) -> None:
    assert said("accept", "c", "--alone").returncode == 0
    assert (reviews(shop), shop.status()) == ("a pending, b pending, c accepted, x pending", ["?? docs/c.md"])


def test_tasks_are_taken_in_the_order_in_which_they_build_on_each_other(
    shop: Shop, chain: list[Record], said: Said
) -> None:
    facts = json.loads(said("accept", "b", "a", "--json").stdout)
    assert (facts["task_id"], facts["tasks"], len(facts["said"])) == ("a", ["a", "b"], 2)


def test_what_goes_out_with_one_that_another_made_too_is_said(shop: Shop, said: Said) -> None:
    for each in ("a", "b"):
        ended(shop, each, write("new.txt", "the same\n"))
        assert said("accept", each).returncode == 0
    result = said("accept", "a", "--undo")
    assert result.stderr == "b stays accepted, and changed new.txt as a did: see that it is still there\n"
    assert said("accept", "b", "--undo").stderr == ""


def test_what_builds_on_it_is_offered_in_a_line_and_what_overlaps_is_said(
    shop: Shop, chain: list[Record], said: Said
) -> None:
    assert said("accept", "a").stderr.splitlines() == [
        "done, and built on a: b c; `dayshift accept b c`",
        "x, not reviewed yet, changed src/orders.py, line 3 as a did: git cannot merge the two",
    ]
    assert said("accept", "x").returncode == 2
    facts = said("accept", "b", "--with-dependents")
    assert (facts.returncode, facts.stderr.count("\n")) == (0, 1)
    assert reviews(shop) == "a accepted, b accepted, c accepted, x pending"


def test_at_a_terminal_it_is_asked_for(shop: Shop, chain: list[Record]) -> None:
    process = terminal(shop, "accept", "b")
    process.expect(r"b builds on a \(done, not reviewed\). Accept that first\? \[y/N\]")
    process.sendline("y")
    process.expect(r"c: done, and built on them. Accept too\? \[y/N\]")
    process.sendline("y")
    assert (code(process), reviews(shop)) == (0, "a accepted, b accepted, c accepted, x pending")


def test_where_one_does_not_fit_what_came_before_is_said(shop: Shop, chain: list[Record], said: Said) -> None:
    write("docs", "mine\n")(shop.tree)
    result = said("accept", "a", "b", "c")
    assert (result.returncode, result.stdout) == (2, "")
    assert [each[:13] for each in result.stderr.splitlines()][:3] == ["a: accepted; ", "b: accepted; ", "c was not acc"]
    assert reviews(shop) == "a accepted, b accepted, c pending, x pending"


def test_what_was_rejected_or_failed_is_not_taken_along(shop: Shop, said: Said) -> None:
    a = ended(shop, "a", line(3, "a"), review="rejected")
    ended(shop, "b", write("b", "x"), on=a)
    assert "you rejected a: accept that by name" in said("accept", "b", "--with-dependencies").stderr
    failed = ended(shop, "c", write("c", "x"), state=Failed(NOON, "red"))
    ended(shop, "d", write("d", "x"), on=failed)
    assert "c is failed (red), not done" in said("accept", "d", "--with-dependencies").stderr
    assert (reviews(shop), shop.status()) == ("a rejected, b pending, c pending, d pending", [""])


@pytest.mark.parametrize(
    "words", ["--alone --with-dependencies", "--branch x --commit-message-file f", "--json --commit-message-file -",
              "--undo --force", "--undo --branch x", "--branch="],
)  # fmt: skip
def test_what_does_not_go_together_is_said(shop: Shop, said: Said, words: str) -> None:
    result = said("accept", "a", *words.split())
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


# --- the message -------------------------------------------------------------------------------------


def test_the_message_is_there_for_git_commit(shop: Shop, chain: list[Record], said: Said, tmp_path: Path) -> None:
    place = tmp_path / "message"
    result = said("accept", "a", "b", "--commit-message-file", str(place))
    assert (result.returncode, place.read_text().splitlines()[0]) == (0, "Name of a and 1 more")
    shell(f"git commit -qa -F {place}")(shop.tree)
    assert git_says(shop, "log", "-1", "--format=%B") == place.read_text().strip()
    again = said("accept", "a", "b", "--commit-message-file", "-")  # it is written for what was accepted before, too
    assert (again.returncode, again.stdout) == (0, place.read_text())


def test_a_file_with_other_content_is_never_written_over(shop: Shop, chain: list[Record], said: Said) -> None:
    place = shop.home.root / "mine"
    place.write_text("mine")
    result = said("accept", "a", "--commit-message-file", str(place))
    assert (result.returncode, "with other content; move it away" in result.stderr) == (2, True)
    missing = said("accept", "a", "--commit-message-file", str(place.parent / "not/there"))
    assert (missing.returncode, "there is no folder" in missing.stderr) == (2, True)
    assert (place.read_text(), shop.status(), reviews(shop)[:9]) == ("mine", [""], "a pending")
    printed = said("accept", "a", "--commit-message-file", "-")
    assert printed.stdout.startswith("Name of a\n\nwords\n\nTask: a of") and "a: accepted" in printed.stderr


# --- a branch ----------------------------------------------------------------------------------------


def test_a_branch_is_made_and_taken_away_with_all_its_tasks(shop: Shop, chain: list[Record], said: Said) -> None:
    result = said("accept", "b", "--with-dependencies", "--branch", "paging")
    assert (result.returncode, shop.status()) == (0, [""])
    assert git_says(shop, "log", "--format=%s", "main..paging").splitlines() == ["Name of b", "Name of a"]
    assert result.stderr.splitlines()[0] == (
        "done, and built on a b: c; to have it on paging, --undo that and repeat with --with-dependents"
    )
    known, _ = records.load_all(shop.home)
    assert [(known[each].review, known[each].branch) for each in "abc"] == [
        ("accepted", "paging"), ("accepted", "paging"), ("pending", ""),
    ]  # fmt: skip
    assert "as branch paging; `dayshift accept a --undo`" in said("accept", "a").stderr
    assert "branch paging holds a too: `dayshift accept a b --undo`" in said("accept", "b", "--undo").stderr
    assert said("accept", "a", "--undo", "--with-dependents").returncode == 0
    assert (reviews(shop), git_says(shop, "branch", "--list", "paging")) == (
        "a pending, b pending, c pending, x pending",
        "",
    )
    assert records.load_all(shop.home)[0]["a"].branch == ""


def test_through_the_daemon_a_branch_is_one_request_and_every_task_is_marked(shop: Shop, chain: list[Record]) -> None:
    async def story() -> Office:
        office = Office(shop, chain[0])
        office.house.orchestrator.restore({each.id: each for each in chain}, {})
        await office.asks("accept", "1", task="a", tasks=["a", "b"], branch="paging")
        await office.replies()
        await office.asks("undo", "2", task="b", tasks=["a"], of="accepted")
        await office.asks("undo", "3", task="a", tasks=["a", "b"], of="accepted")
        await office.asks("undo", "4", task="c", of="accepted")
        await office.asks("accept", "5", task="a")
        await office.asks("undo", "6", task="a", of="rejected")
        await office.asks("undo", "7", task="a", of="accepted")
        await office.replies(9)  # of a request that is about two tasks, two
        await office.handover.close()
        office.run.cancel()
        return office

    office = asyncio.run(story())
    replies = [(lines, ok) for request, lines, ok in office.desk.replies if request]
    (made, _), (few, _), (gone, _), (never, _), (accepted, _), (wrong, _), (back, _) = replies
    assert made[0].endswith("on branch paging") and "holds b too" in few[0] and "is taken away" in gone[0]
    assert "c was not reviewed" in never[0] and accepted[0].startswith("a: accepted")
    assert "a was accepted, not rejected: `dayshift accept a --undo`" in wrong[0] and "no longer accepted" in back[0]
    assert [ok for _, ok in replies] == [True, False, True, False, True, False, True]
    assert [(each.id, each.review, each.branch) for each in office.desk.saved if each.id in "ab"][:2] == [
        ("a", "accepted", "paging"), ("b", "accepted", "paging"),
    ]  # fmt: skip
    assert (office.house["a"].review, office.house["a"].reviewed_at, office.house["b"].branch) == ("pending", None, "")


# --- taken back --------------------------------------------------------------------------------------


def test_an_acceptance_is_taken_back_with_what_rests_on_it(shop: Shop, chain: list[Record], said: Said) -> None:
    before = fingerprint(shop.tree)
    assert said("accept", "c", "--with-dependencies").returncode == 0
    refused = said("accept", "a", "--undo")
    assert refused.stderr == "b, c builds on a and is accepted: --with-dependents takes that back too\n"
    result = said("accept", "a", "--undo", "--with-dependents")
    assert [each[0] for each in result.stdout.splitlines()] == ["c", "b", "a"]
    assert (reviews(shop), fingerprint(shop.tree)) == ("a pending, b pending, c pending, x pending", before)
    assert json.loads((shop.home.status / "a.json").read_bytes())["review"] == "pending"
    assert said("accept", "a").returncode == 0 and said("reject", "b", "--reason", "no").returncode == 0
    assert reviews(shop) == "a accepted, b rejected, c pending, x pending"


def test_a_rejection_is_taken_back(shop: Shop, chain: list[Record], said: Said) -> None:
    assert said("reject", "a", "--reason", "slow").returncode == 0
    assert "a was rejected, not accepted: `dayshift reject a --undo`" in said("accept", "a", "--undo").stderr
    assert "needs no --reason" in said("reject", "a", "--undo", "--reason", "x").stderr
    facts = json.loads(said("reject", "a", "--undo", "--json").stdout)
    assert (facts["review"], facts["said"]) == ("pending", ["a: no longer rejected"])
    known = records.load_all(shop.home)[0]["a"]
    assert (known.review, known.review_reason, known.reviewed_at) == ("pending", "", None)
    assert "a was not reviewed; there is nothing to take back" in said("reject", "a", "--undo").stderr
    assert said("accept", "a").returncode == 0
    assert "a was accepted, not rejected: `dayshift accept a --undo`" in said("reject", "a", "--undo").stderr


def test_what_was_cleaned_is_not_taken_back_and_nothing_of_it_is_left(
    shop: Shop, chain: list[Record], said: Said
) -> None:
    assert said("accept", "a").returncode == 0
    known = records.load_all(shop.home)[0]["a"]
    assert shop.home.keepsake("a") in disposal.belongings(shop.home, "a")
    disposal.discard(shop.home, known)
    assert (disposal.belongings(shop.home, "a"), list(shop.home.reviews.iterdir())) == ([], [])
    refused = said("accept", "a", "--undo")
    assert (refused.returncode, "a of 2026-11-20 was cleaned: nothing is left" in refused.stderr) == (2, True)


def test_a_running_daemon_is_asked_to_take_back(shop: Shop, chain: list[Record], said: Said) -> None:
    assert said("accept", "a").returncode == 0
    with daemon(shop.home, lambda content: ([f"{content['verdict']} {content['tasks']}"], True)) as asked:
        assert said("accept", "a", "--undo").stdout == "undo ['a']\n"
    assert asked == [{"kind": "review", "task": "a", "tasks": ["a"], "verdict": "undo", "of": "accepted",
                      "reason": "", "force": False}]  # fmt: skip


# --- the difftool ------------------------------------------------------------------------------------

TOOL = """#!/bin/sh
diff -r "$1" "$2"; ls -R "$2"; pwd; echo mine > "$2/src/orders.py"; cat "$2/evil" 2>/dev/null
"""


@pytest.fixture
def tool(shop: Shop, tmp_path: Path) -> Callable[[str], None]:
    place = tmp_path / "tool"
    place.write_text(TOOL)
    place.chmod(0o755)

    def sets(name: str) -> None:
        shell(f'git config difftool.mine.cmd \'{place} "$LOCAL" "$REMOTE"\'; git config {name} mine')(shop.tree)

    return sets


def test_the_persons_difftool_shows_both_sides_and_touches_nothing(
    shop: Shop, tool: Callable[[str], None], tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    trap = [shell("ln -s /etc/hostname evil"), write(".gitattributes", "* filter=trap\n")]
    ended(shop, "a", line(3, "theirs"), *trap)
    tool("diff.tool")
    shell(f"git config filter.trap.smudge 'touch {mark}; cat'")(shop.tree)
    before = fingerprint(shop.tree), fingerprint(shop.home.workspace("a"))
    process = terminal(shop, "diff", "a", "--tool")
    assert code(process) == 0
    assert process.before is not None and "< line 3\r\n" in process.before and "> theirs\r\n" in process.before
    assert "/etc/hostname" in process.before  # the link as a text, not what it leads to
    assert (fingerprint(shop.tree), fingerprint(shop.home.workspace("a")), mark.exists()) == (*before, False)


def test_without_a_terminal_or_a_tool_it_is_said_how_to_get_one(shop: Shop, said: Said) -> None:
    ended(shop, "a", line(3, "theirs"))
    for words, why in (("--tool", "--tool needs a terminal"), ("--tool --stat", "neither --stat nor --json"),
                       ("--json --tool", "neither --stat nor --json")):  # fmt: skip
        result = said("diff", "a", *words.split())
        assert (result.returncode, why in result.stderr) == (2, True)
    process = terminal(shop, "diff", "a", "--tool")
    process.expect("no difftool is set: `git config --global diff.tool NAME` sets one")
    assert code(process) == 3
    process = terminal(shop, "diff", "a", "--tool", "not-there")
    process.expect("the difftool not-there ended with 1")
    assert code(process) == 3
