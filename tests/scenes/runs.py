"""Scenes of processes: a run and its holder, a check, the painter, a visit's terminal."""

import asyncio
import json
import os
import pty
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from dayshift import failpoints, locks
from dayshift.commandline import Context
from dayshift.commands import attach, start
from dayshift.holder.bounds import Bounds, Watch
from dayshift.home import Home
from dayshift.notifying import closing
from dayshift.repository import git, outfit, verification
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.running import spool
from dayshift.running.spool import MARK, Ended, LaunchFailed, Spool, carriers
from dayshift.sandboxing.sandbox import Sandbox
from tests import day_examples
from tests.house import NINE
from tests.scenes import Alone
from tests.shop import Shop, write
from tests.striking import Strike

PLENTY = Bounds(memory=8 << 30, processes=512, disk=8 << 30)
STUB = Path(__file__).with_name("stub_daemon.py")
STRUCK = Path(__file__).with_name("struck_holder.py")
MOST_RUNS = 4


class Run(Alone):
    """A task's run in its sandbox, seen through by daemons that die, or by holders that do; lost, it is run again.

    Before it was one that an earlier daemon had noted down and never began.
    """

    elsewhere = (
        "spool.written", "spool.whole", "spool.named", "spool.kept", "run.held", "run.begun", "holder.forking",
        "command.starting", "command.started", "namespace.known", "run.over", "output.synced", "argv.synced",
        "end.recorded",
    )  # fmt: skip
    points = ("holder.starting", "holder.started", "run.ordered", "run.forestalled", *elsewhere)

    def prepare(self) -> None:
        self.runs = self.folder / "runs"

    def stage(self) -> None:
        shop = Shop(self.folder)
        self._place().make(head(shop.project))
        self.runs.mkdir()
        (self.runs / "begun-0").touch()

    def act(self) -> None:
        strike = vars(failpoints)["_strike"]
        if isinstance(strike, Strike):
            (point,) = strike.points or ()
            told = {"point": point, "how": strike.how, "marks": str(strike.marks)}
            (self.runs / "strike.json").write_text(json.dumps(told))
            spool.HOLDER = STRUCK
        for number in range(MOST_RUNS):
            ended = self._seen_through(number)
            if ended and (ended.how, ended.code) == ("exited", 0):
                return
        raise AssertionError("no run came to an end of its own")

    def _seen_through(self, number: int) -> Ended | None:
        """As a daemon does: what was noted down is begun, or never will be; what was begun is followed to its end."""
        run, begun = Spool(self.runs / str(number)), self.runs / f"begun-{number}"
        if not begun.exists():
            begun.touch()
            self._launch(run)
        if run.forestall():
            return None
        while (ended := run.ended()) is None:
            time.sleep(0.01)
        run.reap(self._mark(number))
        return ended

    def _launch(self, run: Spool) -> None:
        place = self._place()
        sandbox = Sandbox(place.folder, place.repo, place.project.common_dir, place.home, {"PATH": "/usr/bin:/bin"})
        argv = sandbox.argv(["/bin/sh", "-c", f"echo done >> {place.repo}/work"], status=True)
        mark = {MARK: self._mark(int(run.folder.name))}
        try:
            run.launch(argv, mark, "Go.", self.folder / "out", 60, PLENTY, place.folder)
        except (LaunchFailed, OSError) as error:
            (self.folder / "failed").write_text(str(error))

    def _place(self) -> Workspace:
        return Workspace(Home(self.folder / "home").workspace("a"), git.find(self.folder / "shop"))

    def _mark(self, number: int) -> str:
        return f"{self.folder}:a:{number}"

    def ends(self) -> None:
        assert set((self._place().repo / "work").read_text().split()) == {"done"}
        numbers = [int(path.name.partition("-")[2]) for path in self.runs.glob("begun-*")]
        assert not [each for number in numbers for each in carriers(self._mark(number))]
        assert not [number for number in numbers if Spool(self.runs / str(number)).alive]
        well = [each for number in numbers if (each := Spool(self.runs / str(number)).ended()) and each.code == 0]
        assert len(well) == 1


class Check(Alone):
    """A validation command."""

    points = ("check.starting",)

    def act(self) -> None:
        words = f"echo done > {self.folder}/checked"
        check = asyncio.run(
            verification.run_command(words, list, lambda: Watch(PLENTY, str(self.folder)), "validate")
        )  # fmt: skip
        assert check.exit_code == 0

    def ends(self) -> None:
        assert (self.folder / "checked").read_text() == "done\n"


class Share(Alone):
    """What git ignores and builds need, copied into a worktree."""

    points = ("share.copying", "share.begun")

    def stage(self) -> None:
        write("modules/deep/file", "x")(self.folder)

    def act(self) -> None:
        asyncio.run(outfit._copy(self.folder / "modules", self.folder / "copy"))

    def ends(self) -> None:
        assert (self.folder / "copy" / "deep" / "file").read_text() == "x"


class Painting(Alone):
    """The day's picture, painted by a process of its own."""

    points = ("painter.starting", "painter.started")
    slow = True

    def act(self) -> None:
        facts = closing.pictured(day_examples.all_done(), (), (), NINE)
        (self.folder / "picture.png").write_bytes(asyncio.run(closing.drawn(facts)))

    def ends(self) -> None:
        assert (self.folder / "picture.png").read_bytes().startswith(b"\x89PNG")


class Detached(Alone):
    """A daemon sent into the background; whoever starts once more meets the one that runs."""

    points = ("daemon.detaching", "daemon.detached")

    def prepare(self) -> None:
        self.home = Home(self.folder / "home")
        self.home.make_folders()

    def act(self) -> None:
        asked = self.folder / "asked"
        if not asked.exists() or not self._runs(3.0):
            asked.touch()
            sys.argv = [str(STUB), str(self.home.root), "--detach"]
            os.environ["PYTHONPATH"] = str(STUB.parents[2])
            start._detach(cast(Context, SimpleNamespace(home=self.home)))

    def ends(self) -> None:
        assert self._runs(3.0)
        (self.home.root / "end").touch()
        assert len((self.home.root / "lives").read_text().split()) == 1

    def _runs(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not (running := locks.is_locked(self.home.daemon_lock)) and time.monotonic() < until:
            time.sleep(0.02)
        return running


class Visit(Alone):
    """A session that lies ready for the person, begun on their terminal."""

    points = ("visit.starting",)

    def prepare(self) -> None:
        self.run = Spool(self.folder / "run")

    def stage(self) -> None:
        argv = ["/bin/sh", "-c", "echo hello"]
        self.run.order(argv, {MARK: str(self.folder)}, "", self.folder / "out", 60, PLENTY, self.folder, terminal=True)

    def act(self) -> None:
        with _terminal():
            attach._stay(self.run)

    def ends(self) -> None:
        assert self.run.ended() == Ended(0, "exited", launched=True)
        assert not list(carriers(str(self.folder)))


@contextmanager
def _terminal() -> Iterator[None]:
    """This process is at a terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    for descriptor in (0, 1):
        os.dup2(slave, descriptor)
    yield
    os.close(master)
