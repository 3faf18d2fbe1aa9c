"""`sandbox: none`, chosen by hand on a machine without bubblewrap: it works, it is said everywhere, nothing is left."""

import pytest

from .conftest import BuildHouse
from .house import House, left_behind

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


def test_the_guard_still_refuses_and_counts(house: House) -> None:
    assert house.status("eager")["blocked_commands"] == 1
    assert house.git("log", "--oneline").count("\n") == 0


def test_the_agent_still_gets_no_variable_of_the_persons(house: House) -> None:
    assert "ANTHROPIC_BASE_URL" in house.stream("eager")
    assert "postgres://secret" not in house.stream("eager")


def test_nothing_is_left_running_not_even_what_left_its_session(house: House) -> None:
    assert left_behind(house) == []
