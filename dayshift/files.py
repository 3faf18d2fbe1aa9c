"""Files that survive crashes and do not trust their writers.

Joins the holder for its checksum, which its records have too.
"""

import errno
import json
import os
import stat
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dayshift.failpoints import passing
from dayshift.holder import seal

SIZE_LIMIT = 256 * 1024
#: What says that a file is not to be read; all else is the machine's fault, and may be over soon.
REFUSING = (
    errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG,
)  # fmt: skip
OWN_LIMIT = 64 << 20  #: bytes of a JSON file of our own


class Unusable(Exception):
    """A file of the program's own cannot be used; the message says which, why and what to do."""


class Refused(Exception):
    """A file another party may write is not what it must be; the message says what and what to do."""


def write_atomically(path: Path, content: str | bytes, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the file as a whole: readers see the old content or the new, never a part; a crash too if durable."""
    temporary = _write_beside(path, content, mode, durable)
    try:
        temporary.replace(path)
        passing("file.replaced")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def publish_once(path: Path, content: str | bytes, mode: int = 0o644) -> bool:
    """Make the file unless it exists; False if somebody was first. Whole or not at all, like write_atomically."""
    temporary = _write_beside(path, content, mode, durable=True)
    try:
        os.link(temporary, path)
        passing("file.linked")
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _write_beside(path: Path, content: str | bytes, mode: int, durable: bool) -> Path:
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    temporary = path.parent / f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            passing("file.written")
            if durable:
                os.fsync(file.fileno())
        passing("file.whole")
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a write that fails does not say where
        raise
    return temporary


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        passing("folder.synced")
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """Replace the file by this value as readable JSON, keys in the order given."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n", durable=durable)


def write_sealed(path: Path, value: Any) -> None:
    """The same with a checksum: what reads it later sees whether it is what was written."""
    write_atomically(path, seal.sealed(json.dumps(value, ensure_ascii=False, indent=2)))


def read_json(path: Path) -> Any | None:
    """The value in a JSON file of our own, or None if the file is absent or broken, or is not what was written."""
    try:
        return opened_json(path)
    except (OSError, Refused, ValueError):
        return None


def read_facts(path: Path) -> dict[str, Any]:
    """The same, where it is an object; nothing if it is none."""
    value = read_json(path)
    return value if isinstance(value, dict) else {}


def opened_json(path: Path) -> Any:
    """The same; FileNotFoundError, OSError, Refused or ValueError say what is wrong with it."""
    return seal.opened(_read_plain(path, OWN_LIMIT, follow=True))


def read_own(path: Path, cure: str) -> dict[str, Any]:
    """The object in that file, empty if there is no file; Unusable, with place and cure, if it holds anything else."""
    try:
        if isinstance(value := opened_json(path), dict):
            return value
        why = "it holds no object"
    except FileNotFoundError:
        return {}
    except (OSError, Refused, ValueError) as error:
        why = str(error)
    raise Unusable(f"{path} is broken ({why}): {cure}")


def is_foreign(path: Path) -> bool:
    """Whether it belongs to somebody else: neither to this user or root, nor to whom the folder belongs it is in."""
    return path.lstat().st_uid not in (os.geteuid(), 0, path.parent.stat().st_uid)


def set_aside(path: Path) -> Path:
    """Give what cannot be used another name beside its own, never that of something else; which it is now."""
    aside, turn = path.with_name(f"{path.name}.broken"), 1
    while os.path.lexists(aside):
        turn += 1
        aside = path.with_name(f"{path.name}.broken.{turn}")
    path.rename(aside)
    passing("file.set_aside")
    return aside


def read_untrusted(path: Path, limit: int = SIZE_LIMIT) -> str:
    """The text of a regular file another party may write. Links, pipes, devices, big or binary files: Refused."""
    return _checked_text(path, _read_plain(path, limit))


def _read_plain(path: Path, limit: int, follow: bool = False) -> bytes:
    """What a regular file holds; whatever lies there, this waits for nobody and takes no more than the limit."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno not in REFUSING:
            raise
        raise Refused(f"{path.name} cannot be read as a plain file ({error.strerror})") from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Refused(f"{path.name} is not a regular file")
        data = b"" if facts.st_size > limit else _read_up_to(descriptor, limit + 1)
    finally:
        os.close(descriptor)
    if facts.st_size > limit or len(data) > limit:
        raise Refused(f"{path.name} is larger than {limit // 1024} KiB")
    return data


def _read_up_to(descriptor: int, most: int) -> bytes:
    blocks = list[bytes]()
    while most > 0 and (block := os.read(descriptor, min(most, 1 << 20))):
        blocks.append(block)
        most -= len(block)
    return b"".join(blocks)


def _checked_text(path: Path, data: bytes) -> str:
    if b"\0" in data:
        raise Refused(f"{path.name} is binary; it must be UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is not UTF-8 text (byte {error.start})") from error


def remove_tree(folder: Path, held: Collection[int] = ()) -> None:
    """Take the folder away with all it holds, however deep; links in it are removed, never followed.

    Locks that are `held` with these descriptors stay held until it is over, whatever becomes of this process.
    """
    quiet = subprocess.DEVNULL  # rm(1), for shutil.rmtree gives up on folders a thousand deep
    passing("tree.removing")
    words = ["rm", "-rf", "--", str(folder)]
    subprocess.run(words, check=False, stdin=quiet, stderr=quiet, process_group=0, pass_fds=held)
    passing("tree.removed")


def walk(tree: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Every folder below, with the names of its folders and of all else in it; however deep, and following no link.

    Taking a name out of a list of folders keeps the walk out of it. What cannot be listed is passed over.
    """
    waiting = [tree]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError:
            continue
        subfolders = [name for name, is_folder in listed if is_folder]
        yield folder, subfolders, [name for name, is_folder in listed if not is_folder]
        waiting += [folder / name for name in reversed(subfolders)]
