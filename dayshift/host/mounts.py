"""Which file system a folder is on, and whether a ledger can be trusted there."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

#: Types whose files other machines can change, or that only pass requests on: SQLite's write-ahead log needs memory
#: that all its users share, which they do not give, and locks in them are not to be relied on.
NETWORK = frozenset({
    "9p", "acfs", "afp", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "davfs2", "drvfs", "fhgfs", "gfs",
    "gfs2", "glusterfs", "gpfs", "lustre", "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2",
    "smb3", "smbfs", "webdav",
})  # fmt: skip
#: FUSE says its program's name behind a dot; some of these keep files in a far place under a name of their own.
FAR_PROGRAMS = frozenset({
    "blobfuse", "blobfuse2", "curlftpfs", "gcsfuse", "goofys", "google-drive-ocamlfuse", "httpfs", "juicefs", "mfs",
    "moosefs", "mount-s3", "mountpoint-s3", "onedriver", "rclone", "s3fs", "s3ql", "seaweedfs", "sshfs", "weed",
})  # fmt: skip


class Mount(NamedTuple):
    """One entry of the machine's list of mounts."""

    point: str
    type: str


def mounts() -> list[Mount]:
    """What is mounted now, in the order it was mounted."""
    import psutil  # not read by the commands that ask nothing of it

    return [Mount(each.mountpoint, each.fstype) for each in psutil.disk_partitions(all=True)]


def mount_of(path: Path, known: Iterable[Mount]) -> Mount | None:
    """The mount an absolute path without links lies on: the longest, and of several at one point the last."""
    holding = [each for each in known if path.is_relative_to(each.point)]
    return max(reversed(holding), key=lambda each: len(Path(each.point).parts), default=None)


def is_network(type: str) -> bool:
    """Whether files of that type may be shared with other machines."""
    kind, _, program = type.lower().partition(".")
    return kind in NETWORK or (kind in ("fuse", "fuseblk") and program in NETWORK | FAR_PROGRAMS)


def unfit(folder: Path, known: Iterable[Mount]) -> str:
    """Why no ledger may be kept in that folder, with the cure; empty if one may."""
    found = mount_of(folder.resolve(), known)
    if found is None or not is_network(found.type):
        return ""
    return (
        f"{folder} is on a network file system ({found.type} at {found.point}): its locks are not to be trusted, and "
        "SQLite's log needs memory that only one machine shares, so a cap could be passed; "
        "take a home on a local disk, e.g. `dayshift --home ~/dayshift init ~/dayshift`"
    )
