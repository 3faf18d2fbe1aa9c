"""What is asked of the kernel that Python has no function for: numbers from linux/prctl.h, linux/seccomp.h and
asm/signal.h, the same on x86-64 and aarch64."""

import ctypes

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
SIGKILL, SIGPIPE, SIGXFSZ = 9, 13, 25
INSTRUCTION = 8  #: bytes of one in a filter

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def give_up(instructions: bytes) -> None:
    """This process and all that come of it lose what the filter refuses; no process of the same user can read it."""
    program = _Program(len(instructions) // INSTRUCTION, instructions)
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))


def end_with_parent() -> None:
    """This process is killed when the one that made it ends, whatever that one has become."""
    _prctl(PR_SET_PDEATHSIG, SIGKILL)


def heed_signals() -> None:
    """Python ignores two signals, and a program that it turns into would go on ignoring them."""
    for number in (SIGPIPE, SIGXFSZ):
        _libc.signal(number, None)


def _prctl(option: int, first: int, second: int = 0) -> None:
    if _libc.prctl(option, *map(ctypes.c_ulong, (first, second, 0, 0))) != 0:
        raise OSError(ctypes.get_errno(), f"the kernel refuses prctl {option}")
