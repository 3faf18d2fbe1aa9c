"""A crash leaves one file that can be pasted as it is: it helps, and it holds nothing of the person's."""

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dayshift import records
from dayshift.alerts import of_death
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.logbook import crash_file, daemon_log
from dayshift.logbook.cover import Cover
from dayshift.logbook.disguises import disguises
from dayshift.logbook.redaction import Redaction
from dayshift.repository import git
from dayshift.states import Done
from tests.command_line import NOON, ROOT, add

KEY, TOKEN, PLAIN = "sk-ant-api03-Zq8+x/Y==w0rds", "123456789:AAF-bot_secret~token", "hunter2-of-no-name"
DESCRIPTION = "Teach the penguins of the northern harbour to count their eggs before breakfast"
NAME, QUESTION = "Harbour census of penguins", "Which lighthouse keeper shall sign?"
HIDDEN = (KEY, TOKEN, TOKEN.partition(":")[2], PLAIN)

# Raises in the loop, in the ledger's thread or in a command: with secrets in the message, in a cause and in locals.
ENTRY = f"""
import base64, os, sys
from urllib.parse import quote
sys.path.insert(0, {str(ROOT)!r})
import orchestrator
secret = os.environ["ANTHROPIC_API_KEY"]
def fails(*words, **more):
    local = os.environ["DEPLOY_TOKEN"]
    encoded = [base64.b64encode(each.encode()).decode() for each in (secret, "x" + secret, "xy" + local)]
    try:
        raise KeyError(secret, local)
    except KeyError as error:
        raise RuntimeError(
            f"{{secret}} {{quote(secret)}} {{encoded}} {{local.encode().hex()}} {{os.environ['UNNAMED']}} in "
            f"{{os.environ['HOME']}}/private/notes.txt: {DESCRIPTION}; "
            + str(base64.b64encode(os.environ["HOME"].encode()))
        ) from error
where = sys.argv.pop(1)
if where == "loop":
    import desk; desk.Desk.refresh = fails
elif where == "thread":
    from dayshift.cost.memoranda import Memoranda; Memoranda.task_ended = fails
elif where == "command":
    from dayshift.mailbox import status; status.read_all = fails
    from dayshift.commands import status as s; s.read_all = fails
sys.exit(orchestrator.main())
"""


@pytest.fixture
def home(tmp_path: Path, project: git.Repository) -> Home:
    home = Home(tmp_path / "person" / "dayshift")
    home.make_folders()
    home.config.mkdir()
    (home.config / "orchestrator.yaml").write_text(
        f"project: {project.work_tree}\nsandbox: none\nmax_agents: 7\n"
        "notify: {command: [/usr/bin/true, tell-the-neighbours]}\n"
        "agent: {model: a-model-of-mine}\nprices: {a-model-of-mine: {input: 1, output: 1}}\n"
    )
    (home.root / "day.json").write_text(json.dumps({
        "date": "2026-11-20",
        "tasks": [{"id": "task-1", "name": NAME, "description": DESCRIPTION, "context_files": ["README.md"],
                   "rehearsal": [{"text": QUESTION}]}],
    }))  # fmt: skip
    return home


def crash(home: Home, where: str, *words: str) -> Any:
    entry = home.root / "entry.py"
    entry.write_text(ENTRY)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home.root.parent), "ANTHROPIC_API_KEY": KEY,
        "DEPLOY_TOKEN": TOKEN, "UNNAMED": PLAIN, "LANG": "C.UTF-8",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, entry, where, "--home", home.root, *words], env=environment, capture_output=True, text=True,
        cwd=home.root, timeout=60, check=False,
    )  # fmt: skip


def told(home: Home) -> str:
    (path,) = home.logs.glob("crash-*.md")
    return path.read_text()


def assert_nothing_is_given_away(text: str, home: Home) -> None:
    for secret in HIDDEN:
        for before in ("", "x", "xy"):  # every place in a group of three; the ends depend on the neighbours
            encoded = base64.b64encode((before + secret).encode()).decode()[4:-6]
            assert encoded not in text and encoded.replace("+", "-").replace("/", "_") not in text
        assert not [form for form in disguises(secret) if form in text]
        assert quote(secret) not in text and secret[3:-3] not in text
    person = str(home.root.parent)
    assert not [form for form in (person, quote(person, safe=""), base64.b64encode(person.encode()).decode()[:-6])
                if form in text]  # fmt: skip
    words = f"{DESCRIPTION} {NAME} {QUESTION}".lower().split()
    assert not [row for row in zip(words, words[1:], words[2:], strict=False) if " ".join(row) in text.lower()]
    assert "notes.txt" not in text and "a-model-of-mine" not in text and "tell-the-neighbours" not in text


@pytest.mark.parametrize("where", ["loop", pytest.param("thread", marks=pytest.mark.long)])
def test_a_daemon_that_crashes_leaves_one_file_without_secrets(home: Home, where: str) -> None:
    words = ["start", "day.json", "--rehearse", "--once"]
    ended = crash(home, where, *words)
    assert ended.returncode == 3 and list(home.logs.glob("crash-*.md")), ended
    text = told(home)
    assert_nothing_is_given_away(text, home)
    assert "RuntimeError" in text and "KeyError" in text and "in fails" in text and "which led to" in text
    assert "`dayshift start`" in text and "max_agents: 7" in text and "notify.command: set, 2 entries" in text
    assert "daemon began" in text and "a fault in the program (RuntimeError)" in text
    (line,) = [line for line in ended.stderr.splitlines() if "a fault in the program" in line]
    assert "nothing is lost" in line and str(home.logs) in line and "dayshift start" in line
    assert "Traceback" not in ended.stderr and not any(secret in ended.stderr for secret in HIDDEN)
    assert KEY not in (logged := (home.logs / "daemon.log").read_text()) and TOKEN not in logged


def test_a_command_that_crashes_leaves_one_too(home: Home) -> None:
    add(home, "task-1", Done(NOON), depends_on=())
    words = records.load_all(home)[0]["task-1"]
    records.save(home, replace(words, task=replace(words.task, name=NAME, description=DESCRIPTION)))
    ended = crash(home, "command", "status")
    assert ended.returncode == 3
    assert_nothing_is_given_away(told(home), home)
    assert "`dayshift status`" in told(home) and "nothing is lost" in ended.stderr
    assert next(home.logs.glob("crash-*.md")).stat().st_mode & 0o077 == 0


def test_where_no_file_can_be_left_all_of_it_is_said(home: Home) -> None:
    for path in (*home.logs.iterdir(), home.logs):
        path.rmdir() if path.is_dir() else path.unlink()
    ended = crash(home, "command", "status")
    assert ended.returncode == 3 and "Traceback" in ended.stderr and "in fails" in ended.stderr


def test_only_the_newest_are_kept(home: Home) -> None:
    for number in range(crash_file.KEPT + 3):
        assert crash_file.write(home, "start", ValueError(str(number)))
    found = sorted(home.logs.glob("crash-*.md"))
    assert len(found) == crash_file.KEPT and "ValueError: 12" in found[-1].read_text()


def test_a_death_by_the_machines_signal_is_told_by_the_next_daemon(home: Home) -> None:
    dies = (
        f"import sys, os, signal, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path; from dayshift.logbook import crash_file; from dayshift.home import Home\n"
        f"with crash_file.of_signals(Home(Path({str(home.root)!r}))): os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    ended = subprocess.run([sys.executable, "-c", dies], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGSEGV
    with crash_file.of_signals(home):
        assert "Segmentation fault" in told(home) and str(home.root) not in told(home)
    with crash_file.of_signals(home):
        assert len(list(home.logs.glob("crash-*.md"))) == 1
    assert not (home.own / "fault.txt").exists()


def test_the_next_daemon_names_the_file_of_the_one_before(home: Home) -> None:
    began = time.time() - 60
    earlier = {"pid": 1, "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)), "rehearsal": False}
    assert crash_file.left_by(home, earlier) is None
    path = crash_file.write(home, "start", ValueError("x"))
    assert crash_file.left_by(home, earlier) == path
    assert str(path) in of_death({**earlier, "crash_file": path}, NOON, "UTC").text
    assert "is in" not in of_death({**earlier, "crash_file": None}, NOON, "UTC").text
    assert path is not None
    os.utime(path, (began - 60, began - 60))  # of a daemon before that one
    assert crash_file.left_by(home, earlier) is None


# --- the cover ---------------------------------------------------------------------------------------

RECORDS = [{"task": {"id": "task-1", "name": NAME, "description": DESCRIPTION}, "project": "/srv/shop",
            "questions": [{"text": QUESTION}]}]  # fmt: skip


@pytest.fixture
def cover() -> Cover:
    environment = {"ANTHROPIC_API_KEY": KEY, "UNNAMED": PLAIN, "SHELL": "/bin/bash", "USER": "annabel"}
    return Cover.of(Settings(), environment, Path("/home/annabel/shift"), [Path("/home/annabel")], RECORDS)


@pytest.mark.parametrize(("words", "shown"), [
    ("'NoneType' object has no attribute 'task_id'", "'NoneType' object has no attribute 'task_id'"),
    ("'task-1'", "'task-1'"),
    ("input_value='Teach the pen...breakfast'", "input_value='[text]'"),
    ("[Errno 2] No such file or directory: '/home/annabel/shift/.dayshift/tasks/task-1.json'",
     "[Errno 2] No such file or directory: '<home>/.dayshift/tasks/task-1.json'"),
    ("cannot read /srv/shop/src/penguins.py now", "cannot read <project>/… now"),
    ("cannot read /home/annabel/shift/agent_workspaces/task-1/repo/src/a.py now",
     "cannot read <home>/agent_workspaces/task-1/… now"),
    ("cannot read /mnt/secret/plan.txt", "cannot read [path]"),
    (f"bad: {DESCRIPTION[:42]} and so on", "bad: [text] and so on"),
    (f"key {KEY[:4]} or {KEY}", f"key {KEY[:4]} or [secret]"),
    ("of annabel", "of [secret]"),
    ("int() argument must be a string, a bytes-like object or a real number, not 'NoneType'",) * 2,
])  # fmt: skip
def test_what_an_exception_says_helps_and_gives_nothing_away(cover: Cover, words: str, shown: str) -> None:
    assert cover.over_words(words) == shown


def test_a_line_of_the_log_is_told_without_its_texts(cover: Cover) -> None:
    def line(message: str, *args: object, name: str = "dayshift", **extra: object) -> str:
        facts = {"msg": message, "args": args, "name": name, **extra}
        return cover.over_record(logging.makeLogRecord(facts))

    assert line("%s: %d of %s failed: %s", "task-1", 3, "shop", ValueError(KEY)) == (
        "task-1: 3 of [text] failed: ValueError")  # fmt: skip
    facts = {"state": "running", "reason": QUESTION, "runs": 2}
    assert line("%s", DESCRIPTION, event="state", facts=facts) == "state state=running runs=2"
    assert line(f"Task exception {DESCRIPTION}", name="asyncio") == "(of another library)"
    assert line("%d", "no number") == "[text]"


@pytest.mark.parametrize("secret", [KEY, TOKEN, "Ünïcödé-pässwörd", "/home/annabel"])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "z", "zy"])
def test_a_secret_inside_a_base64_text_is_blotted_out(secret: str, before: str, after: str) -> None:
    text = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    assert any(form in text for form in disguises(secret) if form != secret)
    assert "[secret]" in Redaction([secret]).redacted(f"Basic {text}")


def test_what_was_logged_last_is_still_known_when_the_process_ends_by_a_fault(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, threading.excepthook
    try:
        with pytest.raises(ValueError, match="x"), daemon_log.kept(tmp_path / "log", "text", 1, 1, Redaction([])):
            logging.getLogger("dayshift").warning("so far")
            raise ValueError("x")
        assert [record.getMessage() for record in daemon_log.recent()] == ["so far"]
    finally:
        root.handlers[:], root.level, threading.excepthook = before, level, hook
