"""Stand-ins: scripts bound over git and the database clients, which tell how they were called and then become them.

Whatever a shell hid from the guard has an exact command line in the end. A stand-in writes it into a FIFO that the
run's holder reads; an agent can add to it, but neither read it nor take anything back. The real programs are shown a
second time with the folders round them, below `REAL`, so that each finds what it looks for beside itself. They are
witnesses and no fence: who starts a program below `REAL` is not seen, and is refused by the kernel all the same.
"""

import shlex
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from dayshift import files

INSIDE = Path("/run/stand-in")
REAL = INSIDE / "real"  #: below it, real programs have the paths they have outside
RECORDS = INSIDE / "argv"  #: the FIFO
CORES = ("lib/git-core/git", "libexec/git-core/git")  #: git's second copy of itself, seen from its prefix
QUIET = "claude | git | git-*"  #: by whom a call is of no interest: the CLI looks for itself, git calls itself
MOST = 3800  #: bytes of a record: with its frame it fits into PIPE_BUF, 4096 on Linux
SCRIPT = Path(__file__).parent.parent / "templates" / "stand-in.sh"


def shown(
    scripts: Path, search_path: Sequence[Path], names: Iterable[str], folders: Sequence[Path]
) -> dict[Path, Path]:
    """What to show read-only, place inside → outside: the folders with the real programs, a script over each of them.

    `scripts` is the folder to write the scripts to, `folders` are those an agent sees besides the system's.
    """
    visible = [Path("/usr"), *folders]
    found = {target: called for target, called in _targets(search_path, names).items() if _root(target, visible)}
    scripts.mkdir(parents=True, exist_ok=True)
    real = {REAL / root.relative_to("/"): root for target in found if (root := _root(target, visible))}
    return {**real, **{target: _written(scripts, target, called) for target, called in found.items()}}


def _targets(search_path: Sequence[Path], names: Iterable[str]) -> dict[Path, list[str]]:
    """The files behind these names on the path, with the names; of git also the one it calls itself by."""
    found: dict[Path, list[str]] = {}
    for path in (folder / name for name in sorted(names) for folder in search_path):
        target = path.resolve()
        cores = [(target.parent.parent / core).resolve() for core in CORES] if path.name == "git" else []
        for each in (target, *cores):
            if path.name not in found.get(each, []) and each.is_file() and each.stat().st_mode & 0o111:
                found.setdefault(each, []).append(path.name)
    return found


def _root(target: Path, visible: Iterable[Path]) -> Path | None:
    return next((folder for folder in visible if target.is_relative_to(folder)), None)


def _written(scripts: Path, target: Path, called: Sequence[str]) -> Path:
    """The script that stands in for that file, which has these names."""
    names = " | ".join([*called, "git-*"] if called[0] == "git" else called)
    values = {
        "real": shlex.quote(str(REAL / target.relative_to("/"))), "root": str(REAL), "records": str(RECORDS),
        "quiet": QUIET, "most": str(MOST), "name": called[0], "names": names,
    }  # fmt: skip
    text = SCRIPT.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    path = scripts / f"{target.name}-{sha256(bytes(target)).hexdigest()[:8]}"
    files.write_atomically(path, text, 0o755, durable=False)
    return path
