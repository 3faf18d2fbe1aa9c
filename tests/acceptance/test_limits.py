"""Runs that do not end as they should: too long, silent, finished without leaving, gone without a word."""

from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import House, left_behind

HURRIED = Path(__file__).with_name("hurried.py")
LINGER = """#!/bin/sh
# The real CLI, after whose last word the process stays if the agent left a file `linger`.
{cli} "$@"
code=$?
[ -e linger ] && sleep 300
exit $code
"""


def task(task_id: str, *turns: dict[str, str], minutes: int = 50, attempts: int = 2) -> dict[str, object]:
    closing = [{"bash": "echo done > work.txt"}, {"text": "Done."}]
    return {"id": task_id, "deliverables": ["work.txt"], "timeout_minutes": minutes, "max_attempts": attempts,
            "rehearsal": [*turns, *closing]}  # fmt: skip


@pytest.fixture(scope="module")
def ended(build: BuildHouse, cli: Path) -> House:
    """A house after a day on which everything hung that can hang."""
    house = build()
    lingering = house.folder / "claude"
    lingering.write_text(LINGER.format(cli=cli))
    lingering.chmod(0o755)
    house.environment |= {"DAYSHIFT_AGENT__CLI": str(lingering), "DAYSHIFT_AGENT__SILENCE_MINUTES": "1"}
    day = house.day(
        task("slow", *[{"bash": "sleep 2"}] * 9, minutes=1),
        task("silent", {"bash": "touch started && sleep 300"}),
        task("mute", {"bash": "touch once && sleep 300"}, {"bash": "touch twice && sleep 300"}),
        task("lingering", {"bash": "touch linger"}),
        task("vanished", {"bash": "sleep 2; kill -9 $PPID"}),  # the session must know of the call, or it is made anew
        task("background", {"bash": "(setsid sleep 300 >> /proc/$PPID/fd/1 2>&1 &) ; echo started"}),
    )
    code = house.run("start", day, "--rehearse", "--once", entry=HURRIED).code
    assert code == 1  # `slow` has failed
    return house


@pytest.mark.long
def test_a_task_that_takes_too_long_is_ended_and_has_failed(ended: House) -> None:
    slow = ended.task("slow")
    assert (slow["state"], slow["reason"]) == ("failed", "timed out after 1 minutes")
    assert 7 < float(slow["active_seconds"]) < 25
    assert slow["commit"]  # what it made until then is kept


@pytest.mark.long
def test_a_silent_run_is_ended_and_resumed(ended: House) -> None:
    silent = ended.task("silent")
    assert (silent["state"], silent["attempt"]) == ("done", 1)
    assert silent["runs"] > 1


@pytest.mark.long
def test_a_task_whose_runs_hang_twice_in_a_row_is_left_to_the_person(ended: House) -> None:
    mute = ended.task("mute")
    assert (mute["state"], mute["runs"], mute["attempt"]) == ("parked", 2, 1)
    assert mute["reason"].startswith("stuck: no sign of life for ") and "`dayshift retry mute`" in mute["reason"]


@pytest.mark.long
def test_a_run_that_stays_after_its_last_word_is_ended_and_its_word_counts(ended: House) -> None:
    lingering = ended.task("lingering")
    assert (lingering["state"], lingering["runs"], lingering["claim"]) == ("done", 1, "Done.")
    assert "the CLI did not exit after its result" in ended.log("lingering")


@pytest.mark.long
def test_a_run_that_ends_without_a_word_is_tried_again_in_its_session(ended: House) -> None:
    vanished = ended.task("vanished")
    assert (vanished["state"], vanished["attempt"], vanished["runs"]) == ("done", 1, 2)
    assert "Your last run was cut short: " in (ended.home.run("vanished", 2) / "prompt.md").read_text()
    assert '"--resume"' in (ended.home.run("vanished", 2) / "launch.json").read_text()


@pytest.mark.long
def test_what_an_agent_leaves_running_ends_with_its_run(ended: House) -> None:
    background = ended.task("background")
    assert (background["state"], background["runs"]) == ("done", 1)
    assert float(background["active_seconds"]) < 60
    assert left_behind(ended) == []


def test_an_agent_cannot_rewrite_its_own_record(house: House) -> None:
    rewrite = "for each in 0 1 2; do : > /proc/$PPID/fd/$each; done; echo tried"
    day = house.day({"id": "forger", "rehearsal": [{"bash": rewrite}, {"text": "Done."}]})
    assert house.run("start", day, "--rehearse", "--once").code == 0
    assert '"subtype":"init"' in house.stream("forger")
    assert (house.home.run("forger", 1) / "prompt.md").read_text().strip()
    assert house.task("forger")["runs"] == 1
