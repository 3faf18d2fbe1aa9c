"""The example day on a clone of this repository: real CLI, real sandbox, scripted model. For `make demo`."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PLACE = ROOT / ".demo"
HOME = PLACE / "home"
PROJECT = PLACE / "project"
BUDGET_REACHED = 4  #: the day's exit code: one of its tasks is stopped by its own cap
ANSWER = "choose-page-size-answer.md"


def main() -> int:
    """Run the example day; 0 if it ended as it should."""
    lay_out()
    print(f"demo: the home is {HOME}, the project {PROJECT}; nothing outside {PLACE} is changed", flush=True)
    over = threading.Event()
    person = threading.Thread(target=answer_as_a_person_would, args=(over,))
    person.start()
    code = dayshift("start", str(ROOT / "tasks" / "example-day.yaml"), "--rehearse", "--once")
    over.set()
    person.join()
    if sys.stdout.isatty() is False:
        dayshift("report", "--rehearsal")
    report = next(HOME.glob("results/*-rehearsal-report.md"), None)
    print(f"demo: the report is {report}; `expensive` was stopped by its own cap, so the day's exit code is {code}")
    return 0 if code == BUDGET_REACHED and report else 1


def lay_out() -> None:
    """A fresh home and a fresh clone; what an earlier demo left is taken away."""
    if HOME.exists():
        dayshift("clean", "--all", "--force", stdout=subprocess.DEVNULL)
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    clone()
    dayshift("init", str(HOME), stdout=subprocess.DEVNULL)


def clone() -> None:
    """This repository as its last commit has it; of an unpacked archive, a repository made of its files."""
    if (ROOT / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(PROJECT)], check=True)
        return
    shutil.copytree(ROOT, PROJECT, ignore=shutil.ignore_patterns(".demo", ".venv", ".dayshift"))
    identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "As unpacked"]):
        subprocess.run(["git", "-C", str(PROJECT), *words], check=True)


def dayshift(*words: str, stdout: int | None = None) -> int:
    """One dayshift command in the demo's home, with no credential in reach."""
    environment = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TERM", "LANG", "COLUMNS")
    }
    environment |= {"DAYSHIFT_PROJECT": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "orchestrator.py"), "--home", str(HOME), *words]
    return subprocess.run(command, env=environment, stdout=stdout, check=False).returncode


def answer_as_a_person_would(over: threading.Event) -> None:
    """See the question, think for three seconds, write the answer file."""
    questions = HOME / "agent_questions"
    while not over.wait(0.2):
        if (questions / ANSWER.replace("-answer", "")).exists():
            over.wait(3)
            (questions / ANSWER).write_text("50\n")
            return


if __name__ == "__main__":
    sys.exit(main())
