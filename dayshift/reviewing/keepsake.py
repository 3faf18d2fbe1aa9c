"""What an acceptance found in the person's tree, kept so that it can be taken back to the byte.

It joins the landing, which says what lies in a tree, the footing, which knows rights and folders, and the holder for
its checksum. Git's objects alone would not do: line endings and rights are not in them. So the files are kept as they
lay there, for the person alone to read.
"""

import json
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dayshift import files
from dayshift.failpoints import passing
from dayshift.holder import seal
from dayshift.reviewing import footing, landing
from dayshift.reviewing.landing import FOLDER, Change

CURE = "what an acceptance found in your tree cannot be told, so it cannot be taken back; take this file away to go on"


class Keepsake:
    """The tree as one task's acceptance found it, as far as it changed it; in a folder of its own."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.folder, self._commit = folder, commit
        kept = files.read_own(folder / "kept.json", CURE)
        self._kept: dict[str, Any] = kept if kept.get("commit") == commit else {}

    @property
    def objects(self) -> Path:
        """Where git keeps the two trees."""
        return self.folder / "objects"

    @property
    def trees(self) -> tuple[str, str] | None:
        """The tree before and after, by git's names; None if nothing was kept."""
        return (self._kept["before"], self._kept["after"]) if self._kept else None

    @property
    def folders(self) -> dict[str, int]:
        """The folders there were, with their rights."""
        return dict(self._kept.get("folders", {}))

    def open(self) -> None:
        """Begin anew, with nothing kept."""
        self.forget()
        self.folder.mkdir(mode=0o700, parents=True)
        for name in ("objects", "files"):
            (self.folder / name).mkdir()

    def take(self, tree: Path, changes: Sequence[Change], before: str, after: str) -> list[str]:
        """Keep what lies there, durably; or nothing, and the paths that are not as the changes say."""
        there = [change for change in changes if change.before not in (None, FOLDER)]
        rights = {change.path: self._copied(tree, change) for change in there}
        if moved := [path for path, found in rights.items() if found is None]:
            return moved
        self._kept = {
            "commit": self._commit, "before": before, "after": after,
            "files": {change.path: [change.before, rights[change.path]] for change in there},
            "folders": footing.folders(tree, [change.path for change in changes]),
        }  # fmt: skip
        files.sync_folder(self.folder / "files")
        kept = seal.sealed(json.dumps(self._kept))  # in ASCII: a name may be no UTF-8
        files.write_atomically(self.folder / "kept.json", kept)
        passing("keepsake.kept")
        return []

    def _copied(self, tree: Path, change: Change) -> int | None:
        digest = str(change.before).split(" ")[1]
        try:
            rights, found = footing.copied(tree, change.path, self.folder / "copy")
        except footing.ABSENT:
            return None
        (self.folder / "copy").rename(self.folder / "files" / digest)
        passing("keepsake.copied")
        return rights if found == digest else None

    def put_back(self, stage: Path, path: str) -> None:
        """Put the file into the stage as it lay in the tree, rights and all; nothing if none was kept."""
        if path not in self._kept.get("files", {}):
            return None
        sight, rights = self._kept["files"][path]
        kind, digest = sight.split(" ")
        place, copy = stage / path, self.folder / "files" / digest
        place.unlink(missing_ok=True)
        if kind == "link":
            return place.symlink_to(os.fsdecode(copy.read_bytes()))
        shutil.copyfile(copy, place)
        return place.chmod(rights)

    def is_exact(self, tree: Path, path: str) -> bool:
        """Whether the rights that were kept are the ones to have: the person has not changed them since."""
        _, old = self._kept.get("files", {}).get(path, ("", None))
        now = footing.mode(tree, path)
        if old is None or now is None or not stat.S_ISREG(now):
            return old is not None
        return stat.S_IMODE(now) == landing.rights_kept(old, bool(now & stat.S_IXUSR))

    def forget(self) -> None:
        """Keep nothing any more."""
        files.remove_tree(self.folder)
        self._kept = {}
