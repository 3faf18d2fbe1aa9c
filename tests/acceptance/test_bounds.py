"""Agents that take too much of the machine, and one that would write the project's database."""

import contextlib
import sqlite3

import pytest

from .conftest import BuildHouse
from .house import House, left_behind

# The session must know of the call before the run is ended, or it is made anew.
HOG = "sleep 2; python3 -c 'held = bytearray(1500 << 20); import time; time.sleep(60)'"
WORDS = "of memory, more than the 1 GB of limits.memory_gb"
WRITES = ("cp README.md data/dev.db", "rm -f data/dev.db", "mv data/dev.db data/old.db", ": > data/dev.db")


@pytest.fixture(scope="module")
def ended(build: BuildHouse) -> House:
    """A house after a day on which agents took too much."""
    house = build()
    (house.project / "data").mkdir()
    with contextlib.closing(sqlite3.connect(house.project / "data" / "dev.db")) as database:
        database.execute("CREATE TABLE orders (name TEXT)")
    house.git("add", "--all")
    house.git("commit", "-q", "-m", "A database")
    house.environment |= {"DAYSHIFT_LIMITS__MEMORY_GB": "1", "DAYSHIFT_LIMITS__WORKSPACE_GB": "0.1"}
    tries = " || ".join(WRITES)
    day = house.day(
        {"id": "learns", "rehearsal": [{"bash": HOG}, {"text": "Done with less."}]},
        {"id": "greedy", "rehearsal": [{"bash": HOG}, {"text": "Done."}], "max_attempts": 1},
        {"id": "heavy", "rehearsal": [{"text": "Done."}], "max_attempts": 1,
         "validate": ["head -c 90M /dev/urandom > large; head -c 90M /dev/urandom > larger; sleep 60"]},
        {"id": "writer", "rehearsal": [{"bash": f"{tries} || (echo x > data/own.db && echo kept as it was)"},
                                       {"text": "Done."}], "validate": ["! touch data/dev.db", "rm data/own.db"]},
    )  # fmt: skip
    assert house.run("start", day, "--rehearse", "--once").code == 1
    return house


def test_a_run_over_its_memory_is_an_attempt_and_the_next_is_told(ended: House) -> None:
    learns = ended.task("learns")
    assert (learns["state"], learns["attempt"], learns["runs"], learns["claim"]) == ("done", 2, 2, "Done with less.")
    [excess] = learns["excesses"]
    assert excess.startswith("run 1 used ") and WORDS in excess
    assert "You were stopped, since the run used" in (ended.home.run("learns", 2) / "prompt.md").read_text()
    assert f"Took too much of the machine**: {excess}" in ended.report().replace("\\", "")
    assert WORDS in ended.log("learns")
    assert any(f"learns: {excess}" in daemon.said for daemon in ended.daemons)


def test_out_of_attempts_the_person_reads_the_limit_and_the_cure(ended: House) -> None:
    greedy = ended.status("greedy")
    assert greedy["state"] == "failed"
    assert WORDS in greedy["reason"] and "raise that, or make the task smaller" in greedy["reason"]
    assert greedy["reason"] in ended.report().replace("\\", "")


def test_a_validation_command_is_bounded_like_a_run(ended: House) -> None:
    heavy = ended.task("heavy")
    assert (heavy["state"], heavy["checks"][0]["exit_code"]) == ("failed", 137)
    assert "was ended: it took" in heavy["reason"] and "0.1 GB of limits.workspace_gb" in heavy["reason"]


def test_the_projects_database_is_read_only_and_a_new_one_is_the_agents_own(ended: House) -> None:
    writer = ended.task("writer")
    assert (writer["state"], writer["blocked"]) == ("done", [])
    assert "kept as it was" in ended.stream("writer")
    assert ended.git("diff", "--name-only", "HEAD", writer["commit"]) == "data/own.db"


def test_nothing_is_left_of_what_was_ended(ended: House) -> None:
    assert left_behind(ended) == []
