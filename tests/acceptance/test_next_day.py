"""A day's cap is reached; when the next day begins, the session of a task that may carry over goes on and ends."""

from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import House, left_behind
from .oracle import Oracle, during
from .wire import Used, bash, turn

pytestmark = pytest.mark.long

SONNET = "claude-sonnet-5-5"
TOMORROW = Path(__file__).with_name("tomorrow.py")
CAP = 1_000_000_000_000
LARGE = Used(30_000, 30_000)  #: $0.36
SCRIPTS = {
    "long": [
        turn(bash("echo one >> work.txt"), used=LARGE),
        turn(bash("echo two >> work.txt"), used=LARGE),
        turn(bash("echo three >> work.txt"), used=LARGE),
        turn("Done.", used=Used()),
    ],
}


def spent(house: House) -> dict[str, tuple[int, int]]:
    """What every calendar day's budget has settled, and its cap."""
    rows = house.query("SELECT window, settled, cap FROM budget WHERE window LIKE 'day:%' AND settled > 0", False)
    return {window: (settled, cap) for window, settled, cap in rows}


def test_a_new_day_lets_a_parked_session_go_on(build: BuildHouse, cli: Path) -> None:
    house = build()
    with Oracle(SCRIPTS).serving() as oracle:
        tomorrow = house.folder / "tomorrow"
        house.environment |= oracle.environment(cli) | {"TOMORROW": str(tomorrow)}
        house.environment |= {"DAYSHIFT_AGENT__TOOLS": "[Bash]"}
        tasks = [
            {
                "id": "long",
                "description": "part:long",
                "model": SONNET,
                "carry_over": True,
                "deliverables": ["work.txt"],
            }
        ]
        daemon = house.start("start", house.day(*tasks, max_cost_usd=CAP / 10**12), entry=TOMORROW)
        during(daemon, lambda: house.state("long") == "parked", "the day's cap is reached")
        assert house.status("long")["reason"].startswith("cap: ")
        session, first, lines = house.status("long")["session_id"], spent(house), len(oracle.of("long"))
        assert list(first.values()) == [(oracle.total("long"), CAP)]
        assert 0 < oracle.total("long") <= CAP

        tomorrow.touch()
        during(daemon, lambda: house.state("long") == "done", "it went on")
        assert house.run("stop").code == 0
        assert daemon.ends() == 0
        assert house.status("long")["session_id"] == session
        assert (house.workspace("long") / "repo" / "work.txt").read_text() == "one\ntwo\nthree\n"
        both = spent(house)
        assert len(both) == 2 and first.items() <= both.items()  # what the old day counted is left alone
        later = sum(entry.cost for entry in oracle.of("long")[lines:])
        assert [settled for window, (settled, _) in both.items() if window not in first] == [later]
        assert left_behind(house) == []
