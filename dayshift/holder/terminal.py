"""The terminal of a run that the person is in: its size and its end are passed on, its keys are the run's alone."""

import signal

from dayshift.holder.processes import send

KEYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)  #: what a terminal that is not raw makes of ^C, ^\ and ^Z


class Terminal:
    """The holder's controlling terminal. The run is in a session of its own, so its kernel signals come here."""

    def __init__(self) -> None:
        self.hung_up = self.resized = False
        signal.signal(signal.SIGHUP, self._hang_up)
        signal.signal(signal.SIGWINCH, self._resize)
        for key in KEYS:  # handled, not ignored: what is ignored would be ignored by the run as well
            signal.signal(key, self._leave_to_the_run)

    def pass_on(self, processes: list[int]) -> None:
        """Tell them when its size has changed."""
        resized, self.resized = self.resized, False
        for pid in processes if resized else ():
            send(pid, signal.SIGWINCH)

    def _hang_up(self, number: int, frame: object) -> None:
        self.hung_up = True

    def _resize(self, number: int, frame: object) -> None:
        self.resized = True

    def _leave_to_the_run(self, number: int, frame: object) -> None:
        """Do nothing."""
