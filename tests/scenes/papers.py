"""Scenes of files: notes, records, questions, requests, reports, feedback, lessons."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jinja2  # noqa: F401  # loaded here, it is in every process that plays

from dayshift import files, records
from dayshift.conversation import Question
from dayshift.cost.statement import statement
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.learning import curriculum, feedback_files, lesson_file, patterns
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.mailbox.status import TaskSpend
from dayshift.model import Day
from dayshift.outlook import carry_over
from dayshift.outlook.carry_over import Left
from dayshift.recaps import recap
from dayshift.reporting import archive, report
from dayshift.states import Done, Failed, Queued
from dayshift.tidying import retention
from desk import Desk
from metrics import Ledger
from tests import day_examples
from tests.bygone import spend
from tests.house import NINE, TODAY, FakeClock, record, task
from tests.scenes import Alone
from tests.shop import shell, write
from tests.test_command_lessons import FEEDBACK, kept


class Homely(Alone):
    """A scene in a home."""

    def prepare(self) -> None:
        self.home = Home(self.folder / "home")
        self.home.make_folders()


class Notes(Alone):
    """Files of our own: replaced, made once, rewritten as a hint."""

    points = ("file.written", "file.whole", "file.replaced", "file.linked", "file.set_aside", "folder.synced")

    def stage(self) -> None:
        self._place("note").parent.mkdir()
        self._place("note").write_text("old\n")
        self._place("torn").write_text("{")

    def act(self) -> None:
        files.write_atomically(self._place("note"), "new\n")
        files.publish_once(self._place("once"), "first\n")
        files.write_json(self._place("hint"), {"a": 1}, durable=False)
        if self._place("torn").exists():
            files.set_aside(self._place("torn"))

    def holds(self) -> None:
        assert self._place("note").read_text() in ("old\n", "new\n")
        assert not self._place("once").exists() or self._place("once").read_text() == "first\n"

    def ends(self) -> None:
        assert self._place("note").read_text() == "new\n"
        assert self._place("once").read_text() == "first\n"
        assert json.loads(self._place("hint").read_text()) == {"a": 1}
        assert self._place("torn.broken").read_text() == "{"

    def _place(self, name: str) -> Path:
        return self.folder / "notes" / name


class Tree(Alone):
    """A folder taken away."""

    points = ("tree.removing", "tree.removed")

    def stage(self) -> None:
        write("tree/deep/er/file", "x")(self.folder)

    def act(self) -> None:
        files.remove_tree(self.folder / "tree")

    def ends(self) -> None:
        assert not (self.folder / "tree").exists()


class Logs(Homely):
    """A log that has become too long, cut."""

    points = ("log.shortening", "log.shortened")

    def stage(self) -> None:
        (self.home.logs / "a.log").write_text("".join(f"line {number}\n" for number in range(1000)))

    def act(self) -> None:
        retention.LOG_BYTES, retention.KEPT_BYTES = 4000, 2000
        retention.cut_logs(self.home, "a")

    def holds(self) -> None:
        assert (self.home.logs / "a.log").read_text().endswith("line 999\n")

    def ends(self) -> None:
        first, *lines = (self.home.logs / "a.log").read_text().splitlines()
        assert "dropped" in first and 100 < len(lines) < 300


class Papers(Homely):
    """What the desk keeps of a task: its record, its status, its history, the day it is of."""

    points = ("record.kept", "record.put_by", "history.noted", "status.shown", "day.kept")

    def stage(self) -> None:
        write("shop/README.md", "# Shop\n")(self.folder)
        shell("git init -q")(self.folder / "shop")
        records.save(self.home, record(Queued(NINE)))

    def act(self) -> None:
        desk = Desk(self.home, FakeClock(), lambda each: TaskSpend.nothing(None), lambda text: None)
        desk.keep_day(Day(TODAY, str(self.folder / "shop"), (task("a"),), None))
        desk.put_by(record(Queued(NINE)))
        desk.save(record(Done(NINE)), "")

    def holds(self) -> None:
        known, broken = records.load_all(self.home)
        assert not broken and known["a"].state in (Queued(NINE), Done(NINE))

    def ends(self) -> None:
        assert records.load_all(self.home)[0]["a"].state == Done(NINE)
        assert json.loads((self.home.status / "a.json").read_text())["state"] == "done"
        assert len(list(self.home.history.glob("*/*.json"))) == 1


class Mail(Homely):
    """A question asked, answered by a command, taken up, put away."""

    points = (
        "question.published", "question.moved", "question.archived", "answer.announced", "answer.published",
    )  # fmt: skip
    asked = Question("a", 1, "Which size?", NINE, ("20", "50"))

    def act(self) -> None:
        """Whoever asks and whoever answers, each as after a start: both know of what they did before only by files."""
        mailbox, got = Mailbox(self.home), self.folder / "answer"
        if not got.exists():
            if not mailbox.lies_open(self.asked):
                mailbox.publish(self.asked)
            mailbox.submit("a", "2", "command")
            answer = mailbox.read_answer(self.asked, mailbox.door("a"), NINE)
            assert answer is not None
            got.write_text(f"{answer.text} by {answer.by}")
        mailbox.archive(self.asked)

    def holds(self) -> None:
        """An answer that was accepted lies somewhere, whole."""
        given = list(self.home.questions.rglob("*-answer*.md"))
        assert len(given) <= 1 and all(path.read_text() == "2\n" for path in given)

    def ends(self) -> None:
        assert (self.folder / "answer").read_text() == "50 by command"
        assert [path.name for path in self.home.questions.glob("*")] == ["archive"]
        archive = {path.name: path.read_text() for path in (self.home.questions / "archive").glob("*")}
        assert set(archive) == {"a-1.md", "a-1-answer.md"} and archive["a-1-answer.md"] == "2\n"


class Requests(Homely):
    """A request of a command, left under one name, obeyed, answered."""

    points = ("request.left", "request.answered")

    def act(self) -> None:
        if not self._obeyed():
            inbox.submit(self.home, {"kind": "stop"}, "once")
        for request in inbox.pending(self.home):
            write(f"obeyed/{request.name}", str(request.content["kind"]))(self.folder)
            inbox.done(self.home, request.name, ["stopping"], ok=True)

    def holds(self) -> None:
        assert self._obeyed() or len(list(self.home.inbox.glob("*.json"))) <= 1

    def ends(self) -> None:
        assert self._obeyed() and inbox.pending(self.home) == []
        assert inbox.reply(self.home, "once", 1) == (True, ["stopping"])

    def _obeyed(self) -> bool:
        return (self.folder / "obeyed" / "once").exists()


class Reports(Homely):
    """The day's report, the facts kept of it, what it left for tomorrow, a month's recap."""

    points = ("facts.kept", "report.half_written", "report.written", "rest.written", "recap.written")

    def stage(self) -> None:
        (self.folder / "shop" / ".git").mkdir(parents=True)
        ledger = Ledger.open(self.home.ledger(rehearsal=False))
        spend(ledger, TODAY, "1")
        ledger.close()

    def act(self) -> None:
        report.write(self.home, day_examples.all_done())
        left = replace(record(Failed(NINE, "red")), project=str(self.folder / "shop"))
        carry_over.write(self.home, Settings(), TODAY, None, [Left(left, ())])
        with statement(self.home.ledger(rehearsal=False)) as books:
            assert books is not None
            recap.write(self.home, recap.gather(self.home, books, "2026-11", TODAY))

    def holds(self) -> None:
        """A person finds the report as a whole, or none."""
        for path in self.home.results.glob("*.md"):
            assert path.read_text().endswith("\n")
        for path in self.home.results.glob("*.json"):
            json.loads(path.read_text())

    def ends(self) -> None:
        assert archive.read(self.home, TODAY, rehearsal=False) is not None
        names = {path.name for path in self.home.results.iterdir() if path.is_file()}
        assert names == {"2026-11-20.json", "2026-11-20-report.md", "2026-11.json", "2026-11-recap.md"}
        assert (self.home.tasks / "2026-11-21-carry-over.yaml").read_text().endswith("\n")


class Lessons(Homely):
    """A day's form of feedback, prepared and added to; what was said, made a lesson."""

    points = ("feedback.prepared", "feedback.added", "lessons.written", "decisions.kept", "patterns.written")

    def stage(self) -> None:
        (self.home.config).mkdir()
        kept(self.home, "a", module="orders")
        (self.home.feedback / "2026-11-19.md").write_text("mine\n")
        kept(self.home, "c", day=TODAY - timedelta(days=1))
        (self.home.feedback / "2026-11-20.md").write_text(FEEDBACK)

    def act(self) -> None:
        feedback_files.prepare(self.home, TODAY - timedelta(days=1))
        patterns.refresh(self.home, patterns.told(lesson_file.read(self.home).lessons))  # as at every daemon's start
        curriculum.apply(self.home, NINE)

    def holds(self) -> None:
        assert (self.home.feedback / "2026-11-19.md").read_text().startswith("mine\n")
        assert (self.home.feedback / "2026-11-20.md").read_text() == FEEDBACK

    def ends(self) -> None:
        assert (self.home.feedback / "2026-11-19.md").read_text().count("## c") == 1
        told = [each.text for each in lesson_file.read(self.home).lessons]
        assert len(told) == len(set(told)) >= 2
        assert self.home.patterns.read_text().count("Wrote the failing test first") == 1
