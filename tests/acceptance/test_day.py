"""A day from its file to its report: what was asked for is there, what is the person's is as it was."""

import json
from pathlib import Path

import pytest

from dayshift.cost.statement import Statement

from .conftest import BuildHouse
from .house import DAY, Ended, House, left_behind, until, untouched

GUIDE = {
    "id": "guide",
    "deliverables": ["docs/guide.md", "agent_workspaces/guide/summary.md"],
    "validate": ["test -s docs/guide.md", "grep -q 'make test' docs/guide.md"],
    "rehearsal": [
        {"text": "I look first.", "bash": "git status --short && ls"},
        {"write": {"path": "docs/guide.md", "content": "# Guide\n\nRun make test.\n"}},
        {"bash": "printf 'ORDERS = [1]\\n' > src/orders.py && rm README.md"},
        {"write": {"path": "{workspace}/summary.md", "content": "Wrote the guide.\n"}},
        {"text": "The guide is written."},
    ],
}
CHAPTER = {
    "id": "chapter",
    "depends_on": ["guide"],
    "deliverables": ["docs/guide.md"],
    "validate": ["grep -q 'make test' docs/guide.md", "grep -q Chapter docs/guide.md", "test ! -e README.md"],
    "rehearsal": [{"bash": "printf '\\n## Chapter\\n' >> docs/guide.md"}, {"text": "Added."}],
}
LIAR = {
    "id": "liar",
    "deliverables": ["docs/proof.md"],
    "validate": ["echo nothing is here; exit 3"],
    "max_attempts": 2,
    "rehearsal": [{"text": "All tests pass and docs/proof.md is written."}, {"text": "It is there, believe me."}],
}


class Rehearsed:
    """A house after its day."""

    def __init__(self, house: House) -> None:
        self.house = house
        (house.project / "open.txt").write_text("not committed yet\n")
        house.git("branch", "feature")
        (house.project / "staged.txt").write_text("staged\n")
        house.git("add", "staged.txt")
        self.before = house.fingerprint()
        self.ended: Ended = house.run("start", house.day(GUIDE, CHAPTER, LIAR), "--rehearse", "--once")
        assert self.ended.code == 1, self.ended


@pytest.fixture(scope="module")
def rehearsed(build: BuildHouse) -> Rehearsed:
    return Rehearsed(build())


def test_a_task_is_done_when_its_deliverables_differ_and_its_commands_pass(rehearsed: Rehearsed) -> None:
    guide = rehearsed.house.task("guide")
    assert guide["state"] == "done"
    checked = [(check["kind"], check["subject"], check["exit_code"]) for check in guide["checks"]]
    assert checked == [
        ("deliverable", "docs/guide.md", 0), ("deliverable", "agent_workspaces/guide/summary.md", 0),
        ("validate", "test -s docs/guide.md", 0), ("validate", "grep -q 'make test' docs/guide.md", 0),
    ]  # fmt: skip
    assert guide["diff"]["paths"] == ["README.md", "docs/guide.md", "src/orders.py"]


def test_a_claim_is_not_evidence(rehearsed: Rehearsed) -> None:
    liar = rehearsed.house.task("liar")
    assert (liar["state"], liar["attempt"], liar["claim"]) == ("failed", 2, "It is there, believe me.")
    assert [(check["subject"], check["exit_code"]) for check in liar["checks"]] == [
        ("docs/proof.md", 1), ("echo nothing is here; exit 3", 3),
    ]  # fmt: skip
    assert liar["checks"][1]["tail"] == "nothing is here"
    told = (rehearsed.house.home.run("liar", 2) / "prompt.md").read_text()
    assert "`docs/proof.md` is missing" in told and "`echo nothing is here; exit 3` exited with 3" in told


def test_a_dependent_task_starts_from_the_result(rehearsed: Rehearsed) -> None:
    house = rehearsed.house
    guide, chapter = house.task("guide"), house.task("chapter")
    assert chapter["state"] == "done"
    assert chapter["base"] == guide["commit"]
    assert chapter["diff"]["paths"] == ["docs/guide.md"]
    assert chapter["started_at"] >= guide["ended_at"]


def test_the_work_is_a_patch_that_applies_and_a_commit_on_a_private_ref(rehearsed: Rehearsed, tmp_path: Path) -> None:
    house = rehearsed.house
    refs = set(house.git("for-each-ref", "--format=%(refname)").splitlines())
    private = {f"refs/dayshift/{task}" for task in ("guide", "chapter", "liar")}
    assert refs == {"refs/heads/main", "refs/heads/feature", *private}
    commit = house.task("guide")["commit"]
    assert house.git("rev-parse", "refs/dayshift/guide") == commit
    assert house.git("rev-parse", f"{commit}^") == house.git("rev-parse", "main")
    clone = tmp_path / "clone"
    house.git("clone", "-q", "--no-local", house.project, clone)
    house.git("apply", "--index", house.workspace("guide") / "changes.patch", folder=clone)
    assert house.git("write-tree", folder=clone) == house.git("rev-parse", f"{commit}^{{tree}}")


def test_the_persons_branches_index_tree_and_config_are_as_they_were(rehearsed: Rehearsed) -> None:
    house = rehearsed.house
    assert untouched(rehearsed.before, house.fingerprint())
    assert house.git("status", "--porcelain").splitlines() == ["A  staged.txt", "?? open.txt"]
    assert house.git("worktree", "list", "--porcelain").count("worktree ") == 4
    assert house.git("worktree", "prune", "--dry-run", "--verbose") == ""
    assert "your uncommitted changes in staged.txt, open.txt" in rehearsed.ended.err
    assert house.facts()["dirty_tree"] is True


def test_the_audit_compared_every_run(rehearsed: Rehearsed) -> None:
    facts = rehearsed.house.facts()
    runs = sum(task["runs"] for task in facts["tasks"])
    audit = facts["audit"]
    assert (audit["clean"], audit["runs_checked"], audit["findings"]) == (True, runs, [])
    assert (audit["closing"]["changes"], audit["closing"]["trouble"]) == ([], "")


def test_status_says_what_the_report_says(rehearsed: Rehearsed) -> None:
    house = rehearsed.house
    for task in house.facts()["tasks"]:
        status = house.status(task["task_id"])
        assert (status["state"], status["attempt"], status["session_id"], status["cost_usd"]) == (
            task["state"], task["attempt"], task["session_id"], task["spend"]["cost_usd"],
        )  # fmt: skip
    shown = json.loads(house.run("status", "--json").out)["tasks"]
    assert [each["task_id"] for each in shown] == ["chapter", "guide", "liar"]


def test_the_report_states_every_task_and_the_sum_of_the_ledger(rehearsed: Rehearsed) -> None:
    house = rehearsed.house
    with house.ledger() as ledger:
        assert ledger.audit() == []
        spent = sum(line.cost for line in Statement(ledger.connection).by("task"))
    assert house.facts()["spent_usd"] == _usd(spent)
    assert house.facts()["counts"]["done"] == 2
    text = house.report()
    for told in ("guide", "chapter", "liar", "exited with 3", "git directory is unchanged"):
        assert told in text
    assert house.run("report", "--rehearsal").out == text


@pytest.mark.long
def test_the_same_facts_give_the_same_bytes(build: BuildHouse) -> None:
    house = build()
    daemon = house.start("start", house.day(GUIDE), "--rehearse")
    until(lambda: house.state("guide") == "done", 60, "the guide")
    files = [house.home.results / f"{DAY}-rehearsal{end}" for end in ("-report.md", ".json")]
    written = []
    for _ in range(2):
        assert house.run("report", "--rehearsal").code == 0
        written.append([path.read_bytes() for path in files])
    assert written[0] == written[1]
    assert house.run("stop").code == 0
    assert daemon.ends() == 0
    assert [path.read_bytes() for path in files] == written[0]
    assert left_behind(house) == []


def test_nothing_is_left_behind(rehearsed: Rehearsed) -> None:
    assert left_behind(rehearsed.house) == []
    assert not rehearsed.house.home.daemon_facts.exists()


def _usd(pico: int) -> str:
    whole, rest = divmod(pico, 10**12)
    return f"{whole}.{f'{rest:012d}'.rstrip('0').ljust(2, '0')}"
