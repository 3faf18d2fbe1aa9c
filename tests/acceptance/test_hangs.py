"""Runs that hang, in every way: each is noticed, ended, resumed once, then left to the person. Nothing stays behind.

The CLI is a small script in the real sandbox under real holders; what the real one does is tried in `test_limits`.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import House, left_behind

HERE = Path(__file__).parent
PATIENCE = 900.0  #: on a machine that is busy with other things; an idle one takes about a minute
IMPATIENT, CLI = HERE / "impatient.py", HERE / "hanging_cli.sh"
SILENT = "stuck: no sign of life for 0 minutes, twice in a row"
WORDLESS = "stuck: it ended without a result, twice in a row"
#: How a hang ends: the task's state, how often it ran, and how the reason begins.
ENDS = {
    "silent": ("parked", 2, SILENT),
    "tool": ("parked", 2, SILENT),
    "deaf": ("parked", 2, SILENT),
    "stopped": ("parked", 2, SILENT),
    "crowd": ("parked", 2, SILENT),
    "vanishes": ("parked", 2, WORDLESS),
    "holds": ("parked", 2, WORDLESS),
    "once": ("done", 2, ""),
    "lingers": ("done", 1, ""),
    "leaves": ("done", 1, ""),
    "chatty": ("failed", 1, "timed out"),
}


def hung(house: House, cli: Path, names: Iterable[str], at_once: int) -> House:
    """The house after a day of these tasks; what they are called says how they hang."""
    script = house.folder / "claude"
    script.write_text(CLI.read_text().replace("REAL_CLI", str(cli)))
    script.chmod(0o755)
    house.environment |= {"DAYSHIFT_AGENT__CLI": str(script), "DAYSHIFT_MAX_AGENTS": str(at_once)}
    day = house.day(*({"id": name, "timeout_minutes": 1 if "chatty" in name else 9} for name in names))
    ended = house.run("start", day, "--rehearse", "--once", entry=IMPATIENT, seconds=PATIENCE)
    assert ended.code == 1, ended
    return house


def holds(house: House, name: str) -> None:
    """Its task ended as that hang is to end."""
    state, runs, reason = ENDS[name.partition("-")[0]]
    facts = house.record(name)
    now = facts["state"]
    said = f"{now.get('why', '')}: {now.get('detail', '')}" if state == "parked" else now.get("reason", "")
    assert (now["name"], facts["runs"], said.startswith(reason)) == (state, runs, True), (name, facts)
    assert facts["attempt"] == 1


def test_a_hang_is_resumed_once_with_a_word_and_then_left_to_the_person(build: BuildHouse, cli: Path) -> None:
    names = ("silent-1", "vanishes-1", "once-1", "lingers-1")
    house = hung(build(), cli, names, 4)
    for name in names:
        holds(house, name)
    told = (house.home.run("once-1", 2) / "prompt.md").read_text()
    assert told.startswith("Your last run was cut short: no sign of life")
    assert told.endswith("Go on where you stopped.")
    assert "dayshift retry silent-1" in house.record("silent-1")["state"]["detail"]
    assert left_behind(house) == []


@pytest.mark.long
@pytest.mark.timeout(PATIENCE + 60)
def test_of_two_hundred_hangs_each_ends_as_it_should_and_leaves_nothing(build: BuildHouse, cli: Path) -> None:
    plan = {"silent": 30, "tool": 20, "vanishes": 30, "holds": 20, "once": 30, "lingers": 30, "leaves": 28, "chatty": 4,
            "deaf": 4, "stopped": 3, "crowd": 1}  # fmt: skip
    names = [f"{kind}-{number}" for kind, count in plan.items() for number in range(count)]
    assert len(names) == 200
    house = hung(build(), cli, names, 32)
    for name in names:
        holds(house, name)
    assert left_behind(house) == []
