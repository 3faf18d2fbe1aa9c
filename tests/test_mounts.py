"""A ledger is kept on a local disk: which folders are on none, and what is said then."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dayshift.host.mounts import NETWORK, Mount, is_network, mount_of, mounts, unfit

ROOT = Path(__file__).parent.parent
DISK = Mount("/", "ext4")


@pytest.mark.parametrize("type", [*sorted(NETWORK), "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "NFS4"])
def test_a_file_system_that_other_machines_share_is_refused_with_the_cure(tmp_path: Path, type: str) -> None:
    reason = unfit(tmp_path / "home" / ".dayshift", [DISK, Mount(str(tmp_path), type)])
    assert f"is on a network file system ({type} at {tmp_path})" in reason
    assert "local disk" in reason
    assert "--home" in reason


@pytest.mark.parametrize(
    "type",
    ["ext4", "xfs", "btrfs", "zfs", "f2fs", "apfs", "tmpfs", "overlay", "virtiofs", "fuseblk", "fuse.gocryptfs",
     "fuse.encfs", "fuse.ntfs-3g", "fuse.lxcfs", "fuse", "nfsd", ""],
)  # fmt: skip
def test_a_file_system_of_this_machine_is_taken(tmp_path: Path, type: str) -> None:
    assert unfit(tmp_path, [DISK, Mount(str(tmp_path), type)]) == ""


@pytest.mark.parametrize(
    ("folder", "type"),
    [
        ("/home/me/day", "nfs4"),
        ("/home/me/local/day", "xfs"),
        ("/home/me", "nfs4"),
        ("/home/mean", "ext4"),
        ("/srv/share", "tmpfs"),
        ("/elsewhere", "ext4"),
    ],
)
def test_the_longest_mount_holds_and_of_two_at_one_place_the_last(folder: str, type: str) -> None:
    known = [DISK, Mount("/home/me/local", "xfs"), Mount("/home/me", "nfs4"), Mount("/srv/share", "cifs"),
             Mount("/srv/share", "tmpfs")]  # fmt: skip
    found = mount_of(Path(folder), known)
    assert found
    assert found.type == type


def test_a_link_counts_where_it_leads(tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir()
    near.symlink_to(far)
    known = [DISK, Mount(str(far), "nfs")]
    assert unfit(near / ".dayshift", known)
    assert not unfit(tmp_path / "other", known)


def test_without_a_list_nothing_is_refused(tmp_path: Path) -> None:
    assert unfit(tmp_path, []) == ""


@pytest.mark.parametrize("folder", ["/", "/proc", "/dev/shm", ""])
def test_on_this_machine_it_finds_the_mount_that_df_finds(tmp_path: Path, folder: str) -> None:
    path = Path(folder) if folder else tmp_path
    words = ["df", "--output=target,fstype", str(path)]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[1].rsplit(maxsplit=1)
    found = mount_of(path.resolve(), mounts())
    assert found
    assert [found.point, found.type] == shown
    assert bool(unfit(path, mounts())) == is_network(found.type)


#: Mounts a FUSE file system as sshfs would, in a namespace that ends with this process, then asks for what a day needs.
FAR = """
import ctypes, json, os, sys
from datetime import date
from pathlib import Path
from dayshift.home import Home
from dayshift.proving.preparation import Unprepared, prepare
from dayshift.inputs.settings import Settings
home = Home(Path(sys.argv[1]))
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
done = ctypes.CDLL(None, use_errno=True).mount(b"far:/", bytes(home.own), b"fuse.sshfs", 0, options)
os.close(device)
try:
    prepare(home, Settings(sandbox="none"), {}, True, date(2026, 11, 20))
    lines = []
except Unprepared as error:
    lines = error.lines
print(json.dumps([done, lines]))
"""


def test_no_day_begins_while_its_ledger_is_on_a_real_network_mount(tmp_path: Path) -> None:
    own = tmp_path / "my home" / ".dayshift"
    own.mkdir(parents=True)
    words = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", FAR, str(own.parent)]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    done, lines = json.loads(result.stdout) if result.returncode == 0 else (-1, [])
    if done != 0:
        pytest.skip("this machine lets nobody mount a FUSE file system in a namespace of one's own")
    (line,) = [each for each in lines if "network file system" in each]
    assert f"{own} is on a network file system (fuse.sshfs at {own})" in line
