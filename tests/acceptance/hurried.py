"""dayshift whose minutes are short, so that a test need not wait for whole ones. Only tests start this."""

import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orchestrator
import surroundings
from dayshift import limits
from dayshift.deciding import decisions, fleet
from dayshift.model import Record
from dayshift.running import patience

TASK_MINUTE, SILENT_MINUTE, GRACE = 8.0, 10.0, 2.0
chosen = surroundings.chosen


def seconds_left(record: Record) -> float:
    return record.task.timeout_minutes * TASK_MINUTE - (record.active_seconds - record.forgiven_seconds)


def hurried(*given: Any) -> surroundings.Surroundings:
    found = chosen(*given)
    return replace(found, silence_seconds=found.silence_seconds / 60 * SILENT_MINUTE)


if __name__ == "__main__":
    decisions.seconds_left = seconds_left
    vars(surroundings)["chosen"] = hurried
    patience.RESULT_GRACE = GRACE
    limits.SOONEST, limits.MARGIN, fleet.STAGGER = timedelta(seconds=1), timedelta(seconds=1), timedelta(seconds=0.5)
    sys.exit(orchestrator.main())
