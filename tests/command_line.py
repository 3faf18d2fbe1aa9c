"""The command line as a process on a real home, for the tests of the commands."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from dayshift import files, locks, records
from dayshift.conversation import Question
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.mailbox.questions import Mailbox
from dayshift.mailbox.status import TaskSpend, status_facts
from dayshift.model import Record, Task, Tokens
from dayshift.money import from_usd
from dayshift.states import State, Waiting
from tests.forked import command

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEND = TaskSpend(from_usd("1.25"), 0, from_usd("5"), Tokens(10, 20, 30), 3, 0)
QUESTION = Question("task-2", 1, "How many orders\nper page?", NOON, ("20", "50"))


def environment(home: Home) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(home.root.parent), "TERM": "xterm"}


def run(home: Home, *words: str | Path, stdin: str | bytes = b"", options: tuple[str, ...] = ()) -> Any:
    """The finished process; its output is text. With options of the interpreter it is one of its own."""
    given, stdin = ["--home", home.root, *words], stdin.encode() if isinstance(stdin, str) else stdin
    if not options:
        code, out, err = command([str(each) for each in given], stdin, environment(home), home.root.parent)
        return subprocess.CompletedProcess(given, code, out.decode(), err.decode())
    result = subprocess.run(
        [sys.executable, *options, ROOT / "orchestrator.py", *given], input=stdin, capture_output=True,
        env=environment(home), cwd=home.root.parent, timeout=60, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(given, result.returncode, result.stdout.decode(), result.stderr.decode())


@contextmanager
def started(home: Home, *words: str) -> "Iterator[tuple[subprocess.Popen[str], IO[str]]]":
    """The process and its output, to be read while it runs; it does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, ROOT / "orchestrator.py", "--home", home.root, *words],
        stdout=subprocess.PIPE, text=True, env=environment(home), cwd=home.root.parent,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def add(home: Home, task_id: str, state: State, **facts: Any) -> Record:
    """A task with its record and its status, as the daemon leaves them."""
    depends_on = facts.pop("depends_on", ())
    ended_at = None if state.name in ("running", "waiting", "parked") else NOON
    task = Task(task_id, f"Name of {task_id}", "words", "sonnet", depends_on=depends_on)
    given = {"created_at": NOON, "started_at": NOON, "ended_at": ended_at, "runs": 1, "project": "/nowhere", **facts}
    record = Record(task, DAY, state=state, **given)
    records.save(home, record)
    files.write_json(home.status / f"{task_id}.json", status_facts(record, SPEND, "editing", NOON))
    return record


def ask(home: Home, question: Question = QUESTION) -> None:
    add(home, question.task_id, Waiting(NOON, question.number), questions=(question,))
    Mailbox(home).publish(question)


def everything(home: Home) -> dict[str, bytes]:
    """Every file of the home with its content."""
    return {str(path): path.read_bytes() for path in home.root.rglob("*") if path.is_file()}


def answer_text(home: Home) -> str:
    return Mailbox(home).answer_file("task-2").read_text()


Reply = Callable[[dict[str, Any]], tuple[list[str], bool]]


@contextmanager
def daemon(home: Home, reply: Reply | None = None, rehearsal: bool = False) -> Iterator[list[dict[str, Any]]]:
    """The daemon's side of the inbox: holds the lock, answers, and ends at a stop. Yields what it was asked."""
    asked: list[dict[str, Any]] = []
    over = threading.Event()

    def serve() -> None:
        with locks.lock(home.daemon_lock):
            files.write_json(
                home.daemon_facts, {"pid": 4711, "started_at": "2026-11-20T09:00:00Z", "rehearsal": rehearsal}
            )
            ready.set()
            while not over.wait(0.01):
                for request in inbox.pending(home) if reply else ():
                    asked.append(request.content)
                    lines, ok = reply(request.content) if reply else ([], False)
                    inbox.done(home, request.name, lines, ok)
                    if request.content["kind"] == "stop":
                        over.set()

    ready = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(5)
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def obeys(content: dict[str, Any]) -> tuple[list[str], bool]:
    return [f"{content.get('task')}: {content.get('order', content['kind'])}"], True
