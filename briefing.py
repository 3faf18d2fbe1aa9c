"""What a run of a task is told: the whole task and its lessons at first, later only what is new."""

from dayshift.deciding import setbacks
from dayshift.home import Home
from dayshift.inputs.documents import BadDocument
from dayshift.learning import teaching
from dayshift.model import Record
from dayshift.repository import commits, git
from dayshift.repository.outfit import SetupFailed
from dayshift.running import guidance, instructions
from tutor import Tutor

LATE = "Lessons from earlier days, new since you began; where one differs from the task, the task holds:"


def brief(home: Home, tutor: Tutor, record: Record, project: git.Repository, base: str, resuming: bool) -> str:
    """The run's prompt; SetupFailed if the person's documents cannot be filled in."""
    said = guidance.prompt(record)
    try:
        if resuming:
            earlier = record.say if record.say is not None or said else setbacks.GO_ON
            return "\n\n".join(filter(None, [earlier, _late(tutor, record) if earlier else "", said]))
        whole = _whole(home, tutor, record, project, base)
    except BadDocument as error:
        raise SetupFailed(str(error)) from error
    return f"{whole}\n\n{said}" if said else whole


def _late(tutor: Tutor, record: Record) -> str:
    """What was learnt since the task began, if this is its first run on another day."""
    if not record.earlier or record.runs_today > 1:
        return ""
    lessons = tutor.late_lessons_for(record)
    tutor.taught_late(record, lessons)
    return f"{LATE}\n\n{teaching.rendered(lessons)}" if lessons else ""


def _whole(home: Home, tutor: Tutor, record: Record, project: git.Repository, base: str) -> str:
    """The instructions; the lessons in them are taken down once they could be filled in."""
    context = {path: commits.read_at(project, base, path) for path in record.task.context_files}
    places, parts = instructions.Places(home.workspace(record.id)), instructions.read_documents(home)
    lessons = tutor.lessons_for(record)
    told = teaching.rendered(lessons)
    whole = instructions.render(record.task, context, parts, places, record.say or "", told)
    tutor.taught(record, lessons)
    return whole
