"""Which folders hold the programs on PATH, so that an agent finds the person's tools but not the person's home."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM = tuple(Path(name) for name in ("/usr", "/bin", "/sbin", "/lib", "/lib64"))
SHADOWING = tuple(Path(name) for name in ("/etc", "/proc", "/dev", "/run", "/tmp", "/sys", "/"))

# Of a home, what is never shown as a whole, and what is not shown at all, whatever PATH or a link in it says.
UNDIVIDED = (".", ".config", ".local", ".local/share")
PRIVATE = (".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".claude", ".mozilla", ".password-store")

# Version managers whose programs need more than their own folder; the variables tell them where they live.
MANAGERS = {
    ".pyenv": "PYENV_ROOT", ".rbenv": "RBENV_ROOT", ".asdf": "ASDF_DATA_DIR", ".nvm": "NVM_DIR",
    ".volta": "VOLTA_HOME", ".bun": "BUN_INSTALL", ".deno": "DENO_INSTALL", ".sdkman": "SDKMAN_DIR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What to show an agent: a PATH, the folders it needs read-only, and the variables its tools read."""

    path: tuple[Path, ...]
    folders: tuple[Path, ...]
    environment: dict[str, str]


def detect(search_path: str, home: Path) -> Toolchain:
    """The tools that PATH leads to; of the home itself only folders that hold programs, never the rest of it."""
    entries = tuple(dict.fromkeys(Path(entry) for entry in search_path.split(":") if entry.startswith("/")))
    entries = tuple(entry for entry in entries if entry.is_dir())
    found: list[Path] = []
    for entry in entries:
        found.extend(folder for folder in _needed(entry, home) if not _is_private(folder, home))
    return Toolchain(entries, _outermost(found), _variables(home, found))


def _needed(entry: Path, home: Path) -> Iterator[Path]:
    """The folders one PATH entry stands on: its own prefix and those its links lead to."""
    yield from _prefixes(entry, home)
    if _is_system(entry):
        return
    for program in sorted(entry.iterdir()):
        if program.is_symlink() and program.exists():
            yield from _prefixes(program.resolve().parent, home)


def _prefixes(folder: Path, home: Path) -> Iterator[Path]:
    """What the programs in this folder need, and if it belongs to a virtual environment what its interpreter needs."""
    home = home if folder.is_relative_to(home) else home.resolve()  # a home may have two names
    yield from _prefix(folder, home)
    configuration = folder.parent / "pyvenv.cfg"
    if configuration.is_file():
        yield from _base_interpreter(configuration, home.resolve())


def _base_interpreter(configuration: Path, home: Path) -> Iterator[Path]:
    for line in configuration.read_text(errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home" and value.strip():
            yield from _prefix(Path(value.strip()).resolve(), home)


def _prefix(folder: Path, home: Path) -> Iterator[Path]:
    """What must be visible for the programs in this folder to run."""
    if _is_system(folder) or folder in SHADOWING:
        return
    manager = _manager_root(folder, home)
    if manager is not None:
        yield manager
    elif folder.is_relative_to(home / ".cargo"):
        yield from (path for path in (home / ".cargo" / "bin", home / ".rustup") if path.is_dir())
    elif folder.name in ("bin", "sbin") and folder.parent not in SHADOWING and not _is_private(folder.parent, home):
        yield folder.parent
    else:
        yield folder


def _is_private(folder: Path, home: Path) -> bool:
    """Whether showing the folder would show what is nobody's but the person's."""
    folder, home = folder.resolve(), home.resolve()
    undivided = (home / name for name in UNDIVIDED)
    return folder in (*undivided, *home.parents) or any(folder.is_relative_to(home / name) for name in PRIVATE)


def _manager_root(folder: Path, home: Path) -> Path | None:
    for name in MANAGERS:
        if folder.is_relative_to(home / name):
            return home / name
    return None


def _is_system(folder: Path) -> bool:
    return any(folder.is_relative_to(system) for system in SYSTEM)


def _outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The folders without those that lie in another one of them."""
    unique = sorted(set(folders))
    return tuple(each for each in unique if not any(each != other and each.is_relative_to(other) for other in unique))


def _variables(home: Path, folders: Iterable[Path]) -> dict[str, str]:
    shown = set(folders)
    variables = {variable: str(home / name) for name, variable in MANAGERS.items() if home / name in shown}
    if home / ".rustup" in shown:
        variables["RUSTUP_HOME"] = str(home / ".rustup")
    return variables
