"""dayshift whose calendar is off by as many seconds as the file named by STEERED says. Only tests start this.

Its monotonic clock is the machine's own: so a step forward is also what a machine that slept finds when it wakes.
"""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import orchestrator
import service
from dayshift.clock import SystemClock


class Clock(SystemClock):
    """The machine's own clock, set by the test."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(Path(os.environ["STEERED"]).read_text()))


if __name__ == "__main__":
    vars(service)["SystemClock"] = Clock
    sys.exit(orchestrator.main())
