"""Named points in the program: one beside every step that cannot be taken back, where a crash or a fault counts most.

Such steps are a commit, an fsync, a rename, a process started, words sent to somebody. A name says what has just
happened or is about to, and stands in one place. Passing a point does nothing, unless something was armed to strike
there; the program itself arms nothing, and no setting or variable can.
"""

from collections.abc import Callable

_strike: Callable[[str], None] | None = None


def passing(name: str) -> None:
    """The program is at that point: whatever is armed hears of it, and may end the process there, or raise."""
    if _strike is not None:
        _strike(name)


def arm(strike: Callable[[str], None] | None) -> None:
    """From now on have every point that this process passes told to `strike`; None disarms."""
    global _strike
    _strike = strike
