"""What a worktree is given before an agent works in it: what git ignores but builds need, its known databases, a name.

It joins the workspace that is given them, databases, audit for the address in the name, and verification, which says
for how long a command may go on.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dayshift import files
from dayshift.failpoints import passing
from dayshift.repository import audit, databases, verification
from dayshift.repository.workspace import Workspace


class SetupFailed(Exception):
    """A workspace could not be prepared; the message says which step and how it ended."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """That of one workspace, as the person wants it."""

    workspace: Workspace
    share: tuple[str, ...]
    wanted: databases.Wanted
    log: Callable[[str], None]  #: one entry of the task's readable log

    def shares(self) -> Iterator[tuple[Path, Path]]:
        """What is shared, where it lies and where it shall. No link that an agent made may lead it anywhere else."""
        for name in self.share:
            source, place = self.workspace.project.work_tree / name, self.workspace.place_of(name)
            if place is None:
                self.log(f"workspace.share: {name} is left out: in the worktree a link stands in its way")
            elif source.exists():
                yield source, place

    async def copy_shares(self) -> None:
        """A copy of all of it in the worktree, the agent's own; SetupFailed if that takes too long."""
        for source, place in self.shares():
            await _copy(source, place)

    def know_databases(self) -> None:
        """Write down what is a database before anything runs here: what is made later is the agent's own."""
        try:
            known = databases.find(self.workspace.repo, self.wanted)
        except databases.TooMany as error:
            raise SetupFailed(str(error)) from error
        files.write_sealed(self.workspace.databases, known)

    def known_databases(self) -> Sequence[Path]:
        """The known ones that stand in the worktree now; if it cannot be read which those are, all there are now."""
        place, known = self.workspace.databases, files.read_facts(self.workspace.databases)
        if not (known and all(isinstance(each, int) for each in known.values())) and place.exists():
            self.know_databases()
            known = files.read_facts(place)
        return databases.standing(self.workspace.repo, known)

    def name_agent(self) -> None:
        """A name for what the agent may commit, so that it is not taken for the person."""
        place, task_id = self.workspace.home / ".gitconfig", self.workspace.task_id
        if not place.exists():
            who = f"[user]\n\tname = agent {task_id}\n\temail = {audit.address(task_id)}\n"
            files.write_atomically(place, who)


async def _copy(source: Path, place: Path) -> None:
    """Copy what is there, without a word about what cannot be copied; SetupFailed if it takes too long."""
    words = ["cp", "-a", "-T", "--reflink=auto", str(source), str(place)]
    passing("share.copying")
    process = await asyncio.create_subprocess_exec(*words, process_group=0)
    try:
        passing("share.begun")
        async with asyncio.timeout(verification.COMMAND_SECONDS):
            await process.wait()
    except TimeoutError:
        raise SetupFailed(f"{source} could not be copied within {verification.COMMAND_SECONDS} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
