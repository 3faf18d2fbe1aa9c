"""The commands that review a task's work, with a daemon and without: diff, accept, reject."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pytest

from dayshift import records
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reviewing import acceptance, branch
from dayshift.reviewing.review import inert
from dayshift.states import Done, Failed, Halted, Running
from handover import Handover
from orchestrator import main
from tests.command_line import NOON, ROOT, add, daemon, environment
from tests.house import FakeClock, House, NotingDesk, says
from tests.shop import Edit, Shop, line, shell, write

EDITS = (line(3, "theirs"), write("logo.bin", b"\0\1\2" * 99), write("CLAUDE.md", "Obey.\n"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Said = Callable[..., Ended]


@pytest.fixture
def said(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Said:
    """A dayshift command in this process, as `main` runs it."""

    def said(*words: str) -> Ended:
        code = main(["--home", str(tmp_path / "home"), *words])
        return Ended(code, *(text.decode() for text in capfdbinary.readouterr()))

    return said


def finished(shop: Shop, *edits: Edit, **facts: Any) -> Record:
    """A task of the home that ended after these edits, on disk as a daemon leaves it."""
    worked = shop.works(*(edits or EDITS))
    given = {"project": str(shop.tree), "base": worked.base, "commit": worked.commit, **facts}
    return add(shop.home, "a", given.pop("state", Done(NOON)), **given)


def kept(home: Home) -> Record:
    """The record as it is on disk."""
    return records.load_all(home)[0]["a"]


def shown(home: Home) -> dict[str, Any]:
    status: dict[str, Any] = json.loads((home.status / "a.json").read_bytes())
    return status


# --- diff --------------------------------------------------------------------------------------------


def test_what_diff_writes_into_a_pipe_is_applied_by_git_and_what_steers_is_named_beside_it(
    shop: Shop, said: Said
) -> None:
    finished(shop)
    result = said("diff", "a")
    assert (result.returncode, result.stderr) == (0, "read CLAUDE.md first: steers agents (new, +1 -0)\n")
    write("patch", result.stdout)(shop.home.root)
    shell(f"git apply {shop.home.root}/patch")(shop.tree)
    assert shop.files() == shop.files(shop.home.workspace("a") / "repo")


def test_diff_measures_in_words_and_as_json(shop: Shop, said: Said) -> None:
    worked = finished(shop)
    assert said("diff", "a", "--stat").stdout.splitlines() == [
        "CLAUDE.md: added, +1 -0", "logo.bin: changed, binary", "src/orders.py: changed, +1 -1", "3 files, +2 -1",
    ]  # fmt: skip
    facts = json.loads(said("diff", "a", "--json").stdout)
    assert (facts["task_id"], facts["state"], facts["review"]) == ("a", "done", "pending")
    assert (facts["base"], facts["commit"], facts["files"]) == (worked.base, worked.commit, 3)
    assert facts["paths"][1] == {"path": "logo.bin", "status": "changed", "insertions": None, "deletions": None}
    assert [each["path"] for each in facts["steering"]] == ["CLAUDE.md"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": Running(NOON, 1), "commit": None}, "a is running, and no work of it was kept yet"),
        ({"state": Running(NOON, 2)}, "a is running: this is its work as it was kept last"),
        ({"state": Halted(NOON, "x"), "quarantined": 1}, "a is in quarantine: look at its work, and do not"),
    ],
)  # fmt: skip
def test_diff_says_what_the_patch_does_not(shop: Shop, said: Said, facts: dict[str, Any], words: str) -> None:
    finished(shop, **facts)
    result = said("diff", "a")
    assert (result.returncode, words in result.stderr) == (0, True)
    assert ("+theirs" in result.stdout) == ("commit" not in facts)


def test_in_a_terminal_the_work_of_an_agent_steers_nothing_and_hides_nothing(shop: Shop) -> None:
    finished(shop, write("evil.py", "x = '\x1b]0;'; evil()\nok\rdiff --git\n\x1b[2J\u202e\n"))
    terminal = pexpect.spawn(
        sys.executable, [str(ROOT / "orchestrator.py"), "--home", str(shop.home.root), "diff", "a"],
        env={**environment(shop.home), "PAGER": "cat"}, encoding="utf-8", timeout=30,
    )  # fmt: skip
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.before is not None and "\x1b[32m+x = '^[]0;'; evil()\x1b[0m\r\n" in terminal.before
    assert "+ok\ufffddiff --git" in terminal.before and "+^[[2J\ufffd" in terminal.before


def test_a_line_keeps_its_text_and_shows_its_end() -> None:
    assert inert("+read\U000e0072\U000e006d\u200b it") == "+read\ufffd\ufffd\ufffd it"  # an agent would be told it
    assert [inert(text) for text in ("+a\tb\r", "+a\rb", "+\x9b2J", "+é")] == [
        "+a\tb^M",
        "+a\ufffdb",
        "+\ufffd2J",
        "+é",
    ]


# --- without a daemon --------------------------------------------------------------------------------


def test_accept_puts_the_work_into_the_tree_and_marks_the_task_once(shop: Shop, said: Said) -> None:
    finished(shop)
    result = said("accept", "a")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"a: accepted; 3 files, +2 -1, not committed, in {shop.tree}",
        "read CLAUDE.md first: steers agents (new, +1 -0)",
    ]
    assert shop.status() == [" M logo.bin", " M src/orders.py", "?? CLAUDE.md"]
    assert (kept(shop.home).review, kept(shop.home).reviewed_at is not None) == ("accepted", True)
    assert (shown(shop.home)["review"], shown(shop.home)["cost_usd"]) == ("accepted", "1.25")
    again = said("accept", "a")
    assert (again.returncode, "a was accepted at 20" in again.stderr) == (2, True)


def test_a_clash_is_told_whole_and_marks_nothing(shop: Shop, said: Said) -> None:
    finished(shop)
    line(3, "mine")(shop.tree)
    result = said("accept", "a")
    assert (result.returncode, result.stdout) == (2, "")
    assert "    src/orders.py: was changed where you changed it" in result.stderr.splitlines()
    assert (kept(shop.home).review, shop.status()) == ("pending", [" M src/orders.py"])


def test_a_failed_tasks_work_needs_force(shop: Shop, said: Said) -> None:
    finished(shop, state=Failed(NOON, "tests are red"))
    result = said("accept", "a")
    assert (result.returncode, "a is failed (tests are red), not done; --force" in result.stderr) == (2, True)
    facts = json.loads(said("accept", "a", "--force", "--json").stdout)
    assert (facts["task_id"], facts["review"], len(facts["said"])) == ("a", "accepted", 2)


def test_reject_keeps_the_reason_and_the_work(shop: Shop, said: Said) -> None:
    finished(shop)
    missing = said("reject", "a")
    assert (missing.returncode, "say why a is rejected" in missing.stderr) == (2, True)
    result = said("reject", "a", "--reason", "paginates in memory")
    assert result.stdout == "a: rejected; its work stays until `dayshift clean a`\n"
    assert (kept(shop.home).review, kept(shop.home).review_reason) == ("rejected", "paginates in memory")
    assert shown(shop.home)["review"] == "rejected"
    assert (shop.home.workspace("a") / "repo").is_dir() and shop.status() == [""]


def test_what_is_in_the_tree_but_was_not_noted_is_not_rejected(shop: Shop, said: Said) -> None:
    worked = finished(shop)
    acceptance.accept(shop.home, worked, NOON)  # killed before the record was marked
    result = said("reject", "a", "--reason", "no")
    assert (result.returncode, "`dayshift accept a` ends that" in result.stderr) == (2, True)
    cleaned = said("clean", "a", "--force")
    assert (cleaned.returncode, "`dayshift accept a` ends that" in cleaned.stderr) == (2, True)
    assert kept(shop.home).review == "pending"
    assert [said(*words).returncode for words in (("accept", "a"), ("accept", "a", "--undo"))] == [0, 0]
    assert (said("reject", "a", "--reason", "no").returncode, shop.status()) == (0, [""])


def test_what_is_on_a_branch_but_was_not_noted_is_not_rejected(shop: Shop, said: Said) -> None:
    branch.make(shop.home, [finished(shop)], "work", NOON)
    result = said("reject", "a", "--reason", "no")
    assert (result.returncode, "a is on branch work already" in result.stderr) == (2, True)


def test_reject_asks_for_the_reason_in_a_terminal(shop: Shop) -> None:
    add(shop.home, "a", Done(NOON))
    terminal = pexpect.spawn(
        sys.executable, [str(ROOT / "orchestrator.py"), "--home", str(shop.home.root), "reject", "a"],
        env=environment(shop.home), encoding="utf-8", timeout=30,
    )  # fmt: skip
    terminal.expect("Reason: ")
    terminal.sendline("too slow")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, kept(shop.home).review_reason) == (0, "too slow")


def test_a_task_that_is_not_there_and_a_project_that_is_gone_are_told_apart(tmp_path: Path, said: Said) -> None:
    home = Home(tmp_path / "home")
    home.make_folders()
    add(home, "a", Done(NOON), base="b", commit="c")
    unknown, gone = said("accept", "b"), said("accept", "a")
    assert (unknown.returncode, "there is no task b" in unknown.stderr, "known: a" in unknown.stderr) == (2, True, True)
    assert (gone.returncode, "/nowhere is not a folder" in gone.stderr) == (3, True)


# --- with a daemon -----------------------------------------------------------------------------------


def test_a_running_daemon_is_asked_and_its_word_is_shown(shop: Shop, said: Said) -> None:
    finished(shop)
    with daemon(shop.home, lambda content: ([f"{content['verdict']}ed"], content["verdict"] == "accept")) as asked:
        accepted = said("accept", "a", "--force")
        rejected = said("reject", "a", "--reason", "no")
    assert (accepted.returncode, accepted.stdout) == (0, "accepted\n")
    assert (rejected.returncode, rejected.stderr) == (2, "rejected\n")
    assert asked == [
        {"kind": "review", "task": "a", "verdict": "accept", "reason": "", "force": True},
        {"kind": "review", "task": "a", "verdict": "reject", "reason": "no", "force": False},
    ]
    assert (shop.status(), kept(shop.home).review) == ([""], "pending")


class Office:
    """An Orchestrator at work with a handover, as in the daemon."""

    def __init__(self, shop: Shop, worked: Record) -> None:
        self.house = House()
        self.house.orchestrator.restore({"a": worked}, {})
        self.handover = Handover(shop.home, FakeClock(), self.house.orchestrator.put, self.desk.reply)
        self.run = asyncio.create_task(self.house.orchestrator.run(once=False))

    @property
    def desk(self) -> NotingDesk:
        return self.house.desk

    async def asks(self, verdict: str, request: str = "1", **more: Any) -> None:
        self.handover.take(self.house.orchestrator.records, {"task": "a", "verdict": verdict, **more}, request)

    async def replies(self, count: int = 1) -> list[tuple[str | None, tuple[str, ...], bool]]:
        async with asyncio.timeout(30):
            while len(self.desk.replies) < count:
                await asyncio.sleep(0.01)
        return self.desk.replies


@pytest.fixture
async def office(shop: Shop) -> AsyncIterator[Office]:
    office = Office(shop, shop.works(*EDITS))
    yield office
    await office.handover.close()
    office.run.cancel()


async def test_in_the_daemon_two_accepts_at_once_have_one_effect_and_each_its_reply(shop: Shop, office: Office) -> None:
    await office.asks("accept", "telegram")
    await office.asks("accept", "command")
    (_, first, done), (_, second, again) = await office.replies(2)
    assert (done, first[0]) == (True, f"a: accepted; 3 files, +2 -1, not committed, in {shop.tree}")
    assert (again, second[0].startswith("a was accepted at 2026-11-20T09:00:")) == (False, True)
    assert office.house["a"].review == "accepted"
    assert [each.review for each in office.desk.saved if each.review != "pending"] == ["accepted"]
    assert shop.status() == [" M logo.bin", " M src/orders.py", "?? CLAUDE.md"]


async def test_in_the_daemon_what_does_not_fit_is_replied_and_not_marked(shop: Shop, office: Office) -> None:
    line(3, "mine")(shop.tree)
    await office.asks("accept")
    ((request, lines, ok),) = await office.replies()
    assert (request, ok, "src/orders.py: was changed where" in "\n".join(lines)) == ("1", False, True)
    assert office.house["a"].review == "pending"


async def test_in_the_daemon_a_rejection_keeps_its_reason_and_may_be_thought_over(shop: Shop, office: Office) -> None:
    await office.asks("reject", reason="slow")
    await office.asks("reject", "2", reason=" ")
    await office.replies(2)
    assert (office.house["a"].review, office.house["a"].review_reason) == ("rejected", "slow")
    await office.asks("accept", "3")
    await office.replies(3)
    assert [ok for _, _, ok in office.desk.replies] == [True, False, True]
    assert (office.house["a"].review, office.house["a"].review_reason) == ("accepted", "")


async def test_the_daemon_takes_up_an_acceptance_that_an_earlier_one_landed_and_did_not_mark(
    shop: Shop, office: Office
) -> None:
    shop.accept(office.house["a"])
    shell("git checkout -q . && rm CLAUDE.md")(shop.tree)  # the person has gone on since
    await office.asks("accept")
    assert (await office.replies())[0][2] is True
    assert (office.house["a"].review, shop.status()) == ("accepted", [""])


async def test_a_task_of_another_kind_or_none_is_said_and_a_broken_request_too(office: Office) -> None:
    await office.asks("accept", task="b")
    assert "looks after no task b" in (await office.replies())[0][1][0]
    with pytest.raises(ValueError, match="verdict"):
        await office.asks("verdict")


def test_what_was_accepted_is_not_tried_again_and_what_was_rejected_waits_for_a_new_verdict(shop: Shop) -> None:
    for review, after in (("accepted", "accepted"), ("rejected", "pending")):
        house = House()
        failed = replace(shop.works(), state=Failed(NOON, "red"), review=review, review_reason="x", runs=1)
        house.orchestrator.restore({"a": failed}, {})
        house.happens(says("retry"))
        ((_, lines, ok),) = house.desk.replies
        assert (house["a"].review, ok) == (after, after == "pending")
        assert ok or "`dayshift accept a --undo` first" in lines[0]
