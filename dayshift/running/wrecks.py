"""Records of tasks that cannot be read: what is said of them, how their runs end. Their work and their ids are kept.

Joins the spool, for a run that nobody follows is ended, and the status, which says that it cannot be read.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from dayshift import files
from dayshift.alerts import Alert, Kind
from dayshift.home import Home
from dayshift.mailbox.status import unreadable
from dayshift.model import TASK_ID
from dayshift.running.spool import Spool, mark


def ids(broken: Iterable[str]) -> tuple[str, ...]:
    """The tasks that these files, which hold no record, should be of."""
    return tuple(name.removesuffix(".json") for name in broken)


def told(home: Home, task_id: str) -> str:
    """What happened, where, and what to do."""
    place, work = home.records / f"{task_id}.json", home.workspace(task_id)
    kept = f"; its work is untouched in {work}" if work.is_dir() else ""
    return (
        f"the record of {task_id} cannot be read, so nothing is done with that task{kept}. Put a whole copy of {place} "
        "back, or move that file away to use the id again, and start again"
    )


def alert(home: Home, task_id: str, now: datetime) -> Alert:
    """The same for wherever the person is: once for each such file."""
    try:
        moment = (home.records / f"{task_id}.json").lstat().st_mtime_ns
    except OSError:
        moment = 0
    title = f"{task_id}: its record cannot be read"
    return Alert(f"wreck:{task_id}:{moment}", Kind.stuck, title, now, told(home, task_id))


def show(home: Home, task_id: str) -> None:
    """Let `status` say it; what was known of the task before says no more what is."""
    place = home.status / f"{task_id}.json"
    files.write_json(place, unreadable(task_id, told(home, task_id)), durable=False)


def end_runs(home: Home, task_id: str) -> int:
    """End what still runs for that task; how many runs that were. What they made stays where it is."""
    if not re.fullmatch(TASK_ID.removesuffix("$"), task_id):
        return 0
    living = [folder for folder in home.runs(task_id).glob("*") if Spool(folder).alive]
    for folder in living:
        Spool(folder).end(mark(home.root, task_id, folder.name))
    return len(living)
