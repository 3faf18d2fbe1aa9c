"""A person in a task's session: the real CLI on their terminal, in the same sandbox, at the task's cost."""

import contextlib
import json
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import pexpect
import pytest

from .conftest import BuildHouse
from .house import ROOT, House, left_behind, until, untouched

ROWS, COLUMNS = 30, 100
#: What a terminal does with a screen and not with words; a cursor that goes to the right stands for spaces.
SPACES, CONTROLS = re.compile(r"\x1b\[\d*C"), re.compile(r"\x1b(\][^\x07]*\x07|\[[0-9;?<>=]*[ -/]*[@-~]|.)")
LONG = {"bash": "python3 -c 'import time; time.sleep(300)'"}
#: What a project's settings would have the CLI do on a terminal, where it asks whether to trust them.
PLANT = {"type": "command", "command": "touch planted"}
PLANTED = {"permissions": {"allow": ["Bash"]}, "statusLine": PLANT, "hooks": {"SessionStart": [{"hooks": [PLANT]}]}}
WORK = [{"bash": "echo made > made.txt"}, {"bash": "git commit --all -m mine"}, {"text": "That is all of it."}]


class Terminal:
    """What the person sees and types."""

    def __init__(self, house: House, *words: str) -> None:
        command = [str(ROOT / "orchestrator.py"), "--home", str(house.home.root), "attach", *words]
        self.child = pexpect.spawn(
            sys.executable, command, cwd=str(house.folder), encoding="utf-8", codec_errors="replace", timeout=60,
            env={**house._environment(), "TERM": "xterm-256color"}, dimensions=(ROWS, COLUMNS),
        )  # fmt: skip

    def waits(self, *texts: str) -> str:
        """Until all of that was drawn, blanks aside, for these are leapt over; the words that were."""
        return self.looks_until(lambda seen: all(_letters(text) in _letters(seen) for text in texts), str(texts))

    def looks_until(self, happened: Callable[[str], object], what: str) -> str:
        """Take in what is drawn, for a CLI that nobody reads from stands still, until it has happened."""
        deadline, seen = time.monotonic() + 60, ""
        while not happened(seen):
            assert time.monotonic() < deadline, f"{what}: not in\n{_words(seen)}"
            with contextlib.suppress(pexpect.TIMEOUT):
                seen += self.child.read_nonblocking(65536, 0.1)
        return _words(seen)

    def types(self, text: str) -> None:
        """The text, then Enter; together they would be a paste."""
        self.child.send(text)
        time.sleep(0.2)
        self.child.send("\r")

    def leaves(self) -> str:
        """Ctrl-D twice; what was said at the end."""
        for _ in range(2):
            self.child.send("\x04")
            time.sleep(0.1)
        return self.waits("its cost so far")


def _words(seen: str) -> str:
    return CONTROLS.sub("", SPACES.sub(" ", seen))


def _letters(seen: str) -> str:
    return "".join(_words(seen).split())


def spent(house: House) -> list[tuple[Any, ...]]:
    return house.query("SELECT task, count(*), sum(cost) FROM request WHERE cost IS NOT NULL GROUP BY task")


@pytest.mark.long
def test_a_person_works_in_a_session_leaves_it_comes_back_and_is_killed_there(build: BuildHouse) -> None:
    """Everything round the session is as ever: sandbox, guard, ledger, audit. It ends with whoever shows it."""
    house = build(tracked={".claude/settings.json": json.dumps(PLANTED)})
    task = {"id": "page", "deliverables": ["made.txt"], "rehearsal": [{"bash": "echo 1 > first.txt"}, LONG, *WORK]}
    daemon = house.start("start", house.day(task), "--rehearse", "--once")
    until(lambda: "time.sleep" in house.status("page").get("activity", ""), 60, "the task is at work")
    before = house.fingerprint()

    terminal = Terminal(house, "page", "--keep")
    terminal.waits("? for shortcuts")
    assert house.status("page")["reason"] == "attached: you are in its session"
    ((task_id, requests, cost),) = spent(house)
    (command,) = {" ".join(each.cmdline()) for each in house.processes() if each.name() == "claude"}
    assert "--resume" in command and "--permission-mode default" in command and " -p " not in command
    terminal.types("go on, please")
    terminal.looks_until(lambda seen: house.status("page")["requests"] == requests + 3, "the model's three answers")
    terminal.child.setwinsize(ROWS, 70)  # then all of it is drawn anew
    seen = terminal.waits("go on, please", "[git-write]", "That is all of it.", "─" * 70)
    assert re.search("(?<!─)─{70}(?!─)", seen)
    assert (house.workspace("page") / "repo" / "made.txt").read_text() == "made\n"
    assert not (house.workspace("page") / "repo" / "planted").exists()
    terminal.child.send("\x1a")  # is no way out: a session that slept could not be woken
    assert "page is given back and is parked (paused: by the person)" in terminal.leaves()
    assert terminal.child.wait() == 0
    terminal.child.close()
    ((paying, all_requests, whole_cost),) = spent(house)
    assert (paying, all_requests) == (task_id, requests + 3) and whole_cost > cost

    again = Terminal(house, "page")
    again.waits("That is all of it.", "? for shortcuts")
    again.child.kill(signal.SIGKILL)
    until(lambda: "run 3: attached no more: stopped" in house.log("page"), 5, "the session ends")
    until(lambda: house.state("page") == "parked", 10, "the task is given back")
    assert {each.name() for each in house.processes()} <= {"python", "python3"}
    again.child.close()

    assert house.run("resume", "page").code == 0
    assert daemon.ends() == 0, daemon.said
    facts = house.task("page")
    assert (facts["state"], facts["findings"], facts["evasions"], len(facts["blocked"])) == ("done", [], 0, 1)
    assert "The person was in this session" in (house.home.run("page", 4) / "prompt.md").read_text()
    assert untouched(before, house.fingerprint())
    assert left_behind(house) == []
