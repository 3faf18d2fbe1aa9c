"""dayshift whose clock is a day ahead once the file named by TOMORROW exists. Only tests start this."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import orchestrator
import service
from dayshift.clock import SystemClock


class Clock(SystemClock):
    """The machine's own clock, until the test lets a day pass."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=Path(os.environ["TOMORROW"]).exists())


if __name__ == "__main__":
    vars(service)["SystemClock"] = Clock
    sys.exit(orchestrator.main())
