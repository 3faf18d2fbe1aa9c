"""Scenes of git and trees: worktrees, work kept, quarantine, attachments, acceptance, branches."""

import subprocess
from dataclasses import replace

from dayshift import files, records
from dayshift.home import Home
from dayshift.mailbox import attachments
from dayshift.model import Record
from dayshift.records import from_json, to_json
from dayshift.repository import git, quarantine, workspace
from dayshift.repository.commits import head
from dayshift.repository.workspace import Workspace
from dayshift.reviewing import acceptance, branch, undoing
from dayshift.states import Cancelled
from dayshift.tidying import disposal
from tests.house import NINE
from tests.scenes import Alone
from tests.shop import Shop, line, shell, write


class InShop(Alone):
    """A scene in a home with a project."""

    def prepare(self) -> None:
        self.home, self.tree = Home(self.folder / "home"), self.folder / "shop"

    def stage(self) -> None:
        self.shop = Shop(self.folder)

    @property
    def place(self) -> Workspace:
        return Workspace(self.home.workspace("a"), git.find(self.tree))

    def holds(self) -> None:
        """Every object is whole, every reference leads somewhere; nothing of the person's was moved."""
        assert said(self, "fsck", "--strict", "--no-dangling", "--no-progress") == ""
        assert said(self, "log", "--format=%s", "main") == "as it was"


def said(scene: InShop, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=scene.tree, check=True, capture_output=True, text=True).stdout.strip()


def files_of_git(scene: InShop) -> list[str]:
    """What was meant for a moment alone and is still there."""
    apart = [path.name for path in (scene.tree / ".git").rglob("tmp_objdir-*")]
    return [*apart, *(path.name for path in (scene.tree / ".git").rglob("*.lock"))]


class Work(InShop):
    """A worktree made, worked in, its work kept; what is cut short is made anew."""

    points = (
        "git.starting", "git.ended", "worktree.added", "worktree.moved", "worktree.ready", "objects.noted",
        "object.joined", "work.committed", "work.referred", "work.kept",
    )  # fmt: skip

    def act(self) -> None:
        base = head(self.place.project)
        self.place.make(base)
        line(3, "theirs")(self.place.repo)
        (self.folder / "commit").write_text(self.place.keep(base, "work"))

    def ends(self) -> None:
        kept = (self.folder / "commit").read_text()
        assert said(self, "rev-parse", workspace.REF + "a") == kept
        assert "+theirs" in said(self, "diff", "main", kept)
        assert (self.place.folder / "changes.patch").read_text().count("+theirs") == 1
        assert said(self, "worktree", "list").count(str(self.place.repo)) == 1
        assert "prunable" not in said(self, "worktree", "list", "--porcelain")
        assert sorted(each.name for each in self.place.folder.iterdir()) == ["changes.patch", "home", "io", "repo"]


class Quarantine(InShop):
    """A workspace put aside, and a fresh one made in its place."""

    points = ("quarantine.defused", "quarantine.ready", "quarantine.moved")

    def stage(self) -> None:
        super().stage()
        self.place.make(head(self.place.project))
        write("evidence", "x")(self.place.repo)

    def act(self) -> None:
        quarantine.set_aside(self.home, self.place, 1)
        self.place.make(head(self.place.project))

    def ends(self) -> None:
        aside = self.home.quarantine("a", 1)
        assert (aside / "repo" / "evidence").read_text() == "x"
        assert not (aside / "repo" / ".git").exists() and (aside / "repo" / quarantine.DEFUSED).exists()
        assert not (self.place.repo / "evidence").exists() and self.place.ready


class Disposal(InShop):
    """A task's work saved, and the task taken away."""

    points = ("work.salvaged", "worktree.forgotten", "task.taken_away")

    def stage(self) -> None:
        super().stage()
        records.save(self.home, self.shop.works(line(3, "theirs"), state=Cancelled(NINE)))

    def act(self) -> None:
        known, _ = records.load_all(self.home)
        for each in known.values():
            disposal.salvage(self.home, each)
            disposal.discard(self.home, each)

    def holds(self) -> None:
        super().holds()
        saved = list((self.home.results / "salvage").glob("*.patch"))
        assert saved or self.place.folder.exists()
        assert all("+theirs" in path.read_text() for path in saved)

    def ends(self) -> None:
        known, broken = records.load_all(self.home)
        assert (known, broken, self.place.folder.exists()) == ({}, [], False)
        assert len(list(self.home.history.glob("*/*.json"))) == 1
        assert said(self, "for-each-ref", workspace.REF) == "" and len(said(self, "worktree", "list").splitlines()) == 1


class Orphan(InShop):
    """A workspace of which no record tells, which git cannot make a patch of: put aside as it is."""

    points = ("workspace.put_aside",)

    def stage(self) -> None:
        super().stage()
        self.place.make(head(self.place.project))
        write("evidence", "x")(self.place.repo)

    def act(self) -> None:
        if self.place.folder.exists():
            disposal.rescue(self.home, self.place.folder, None)

    def ends(self) -> None:
        (aside,) = (self.home.results / "salvage").iterdir()
        assert (aside / "repo" / "evidence").read_text() == "x" and not (aside / "repo" / ".git").exists()


class Attachment(Alone):
    """A person's photo, put into an agent's folder."""

    points = ("attachment.begun", "attachment.written", "attachment.kept")

    def stage(self) -> None:
        (self.folder / "task" / "io").mkdir(parents=True)

    def act(self) -> None:
        attachments.keep(self.folder / "task" / "io", "photo.jpg", b"colours")

    def ends(self) -> None:
        """Sent once more it may lie there twice, but never by half under the name that an answer gives."""
        last = sorted((self.folder / "task" / "io").iterdir())[-1]
        assert last.read_bytes() == b"colours"


class Acceptance(InShop):
    """Work accepted into a tree in which the person works too."""

    slow = True
    points = (
        "copy.synced", "keepsake.copied", "keepsake.kept", "stage.synced", "names.synced", "path.removed",
        "path.landing", "path.landed", "receipt.written", "verdict.kept",
    )  # fmt: skip

    def stage(self) -> None:
        super().stage()
        keep(self, self.shop.works(shell("mv src/old.py src/new.py"), line(3, "theirs"), shell("rm lib/a.py")))
        line(18, "mine")(self.tree)

    def act(self) -> None:
        worked = kept(self)
        if worked.review == "pending":
            acceptance.accept(self.home, worked, NINE)
            acceptance.mark(self.home, replace(worked, review="accepted"), NINE)

    def holds(self) -> None:
        """Every file is as it was or as it shall be."""
        super().holds()
        assert (self.tree / "src/orders.py").read_text().splitlines()[17] == "mine"
        assert (self.tree / "src/old.py").exists() or (self.tree / "src/new.py").exists() or staged(self)

    def ends(self) -> None:
        assert Shop.status(self) == [" D lib/a.py", " D src/old.py", " M src/orders.py", "?? src/new.py"]  # type: ignore[arg-type]
        lines = (self.tree / "src/orders.py").read_text().splitlines()
        assert (lines[2], lines[17]) == ("theirs", "mine")
        assert (staged(self), files_of_git(self)) == ([], [])
        undoing.undo(self.home, kept(self), NINE)
        assert Shop.status(self) == [" M src/orders.py"]  # type: ignore[arg-type]


def staged(scene: InShop) -> list[str]:
    return [path.name for path in scene.tree.glob(".dayshift*")]


def keep(scene: InShop, worked: Record) -> None:
    files.write_json(scene.home.records / "a.json", to_json(worked))


def kept(scene: InShop) -> Record:
    return from_json(files.read_json(scene.home.records / "a.json"))  # type: ignore[arg-type]


class Branch(InShop):
    """Work accepted as a branch, and the branch taken away again."""

    points = ("branch.noted", "branch.made", "branch.removed")

    def stage(self) -> None:
        super().stage()
        keep(self, self.shop.works(line(3, "theirs")))

    def act(self) -> None:
        worked = kept(self)
        if worked.review == "pending":
            branch.make(self.home, [worked], "work", NINE)
            worked = replace(worked, review="accepted", branch="work")
            keep(self, worked)
            (self.folder / "made").write_text(said(self, "log", "--format=%s", "main..work"))
        if worked.branch:
            branch.undo(self.home, [worked], NINE)
            keep(self, replace(worked, branch=""))

    def ends(self) -> None:
        assert len((self.folder / "made").read_text().splitlines()) == 1
        assert said(self, "branch", "--list", "work") == "" and files_of_git(self) == []
