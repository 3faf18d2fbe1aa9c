"""Where everything lives: the one place that knows the folders of a home."""

import hashlib
import os
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dayshift.locks import private_folder, private_place

INSTALLATION = Path(__file__).resolve().parent.parent
SHARED = Path(sys.prefix, "share", "dayshift")  #: where an installed package has its data files
OWN_LOGS = ("daemon", "start")  #: `agent_logs/<name>.log` that are the program's own, so that no task may be called so


def shipped_config() -> Path:
    """The config folder that came with the program: in a clone its own, else the installed one."""
    return next((top / "config" for top in (INSTALLATION, SHARED) if (top / "config").is_dir()), SHARED / "config")


@dataclass(frozen=True, slots=True)
class Home:
    """A person's dayshift folder; every path in it is asked for here."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    @property
    def workspaces(self) -> Path:
        return self.root / "agent_workspaces"

    @property
    def status(self) -> Path:
        return self.root / "agent_status"

    @property
    def questions(self) -> Path:
        return self.root / "agent_questions"

    @property
    def logs(self) -> Path:
        return self.root / "agent_logs"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def feedback(self) -> Path:
        return self.root / "feedback"

    @property
    def learning(self) -> Path:
        return self.root / "learning"

    @property
    def lessons(self) -> Path:
        """What agents are told besides, learnt from feedback: readable, editable, the truth."""
        return self.learning / "lessons.md"

    @property
    def lesson_decisions(self) -> Path:
        """Which proposed lessons were decided about, should their entries be taken out by hand."""
        return self.own / "lessons.json"

    @property
    def patterns(self) -> Path:
        """How tasks are gone about; what worked well before is added to it."""
        return self.config / "task_execution_patterns.md"

    @property
    def templates(self) -> Path:
        """The person's own versions of the templates of reports."""
        return self.config / "templates"

    @property
    def own(self) -> Path:
        """The program's own folder."""
        return self.root / ".dayshift"

    @property
    def records(self) -> Path:
        return self.own / "tasks"

    @property
    def history(self) -> Path:
        """The last records of tasks that were taken away, or whose ids stand for other work now, by day."""
        return self.own / "history"

    def facts(self, day: date, rehearsal: bool) -> Path:
        """All that the report of that day was made of."""
        return self.own / "days" / f"{day}{'-rehearsal' if rehearsal else ''}.json"

    @property
    def reviews(self) -> Path:
        """How far accepted work has come into the person's tree, one file a task."""
        return self.own / "reviews"

    def receipt(self, task_id: str) -> Path:
        """How far that task's work has come into the person's tree."""
        return self.reviews / f"{task_id}.json"

    def keepsake(self, task_id: str) -> Path:
        """What the acceptance of that task's work found in the person's tree."""
        return self.reviews / task_id

    @property
    def inbox(self) -> Path:
        """Requests of the other commands to the daemon, one file each."""
        return self.own / "inbox"

    @property
    def daemon_lock(self) -> Path:
        return self.own / "daemon.lock"

    @property
    def daemon_facts(self) -> Path:
        """Who the daemon is, while it runs: pid, start, rehearsal."""
        return self.own / "daemon.json"

    @property
    def outset(self) -> Path:
        """Locked by a start that proves the machine, until its daemon owns the home; it says who that is."""
        return self.own / "outset"

    @property
    def days_at_hand(self) -> tuple[Path, Path]:
        """What was kept of the real day and of the rehearsal."""
        return self.day_facts(rehearsal=False), self.day_facts(rehearsal=True)

    def day_facts(self, rehearsal: bool) -> Path:
        """What the day file said for all its tasks; a rehearsal's must not take the place of a real day's cap."""
        return self.own / ("rehearsal-day.json" if rehearsal else "day.json")

    @property
    def plan_windows(self) -> Path:
        """How much of a subscription is used, as the provider said last."""
        return self.own / "limits.json"

    @property
    def other_use(self) -> Path:
        """What the person spent elsewhere with the CLI; never mixed with the ledger."""
        return self.own / "other_use.sqlite3"

    def outbox(self, rehearsal: bool) -> Path:
        """What the person is to be told, and what was told on which channel; of rehearsals apart from real days."""
        return self.own / ("rehearsal-outbox.sqlite3" if rehearsal else "outbox.sqlite3")

    @property
    def telegram(self) -> Path:
        """What the person said over Telegram, kept before it is obeyed; which messages ask what."""
        return self.own / "telegram.sqlite3"

    @property
    def stand_ins(self) -> Path:
        """The scripts that stand in for git and the database clients."""
        return self.own / "stand-ins"

    def ledger(self, rehearsal: bool) -> Path:
        """The spending; rehearsals have their own so that pretended money never meets a real cap."""
        return self.own / ("rehearsal.sqlite3" if rehearsal else "ledger.sqlite3")

    def timeline(self, day: date, rehearsal: bool) -> Path:
        """When the tasks of that day file entered which state."""
        return self.own / "timeline" / f"{day}{'-rehearsal' if rehearsal else ''}.jsonl"

    def picture(self, day: date, rehearsal: bool) -> Path:
        """The day as a picture, beside its report."""
        return self.results / f"{day}{'-rehearsal' if rehearsal else ''}-day.png"

    def visitor(self, task_id: str) -> Path:
        """Locked by whoever is in that task's session, or waits to be let in; it says who that is."""
        return self.own / "visits" / task_id

    def runs(self, task_id: str) -> Path:
        return self.own / "runs" / task_id

    def run(self, task_id: str, number: int) -> Path:
        """The spool of one run: lock, start, exit, stop; of it an agent sees a FIFO that it may only write."""
        return self.runs(task_id) / str(number)

    def workspace(self, task_id: str) -> Path:
        """The only folder that task's agent may write."""
        return self.workspaces / task_id

    def quarantine(self, task_id: str, run: int) -> Path:
        """Where the workspace that a run left in quarantine is set aside."""
        return self.own / "quarantine" / f"{task_id}-run{run}"

    def quarantines(self, task_id: str) -> list[Path]:
        """Every workspace of the task that was set aside."""
        found = self.own.glob(f"quarantine/{task_id}-run*")
        return sorted(path for path in found if path.name.removeprefix(f"{task_id}-run").isdecimal())

    def make_folders(self) -> None:
        """Make what the program writes into; what is there stays."""
        for folder in (self.workspaces, self.status, self.questions / "archive", self.logs, self.results,
                       self.feedback, self.records, self.reviews, self.inbox, self.own / "timeline",
                       self.own / "days"):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)

    def sockets(self) -> Path:
        """A short private folder for unix sockets, whose names may not exceed 107 bytes; made if absent."""
        return private_folder(self._sockets_name)

    @property
    def sockets_place(self) -> Path:
        """Where that folder is if there is one."""
        return private_place(self._sockets_name)

    @property
    def _sockets_name(self) -> str:
        return "dayshift-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:12]


def find(given: str | None) -> Home:
    """The home meant: --home, DAYSHIFT_HOME, the working directory if it is one, else the installation's."""
    chosen = given or os.environ.get("DAYSHIFT_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().resolve())
    here = Path.cwd()
    return Home(here if (here / "config" / "orchestrator.yaml").is_file() else INSTALLATION)
