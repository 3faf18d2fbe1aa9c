"""dayshift that waits for a run as short as can be, so that many may hang in a test. Only tests start this."""

import sys
from dataclasses import replace
from typing import Any

import orchestrator
import surroundings
from dayshift.deciding import decisions
from dayshift.model import Record
from dayshift.running import patience

TASK_MINUTE, SILENCE, GRACE = 6.0, 2.0, 1.0
chosen = surroundings.chosen


def seconds_left(record: Record) -> float:
    return record.task.timeout_minutes * TASK_MINUTE - (record.active_seconds - record.forgiven_seconds)


def impatient(*given: Any) -> surroundings.Surroundings:
    return replace(chosen(*given), silence_seconds=SILENCE)


if __name__ == "__main__":
    decisions.seconds_left = seconds_left
    vars(surroundings)["chosen"] = impatient
    patience.RESULT_GRACE, patience.HOLDER_GRACE = GRACE, 5.0
    sys.exit(orchestrator.main())
