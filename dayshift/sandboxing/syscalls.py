"""Which system calls an agent's processes give up, as programs for the kernel's filter (seccomp, classic BPF).

The numbers are those of the kernel's headers: asm/unistd_64.h for x86-64, asm-generic/unistd.h for aarch64. A call that
is not named stays allowed: who may do what to which file is the mounts' business. What goes are the ways round them.
"""

import errno
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class UnknownMachine(Exception):
    """Of this processor the system calls are not known, so none can be refused; the message says so."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor's system calls."""

    audit: int  #: how the kernel names it to a filter (linux/audit.h)
    numbers: Mapping[str, int]
    foreign: int | None = None  #: numbers from here on are those of another calling convention


# linux/audit.h, linux/seccomp.h, linux/bpf_common.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN, JUMP = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06, 0x05
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  #: where struct seccomp_data has them

# Calls that answer EPERM, and why nobody inside may make them.
FORBIDDEN = {
    "read and steer other processes": "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp",
    "new namespaces and mounts": "unshare setns mount umount2 pivot_root chroot move_mount open_tree "
    "fsopen fsconfig fsmount fspick mount_setattr open_tree_attr",
    "the kernel's own machinery": "bpf perf_event_open userfaultfd fanotify_init lookup_dcookie syslog kexec_load "
    "kexec_file_load init_module finit_module delete_module iopl ioperm",
    "keys, and files without their path": "add_key request_key keyctl open_by_handle_at",
    "the whole machine": "reboot swapon swapoff acct quotactl quotactl_fd settimeofday clock_settime adjtimex "
    "clock_adjtime sethostname setdomainname vhangup",
}
# Calls that do not exist, so that whoever asks goes on with an older one that can be looked into.
ABSENT = "clone3 openat2 io_uring_setup io_uring_enter io_uring_register"

NEW_NAMESPACES = 0x7E020000  #: every CLONE_NEW* that clone knows
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
ROUTE = 0  #: the one netlink protocol that programs need: it lists the namespace's own addresses
STREAM, SEQPACKET, KINDS = 1, 5, 0xF  #: of a pair of unix sockets those that can never be connected to another
SET_DUMPABLE = 4  #: of prctl; a process that says no to it hides from the holder what it holds
SETLEASE = 0x400  #: of fcntl; works on a read-only mount too, and whoever opens the file outside has to wait
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  #: type into the terminal, paste into it
# PER_LINUX, PER_LINUX32, both with UNAME26, without random addresses (sanitisers ask for it), and the mere question
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0x40000, 0xFFFFFFFF)

# Which argument says how a file is made or changed, and for calls that need not make one which says whether they do.
MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "creat": 1, "mknod": 1, "mknodat": 2}
OPENS = {"open": (1, 2), "openat": (2, 3)}
CREATING = 0o100 | 0o20000000  #: O_CREAT, __O_TMPFILE
SET_ID = 0o6000  #: a program that whoever starts it runs as its owner; outside the sandbox too

X86_64 = Machine(0xC000003E, foreign=0x40000000, numbers={
    "open": 2, "creat": 85, "chmod": 90, "fchmod": 91, "mknod": 133, "openat": 257, "mknodat": 259, "fchmodat": 268,
    "openat2": 437, "fchmodat2": 452, "fcntl": 72, "prctl": 157,
    "ioctl": 16, "socket": 41, "socketpair": 53, "clone": 56, "ptrace": 101, "syslog": 103, "personality": 135,
    "vhangup": 153, "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
    "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie": 212,
    "clock_settime": 227, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "perf_event_open": 298, "fanotify_init": 300, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435,
    "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
})  # fmt: skip
AARCH64 = Machine(0xC00000B7, numbers={
    "mknodat": 33, "fchmod": 52, "fchmodat": 53, "openat": 56, "openat2": 437, "fchmodat2": 452,
    "lookup_dcookie": 18, "fcntl": 25, "prctl": 167, "ioctl": 29,
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "vhangup": 58,
    "quotactl": 60, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105,
    "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161,
    "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "socket": 198, "socketpair": 199, "add_key": 217,
    "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "perf_event_open": 241,
    "fanotify_init": 262, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
    "kexec_file_load": 294, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435,
    "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
})  # fmt: skip
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}

Step = tuple[int, int, int, int]  #: one instruction: what, how many to skip if so, how many if not, the value
DENIED: Step = (RETURN, 0, 0, FAIL | errno.EPERM)
ALLOWED: Step = (RETURN, 0, 0, ALLOW)


def known(name: str) -> Machine:
    """The machine that `uname -m` names; UnknownMachine if there is no table of it."""
    if name not in MACHINES:
        raise UnknownMachine(f"the system calls of a {name} processor are not known; known are {', '.join(MACHINES)}")
    return MACHINES[name]


def filters(machine: Machine) -> tuple[bytes, bytes]:
    """What every process in a sandbox gives up, and what all but the relay give up besides."""
    number = machine.numbers
    everywhere = [
        *_fail(errno.ENOSYS, [number[name] for name in ABSENT.split()]),
        *_fail(errno.EPERM, [number[name] for name in _forbidden() if name in number]),
        *_when(number["socket"], [_argument(0), *_when(NETLINK, _if_in(2, [ROUTE])), *_if_in(0, [UNIX, INET, INET6])]),
        *_when(number["socketpair"], [_argument(0), *_when(UNIX, _if_in(1, [STREAM, SEQPACKET], mask=KINDS)), DENIED]),
        *_when(number["clone"], _unless_any(0, NEW_NAMESPACES)),
        *_when(number["ioctl"], _unless_in(1, [TIOCSTI, TIOCLINUX])),
        *_when(number["fcntl"], _unless_in(1, [SETLEASE])),
        *_when(number["personality"], _if_in(0, PERSONALITIES)),
        *_without_set_id(number),
    ]
    besides = [
        *_when(number["socket"], _unless_in(0, [UNIX])),
        *_when(number["prctl"], [_argument(0), *_when(SET_DUMPABLE, _if_in(1, [1])), ALLOWED]),
    ]
    return _program(machine, everywhere), _program(machine, besides)


def _forbidden() -> list[str]:
    return [name for names in FORBIDDEN.values() for name in names.split()]


def _without_set_id(number: Mapping[str, int]) -> list[Step]:
    """No file gets a set-uid or set-gid bit: the workspace is a folder of the host, and there such a file has power."""
    changing = {name: _unless_any(mode, SET_ID) for name, mode in MODES.items()}
    making = {
        name: [_argument(flags), (ANY_BIT, 1, 0, CREATING), ALLOWED, *_unless_any(mode, SET_ID)]
        for name, (flags, mode) in OPENS.items()
    }
    calls = {**changing, **making}
    return [step for name, steps in calls.items() if name in number for step in _when(number[name], steps)]


def _program(machine: Machine, steps: Sequence[Step]) -> bytes:
    """The steps, reached with the call's number loaded, for calls of that machine in its own convention alone."""
    head: list[Step] = [_load(ARCHITECTURE), (EQUAL, 1, 0, machine.audit), (RETURN, 0, 0, KILL), _load(NUMBER)]
    if machine.foreign is not None:
        head += [(AT_LEAST, 0, 1, machine.foreign), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    return b"".join(struct.pack("<HBBI", *step) for step in [*head, *steps, ALLOWED])


def _load(offset: int) -> Step:
    return (LOAD, 0, 0, offset)


def _argument(index: int) -> Step:
    """Its lower half: of each argument looked at here the kernel itself reads no more."""
    return _load(ARGUMENTS + 8 * index)


def _when(value: int, steps: Sequence[Step]) -> list[Step]:
    """The steps, which must come to an end, if that is what was loaded."""
    return [(EQUAL, 0, len(steps), value), *steps]


def _if_in(index: int, values: Sequence[int], mask: int | None = None) -> list[Step]:
    """The end: allowed if the argument is one of these."""
    masked = [] if mask is None else [(AND, 0, 0, mask)]
    return [_argument(index), *masked, *_to_second(values), DENIED, ALLOWED]


def _unless_in(index: int, values: Sequence[int]) -> list[Step]:
    """The end: denied if the argument is one of these."""
    return [_argument(index), *_to_second(values), ALLOWED, DENIED]


def _unless_any(index: int, bits: int) -> list[Step]:
    """The end: denied if the argument has one of these bits."""
    return [_argument(index), (ANY_BIT, 0, 1, bits), DENIED, ALLOWED]


def _fail(code: int, numbers: Sequence[int]) -> list[Step]:
    """The call fails with that code if its number is one of these."""
    return [*_to_second(numbers), (JUMP, 0, 0, 1), (RETURN, 0, 0, FAIL | code)]


def _to_second(values: Sequence[int]) -> list[Step]:
    """To the second step after these if one of the values is loaded, else to the first."""
    return [(EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
