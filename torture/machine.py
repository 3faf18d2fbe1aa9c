"""The machine a storm rages on: which agents work, the death of a holder, the loss of power, the next boot."""

import contextlib
import os
import random
import signal
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from dayshift import files
from dayshift.holder.processes import below, children, start_time
from dayshift.home import Home
from torture.strangers import Stranger

HOLDER = b"holder/__main__.py"
DARK_SECONDS = 10.0  #: within which nothing may be left after the power went


class Machine:
    """Everything below one zygote, and what is recorded of it in one home."""

    def __init__(self, zygote: int, home: Home, strangers: Sequence[Stranger], chance: random.Random) -> None:
        self._zygote, self._home, self._strangers, self._chance = zygote, home, strangers, chance
        self._bereft: set[str] = set()  #: tasks that lost a holder
        self.renamed = 0  #: recorded pids that were given to strangers

    def holders(self) -> dict[int, Path]:
        """The holders at work, each with its run's folder: their daemon is another process than they are."""
        found = {pid: _words(pid) for pid in children(self._zygote)}
        return {pid: Path(os.fsdecode(words[-1])) for pid, words in found.items()
                if any(word.endswith(HOLDER) for word in words)}  # fmt: skip

    def kill_a_holder(self) -> bool:
        """kill -9 one of the holders; False if there is none.

        None of a task that lost one before: a task whose runs are lost twice in a row is left to the person.
        """
        working = {pid: spool for pid, spool in self.holders().items() if spool.parent.name not in self._bereft}
        if not working:
            return False
        pid = self._chance.choice(sorted(working))
        self._bereft.add(working[pid].parent.name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def lose_power(self) -> None:
        """Everything below the zygote is killed at once: daemon, holders, agents, git."""
        deadline = time.monotonic() + DARK_SECONDS
        while alive := self.alive():
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"they do not die: {alive}"
            time.sleep(0.01)

    def alive(self) -> list[int]:
        """Every process below the zygote that is no zombie."""
        return [pid for pid in below(self._zygote) if _state(pid) not in ("Z", "X", "")]

    def boot(self) -> None:
        """Come up again: another boot id than the recorded one, the recorded pids in strangers' hands."""
        earlier = str(uuid.uuid4())
        for spool in self._home.own.glob("runs/*/*"):
            if not (spool / "exit.json").exists():
                self._rewrite(spool / "start.json", {"boot": earlier})
                self._rewrite(spool / "namespace.json", {"boot": earlier, **self._taken()})
        self._rewrite(self._home.daemon_facts, {"pid": self._chance.choice(self._strangers).pid})
        if self._chance.random() < 0.5:  # /run is gone after a boot, /tmp is not everywhere
            files.remove_tree(self._home.sockets())

    def _taken(self) -> dict[str, int]:
        """A stranger has the recorded pid; in every second case it even began at the recorded tick of its boot."""
        stranger = self._chance.choice(self._strangers)
        return {"pid": stranger.pid, **({"started": stranger.started} if self._chance.random() < 0.5 else {})}

    def reuse(self, spool: Path) -> None:
        """Within one boot: if that run's first process is gone, its pid is a stranger's from now on."""
        facts = files.read_facts(spool / "namespace.json")
        if facts and start_time(facts["pid"]) != facts["started"]:
            self._rewrite(spool / "namespace.json", {"pid": self._chance.choice(self._strangers).pid})

    def _rewrite(self, place: Path, facts: dict[str, object]) -> None:
        if known := files.read_facts(place):
            self.renamed += "pid" in facts
            files.write_sealed(place, {**known, **facts})


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return []


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""
