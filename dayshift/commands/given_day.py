"""The day file that a command is given: read whole, and whether what it needs besides is there."""

from pathlib import Path

from dayshift.clock import SystemClock, day_of
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, Context, Failure
from dayshift.commands.least import must_be_useful
from dayshift.cost.prices import Prices, Unpriced
from dayshift.home import Home
from dayshift.inputs import dayfile
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings
from dayshift.learning import lesson_file
from dayshift.model import Day
from dayshift.proving.preparation import Unprepared, policy_of, prices_of
from dayshift.rehearsing import written_turns
from dayshift.repository import commits, git
from dayshift.running import instructions


def read_day(context: Context, settings: Settings, file: Path) -> Day:
    """The day in the file; a wrong file ends the command with every problem listed."""
    prices = prices_of(settings, day_of(SystemClock().now(), settings.timezone))
    try:
        day = dayfile.load_day(
            file, settings, project_of(context, settings), home=context.home.root,
            known_model=lambda name: _unknown(prices, name), parse_turns=written_turns.parse_turns,
        )  # fmt: skip
        must_be_useful(context.home, settings, prices, day)
        return day
    except BadDocument as error:
        raise Failure(str(error), BAD_INPUT) from error


def must_lead_on(home: Home, day: Day | None) -> None:
    """Failure unless what the day needs besides its file is there: policy, instructions, a commit to start from."""
    try:
        policy_of(home)
        if day:
            _must_be_tellable(home, day)
            _must_be_committed(day)
    except (Unprepared, BadDocument, git.GitError, git.NotARepository) as error:
        raise Failure(str(error), BAD_INPUT) from error
    except FileNotFoundError as error:
        raise Failure(f"{error.filename} is missing; install it with `apt-get install git`", BAD_ENVIRONMENT) from error


def _must_be_tellable(home: Home, day: Day) -> None:
    """BadDocument if the instructions of any task cannot be filled in: better now than in the middle of the day."""
    parts = instructions.read_documents(home)
    lesson_file.read(home)
    for task in day.tasks:
        context = dict.fromkeys(task.context_files, "")
        instructions.render(task, context, parts, instructions.Places(home.workspace(task.id)))


def _must_be_committed(day: Day) -> None:
    """GitError without a commit to start from; Failure for context files that only the person's tree has."""
    project = git.find(Path(day.project))
    commit = commits.head(project)
    made = {path for task in day.tasks for path in task.deliverables}
    new = (task for task in day.tasks if task.continues is None)  # others may start from what an earlier day made
    wanted = {path: task.id for task in new for path in task.context_files if path not in made}
    absent = [f"{day.source}: {task_id}: {path} is not committed; commit it, agents start from the last commit"
              for path, task_id in wanted.items() if not commits.holds(project, commit, path)]  # fmt: skip
    if absent:
        raise Failure("\n".join(absent), BAD_INPUT)


def project_of(context: Context, settings: Settings) -> Path:
    """Where agents work unless the day file says otherwise: the configured project, else the home's repository."""
    return (context.home.root / settings.project).resolve() if settings.project else context.home.root


def _unknown(prices: Prices, name: str) -> str | None:
    try:
        prices.rates(name)
    except Unpriced as error:
        return str(error)
    return None
