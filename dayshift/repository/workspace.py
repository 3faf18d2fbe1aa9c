"""An agent's place to work: a git worktree, and how its work is kept without touching the person's branches."""

import contextlib
import hashlib
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dayshift import files, locks
from dayshift.evidence import DiffStat
from dayshift.failpoints import passing
from dayshift.repository import objects
from dayshift.repository.git import GitError, Repository

REF = "refs/dayshift/"  #: private refs; no branch, no tag, nothing a person's git shows by itself
WORKTREE_PATIENCE = 120.0  #: seconds to wait for others that make worktrees in the same repository
OWN_WORKTREE = "dayshift-"  #: what the names of the supervisor's worktrees begin with in the git directory
HALF_MADE = ".making-"  #: what the name of a folder begins with in which a worktree is made


class Taken(Exception):
    """Another home has a worktree of this name in the repository; the message says where and what to do."""


class Busy(GitError):
    """Others have been making or removing a worktree of the repository for longer than they are waited for."""


class Tampered(Exception):
    """The worktree's .git file is not the one the supervisor wrote."""


def repo_of(folder: Path) -> Path:
    """The worktree in a workspace's folder."""
    return folder / "repo"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One task's folder: repo/ (worktree), home/, io/, summary.md, changes.patch."""

    folder: Path
    project: Repository

    @property
    def task_id(self) -> str:
        return self.folder.name

    @property
    def repo(self) -> Path:
        return repo_of(self.folder)

    def place_of(self, name: str) -> Path | None:
        """Where that path of the project lies in the worktree; None if a link, which agents can make, is on the way."""
        place = self.repo / name
        inside = place.is_relative_to(self.repo) and ".." not in Path(name).parts
        steps = (place, *place.parents)
        return place if inside and not any(step.is_symlink() for step in steps[: steps.index(self.repo)]) else None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def io(self) -> Path:
        return self.folder / "io"

    @property
    def _admin(self) -> Path:
        """The worktree's own folder in the git directory."""
        return self.project.common_dir / "worktrees" / f"{OWN_WORKTREE}{self.task_id}"

    @property
    def set_up(self) -> Path:
        """A mark that the worktree was set up; it goes with the worktree, and no agent can make it."""
        return self._admin / "dayshift-set-up"

    @property
    def databases(self) -> Path:
        """Where its known databases are written down; it goes with the worktree, and no agent can write it."""
        return self._admin / "dayshift-databases.json"

    @property
    def repository(self) -> Repository:
        """The worktree, addressed so that nothing in it can redirect git."""
        return Repository(self._admin, self.project.common_dir, self.repo)

    @property
    def ready(self) -> bool:
        """Whether the worktree stands."""
        return (self.repo / ".git").is_file() and self._admin.is_dir()

    def make(self, base: str) -> None:
        """Lay out the folder with a worktree at that commit; one that stands is kept as it is."""
        for folder in (self.folder, self.home, self.io):
            folder.mkdir(parents=True, exist_ok=True)
        if self.ready:
            self._remove_half_made()
            self._register()
            return self.check()
        self._must_be_free()
        with self._alone() as held:
            self._add_worktree(base, [held])
        return self.check()

    def _must_be_free(self) -> None:
        """Taken if a task of this id, of another home, has its worktree in this repository."""
        other = self._registered
        if other and not self.is_registered and other.exists():
            raise Taken(f"another task {self.task_id} works in this repository, in {other}; take another id")

    @property
    def _registered(self) -> Path | None:
        """Where the repository says that the worktree of this name stands."""
        try:
            return Path((self._admin / "gitdir").read_text().strip()).parent
        except OSError:
            return None

    @property
    def is_registered(self) -> bool:
        """Whether the worktree of this name is this workspace's, made or half made, and of no other home."""
        return (there := self._registered) is not None and there.is_relative_to(self.folder)

    def _register(self) -> None:
        """Let the repository know where the worktree stands; a crash may have come before that."""
        if self._registered != self.repo:
            files.write_atomically(self._admin / "gitdir", f"{self.repo / '.git'}\n")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        """While a worktree is made or taken away, git reading the list of them fails; so one does it at a time.

        The block gives the lock's descriptor to what it starts, for that goes on if this process is killed.
        """
        name = hashlib.sha256(bytes(self.project.common_dir)).hexdigest()[:16]
        # Not a lock on the git directory itself: an agent sees that, and could hold it for ever.
        path = locks.private_folder("dayshift-locks") / name
        try:
            with locks.lock(path, patience=WORKTREE_PATIENCE) as held:
                yield held
        except locks.Locked as error:
            raise Busy(
                f"somebody has been making or removing a worktree of {self.project.work_tree} for "
                f"{WORKTREE_PATIENCE:.0f} s, perhaps a git that a daemon left when it was killed; "
                f"`fuser -v {path}` names it: wait for its end, or end it"
            ) from error

    def _remove_half_made(self, held: Collection[int] = ()) -> None:
        """What a daemon that died over it left."""
        for left in self.folder.glob(f"{HALF_MADE}*"):
            files.remove_tree(left, held)

    def _add_worktree(self, base: str, held: Collection[int]) -> None:
        self._remove_half_made(held)
        files.remove_tree(self.repo, held)
        files.remove_tree(self._admin, held)
        with tempfile.TemporaryDirectory(prefix=HALF_MADE, dir=self.folder) as scratch:
            # git names a worktree's folder after its last path part; the move gives it a name of ours.
            made = Path(scratch) / self._admin.name
            self.project.run("worktree", "add", "--detach", "--quiet", str(made), base, held=held)
            passing("worktree.added")
            made.rename(self.repo)
            passing("worktree.moved")
        self._register()
        passing("worktree.ready")

    def check(self) -> None:
        """Tampered unless the worktree's .git file says what the supervisor wrote."""
        try:
            text = files.read_untrusted(self.repo / ".git")
        except (OSError, files.Refused) as error:
            raise Tampered(f"{self.repo / '.git'}: {error}") from error
        if text.strip() != f"gitdir: {self._admin}":
            raise Tampered(f"{self.repo / '.git'} points elsewhere: {text.strip()[:200]!r}")

    def keep(self, base: str, message: str) -> str:
        """Keep the work tree as it is: a commit on the private ref and changes.patch. The commit is returned."""
        with self._scratch_index() as repository, objects.apart(repository) as repository:
            repository.run("read-tree", base)
            # What git will not take (a folder named .GIT, say) must not cost the rest: it goes on and ends with 1.
            repository.run("add", "--all", "--ignore-errors", "--", ".", *self._nested_repositories(), expect=(0, 1))
            tree = repository.text("write-tree")
            patch = repository.run("diff", "--cached", "--binary", base)
            commit = base
            if tree != repository.text("rev-parse", f"{base}^{{tree}}"):
                commit = repository.text("commit-tree", tree, "-p", base, "-m", message)
        passing("work.committed")
        self.project.run("update-ref", REF + self.task_id, commit)
        passing("work.referred")
        files.write_atomically(self.folder / "changes.patch", patch)
        passing("work.kept")
        return commit

    @contextlib.contextmanager
    def _scratch_index(self) -> Iterator[Repository]:
        with tempfile.TemporaryDirectory(prefix="dayshift-index-") as folder:
            yield self.repository.with_index(Path(folder) / "index")

    def _nested_repositories(self) -> list[str]:
        """Pathspecs that leave out repositories an agent made inside the work tree: git would run their config."""
        return [f":(exclude,literal){path}" for path in nested_repositories(self.repo)]

    def diff_stat(self, base: str, commit: str) -> DiffStat:
        """What changed between the two commits."""
        lines = self.project.text("diff-tree", "-r", "--numstat", "--no-renames", "-z", base, commit).split("\0")
        rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
        return DiffStat(
            len(rows),
            sum(int(added) for added, _, _ in rows if added.isdigit()),
            sum(int(removed) for _, removed, _ in rows if removed.isdigit()),
            tuple(path for _, _, path in rows),
        )

    def remove(self) -> None:
        """Take the workspace away: worktree, private ref, folder."""
        with contextlib.suppress(Taken):
            self._must_be_free()
            self.forget()
        passing("worktree.forgotten")
        files.remove_tree(self.folder)

    def forget(self) -> None:
        """Take away what the repository knows of this workspace."""
        with self._alone() as held:
            files.remove_tree(self._admin, held=[held])
        self.project.run("update-ref", "-d", REF + self.task_id, check=False)


def nested_repositories(tree: Path) -> list[str]:
    """Folders below the tree's top that hold a .git of their own, relative to it."""
    found = []
    for here, subfolders, names in files.walk(tree):
        if here != tree and any(name.lower() == ".git" for name in (*subfolders, *names)):
            found.append(str(here.relative_to(tree)))
            subfolders.clear()
        elif ".git" in subfolders:
            subfolders.remove(".git")
    return sorted(found)
