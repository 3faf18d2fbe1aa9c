"""dayshift that waits for a run as short as can be, so that many may hang in a test. Only tests start this."""

import sys
from typing import Any

import daemon
import enclosure
import orchestrator
from dayshift import decisions, patience
from dayshift.model import Record

TASK_MINUTE, SILENCE, GRACE = 6.0, 2.0, 1.0


def seconds_left(record: Record) -> float:
    return record.task.timeout_minutes * TASK_MINUTE - (record.active_seconds - record.forgiven_seconds)


def surroundings(**facts: Any) -> enclosure.Surroundings:
    return enclosure.Surroundings(**{**facts, "silence_seconds": SILENCE})


if __name__ == "__main__":
    decisions.seconds_left = seconds_left
    vars(daemon)["Surroundings"] = surroundings
    patience.RESULT_GRACE, patience.HOLDER_GRACE = GRACE, 5.0
    sys.exit(orchestrator.main())
