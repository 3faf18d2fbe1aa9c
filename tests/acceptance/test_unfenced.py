"""`sandbox: none`, chosen by hand on a machine without bubblewrap: it works, it is said everywhere, nothing is left."""

from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import House, left_behind

pytestmark = pytest.mark.long

EAGER = {
    "id": "eager",
    "deliverables": ["made.md"],
    "validate": ["test -s made.md"],
    "rehearsal": [
        {"bash": "git commit --allow-empty -m no"},
        {"bash": "setsid sleep 300 > /dev/null 2>&1 & env"},
        {"write": {"path": "made.md", "content": "Made.\n"}},
        {"text": "Done."},
    ],
}


@pytest.fixture(scope="module")
def house(build: BuildHouse) -> House:
    house = build()
    house.environment |= {"DAYSHIFT_SANDBOX": "none", "DATABASE_URL": "postgres://secret"}
    ended = house.run("start", house.day(EAGER), "--rehearse", "--once")
    assert ended.code == 0, ended.out + ended.err
    assert "WARNING: sandbox: none" in ended.err
    return house


def test_the_day_runs_and_the_report_says_that_there_was_no_sandbox(house: House) -> None:
    assert house.state("eager") == "done"
    assert "NO SANDBOX" in house.report()
    assert "lost with it: read-only git, no network" in house.report()


def test_the_guard_still_refuses_and_counts(house: House) -> None:
    assert house.status("eager")["blocked_commands"] == 1
    assert house.git("log", "--oneline").count("\n") == 0


def test_the_agent_still_gets_no_variable_of_the_persons(house: House) -> None:
    assert "ANTHROPIC_BASE_URL" in house.stream("eager")
    assert "postgres://secret" not in house.stream("eager")


def test_nothing_is_left_running_not_even_what_left_its_session(house: House) -> None:
    assert left_behind(house) == []


# --- found out -------------------------------------------------------------------------------------

UNGUARDED = Path(__file__).with_name("unguarded.py")


@pytest.fixture(scope="module")
def found_out(build: BuildHouse) -> House:
    """With no guard either, an agent commits; the person looks, and lets the task try again."""
    house = build()
    house.environment |= {"DAYSHIFT_SANDBOX": "none"}
    git = f"git -C {house.project}"
    once = f"{git} log -1 | grep -q sly || {{ echo x > evidence.md; {git} commit -q --allow-empty -m sly; }}"
    turns = [{"bash": once}, {"bash": "echo x > made.md"}, {"text": "Done."}]  # told to a fresh session from the start
    day = house.day({"id": "sly", "deliverables": ["made.md"], "rehearsal": turns})
    daemon = house.start("start", day, "--rehearse", entry=UNGUARDED)
    daemon.waits("sly: halted")
    assert "in quarantine" in house.run("report", "--rehearsal").out
    assert house.run("retry", "sly").code == 0
    daemon.waits("sly: done")
    assert house.run("stop").code == 0
    daemon.ends()
    return house


def test_an_agent_that_commits_is_halted_by_the_audit_which_says_who_it_was(found_out: House) -> None:
    (finding,) = found_out.task("sly")["findings"]
    assert finding["what"] == "refs (heads/main), changed by the agent: the reflog bears its name"
    assert (finding["halts"], finding["who"]) == (True, "the agent")
    first = found_out.report().splitlines()[2]
    assert first.startswith("**An agent did what it must not**: sly run 1: `refs (heads/main), changed by the agent")


def test_its_workspace_is_set_aside_and_another_begins_afresh(found_out: House) -> None:
    aside = found_out.home.quarantine("sly", 1)
    assert (aside / "repo" / "evidence.md").exists() and not (aside / "repo" / ".git").exists()
    repo = found_out.workspace("sly") / "repo"
    assert (repo / "made.md").exists() and not (repo / "evidence.md").exists()
    task = found_out.task("sly")
    assert (task["quarantined"], task["set_aside"]) == (False, [".dayshift/quarantine/sly-run1"])


def test_the_days_end_names_what_changed_and_by_whom(found_out: House) -> None:
    assert "`refs (heads/main)`: **by an agent**; it changed while an agent ran" in found_out.report()
    (change,) = found_out.facts()["audit"]["closing"]["changes"]
    assert change["who"] == "the agent"
    assert left_behind(found_out) == []
