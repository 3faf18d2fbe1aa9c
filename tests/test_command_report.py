"""`report`: any day as its facts tell it now, and as a page; weeks and months; the files agree with what is shown."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift import files, records
from dayshift.commandline import Parts
from dayshift.commandline import run as run_here
from dayshift.home import Home
from dayshift.host import browser
from dayshift.mailbox import inbox
from dayshift.model import Tokens, Usage
from dayshift.money import from_usd
from dayshift.reporting import archive, report
from metrics import Ledger
from tests import day_examples
from tests.command_line import ROOT, daemon, environment
from tests.day_examples import DAY
from tests.test_command_results import book

PARTS = Parts(lambda *_, **__: 0, lambda *_: 0, lambda *_: None)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


@pytest.fixture
def written(home: Home) -> Home:
    """A day that was reported, as its daemon left it."""
    report.write(home, day_examples.everything())
    return home


@pytest.fixture
def run(home: Home, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: its exit code, output and errors."""

    def ran(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run_here(["--home", str(home.root), "report", *words], PARTS)
        said = capfd.readouterr()
        return code, said.out, said.err

    return ran


def markdown(home: Home, day: date = DAY) -> Path:
    return home.results / f"{day}-report.md"


def content(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.results.iterdir()}


# --- a day -----------------------------------------------------------------------------------------


def test_a_day_is_shown_as_it_lies_there_and_nothing_is_written_anew(written: Home, run: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.results.iterdir()}
    assert run("2026-11-20") == (0, markdown(written).read_text(), "")
    assert run("--json") == (0, (written.results / "2026-11-20.json").read_text(), "")
    assert {path: path.stat().st_mtime_ns for path in written.results.iterdir()} == before


def test_what_was_said_of_a_task_since_is_shown_and_written_down(written: Home, run: Run) -> None:
    facts = day_examples.everything()
    task = next(each for each in facts.records if each.state.name == "done")
    records.save(written, replace(task, review="rejected", review_reason="not like this"))
    _, shown, _ = run("2026-11-20")
    assert "not like this" in shown
    assert markdown(written).read_text() == shown
    found = {each["task_id"]: each["review"] for each in json.loads(run("2026-11-20", "--json")[1])["tasks"]}
    assert found[task.id] == "rejected"
    assert (written.results / "2026-11-20.json").read_text() == run("--json")[1]
    assert archive.from_json(files.read_json(written.facts(DAY, False))) == facts  # the evening's own stay as they were


def test_a_report_that_is_gone_is_made_again_to_the_byte(written: Home, run: Run) -> None:
    before = content(written)
    for path in written.results.iterdir():
        path.unlink()
    assert run()[0] == 0
    assert content(written) == before


def test_a_report_without_facts_is_shown_as_it_stands(written: Home, run: Run) -> None:
    text = markdown(written).read_text()
    written.facts(DAY, False).unlink()
    assert run("2026-11-20") == (0, text, "")
    assert run("2026-11-20", "--html")[0] == 0
    (written.results / "2026-11-20.json").unlink()
    code, _, said = run("2026-11-20", "--json")
    assert (code, "no JSON was kept" in said) == (2, True)


def test_torn_facts_leave_the_report_as_it_was_and_are_named(written: Home, run: Run) -> None:
    text = markdown(written).read_text()
    written.facts(DAY, False).write_text("{")
    code, shown, said = run("2026-11-20")
    assert (code, shown) == (0, text)
    assert str(written.facts(DAY, False)) in said
    markdown(written).unlink()
    assert run("2026-11-20")[0] == 3


def test_where_nothing_can_be_written_the_report_is_shown_all_the_same(
    written: Home, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = markdown(written).read_text()
    markdown(written).write_text("old")

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "write_atomically", refuse)
    code, shown, said = run("2026-11-20")
    assert (code, shown) == (0, text)
    assert f"{markdown(written)} stays as it was: Permission denied" in said


def test_the_newest_day_is_shown_and_an_absent_one_names_those_there_are(written: Home, run: Run) -> None:
    markdown(written, date(2026, 11, 18)).write_text("# a file alone\n")
    report.write(written, day_examples.rehearsal())
    assert run()[1].startswith("# Report for 2026-11-20\n")
    assert run("2026-11-18")[1] == "# a file alone\n"
    assert "rehearsal" in run("--rehearsal")[1].splitlines()[0]
    code, _, said = run("2026-11-19")
    assert code == 2
    assert "there are: 2026-11-18, 2026-11-20; rehearsals (--rehearsal): 2026-11-20" in said


def test_today_and_yesterday_are_days(home: Home, run: Run) -> None:
    today = datetime.now(UTC).astimezone().date()
    for day in (today, today - timedelta(days=1)):
        markdown(home, day).write_text(f"# {day}\n")
    assert run("yesterday")[1] == f"# {today - timedelta(days=1)}\n"
    assert run("today")[1] == f"# {today}\n"


def test_the_person_s_own_template_is_used(written: Home, run: Run) -> None:
    written.templates.mkdir(parents=True)
    (written.templates / "report.md.j2").write_text("mine: {{ tally }}\n")
    assert run("2026-11-20")[1].startswith("mine: ")
    assert markdown(written).read_text().startswith("mine: ")


def test_the_daemon_s_own_day_is_fresh_and_left_to_it(written: Home, run: Run) -> None:
    files.write_json(written.day_facts(rehearsal=False), {"day": {"date": "2026-11-20"}})
    markdown(written).write_text("the daemon's own")

    def write(_: dict[str, Any]) -> tuple[list[str], bool]:
        archive.keep(written, replace(day_examples.everything(), guarantee="Fresh."))
        return [str(markdown(written))], True

    with daemon(written, write) as asked:
        assert "Fresh." in run("2026-11-20")[1]
        assert "Fresh." in run()[1]
    assert asked == [{"kind": "report"}] * 2
    assert markdown(written).read_text() == "the daemon's own"
    assert inbox.pending(written) == []


# --- a page ----------------------------------------------------------------------------------------


def test_a_page_is_written_beside_the_report_the_same_each_time(written: Home, run: Run) -> None:
    path = written.results / "2026-11-20-report.html"
    assert run("2026-11-20", "--html") == (0, f"{path}\n", "")
    first = path.read_bytes()
    assert first.startswith(b"<!DOCTYPE html>")
    assert b"<svg " in first
    run("--html")
    assert path.read_bytes() == first


@pytest.mark.parametrize("option", ["--html", "--open"])
def test_a_page_and_json_exclude_each_other(written: Home, run: Run, option: str) -> None:
    code, shown, said = run("--json", option)
    assert (code, shown) == (2, "")
    assert said == f"--json and {option} exclude each other; choose one\n"
    assert list(written.results.glob("*.html")) == []


def a_browser(folder: Path, commands: str) -> Path:
    program = folder / "browser"
    program.write_text(f"#!/bin/sh\necho noise; echo noise >&2\n{commands}\n")
    program.chmod(0o755)
    return program


def test_the_page_is_opened_without_the_browser_s_noise(
    written: Home, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = a_browser(tmp_path, f'printf "%s" "$1" > "{tmp_path}/asked"')
    monkeypatch.setenv("BROWSER", f"no-such-browser{os.pathsep}{program}")
    path = written.results / "2026-11-20-report.html"
    assert run("--open") == (0, f"{path}\n", "")
    assert (tmp_path / "asked").read_text() == path.as_uri()


@pytest.mark.parametrize(("given", "why"), [
    ({"SSH_CONNECTION": "1 2 3 4", "DISPLAY": ":0"}, "this is a session over SSH"),
    ({}, "there is no screen here"),
    ({"DISPLAY": ":0"}, "no browser was found"),
    ({"BROWSER": "false"}, "false did not open it"),
    ({"BROWSER": '"torn'}, "no browser was found"),
])  # fmt: skip
def test_where_no_browser_is_the_page_is_named_with_why(
    written: Home, run: Run, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], why: str, tmp_path: Path
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "false").symlink_to("/bin/false")
    for name, value in {**given, "PATH": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    code, shown, said = run("--open")
    assert (code, shown) == (3, f"{written.results}/2026-11-20-report.html\n")
    assert why in said
    assert (written.results / "2026-11-20-report.html").is_file()


def test_a_browser_that_stays_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "PATIENCE", 0.1)
    program = a_browser(tmp_path, f'echo $$ > "{tmp_path}/pid"; exec sleep 5')
    began = datetime.now(UTC)
    with pytest.warns(ResourceWarning, match="still running"):  # that is the point
        browser.show(tmp_path / "a page.html", {"BROWSER": f"{program} %s", "PATH": "/usr/bin:/bin"})
    assert datetime.now(UTC) - began < timedelta(seconds=3)
    os.kill(int((tmp_path / "pid").read_text()), 9)


# --- a terminal ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lines", "paged"), [("1000", False), ("10", True)])
def test_at_a_terminal_a_report_longer_than_it_goes_through_the_pager(
    written: Home, tmp_path: Path, lines: str, paged: bool
) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho through the pager\ncat\n")
    pager.chmod(0o755)
    outer, inner = pty.openpty()
    command = [sys.executable, f"{ROOT}/orchestrator.py", "--home", str(written.root), "report", "2026-11-20"]
    given = {**environment(written), "PAGER": str(pager), "LINES": lines, "COLUMNS": "80"}
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=given) as process:
        os.close(inner)
        said = b""
        while part := read(outer):
            said += part
        os.close(outer)
        assert process.wait() == 0
    assert (b"through the pager" in said) == paged
    assert "Report for 2026-11-20" in said.decode()


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how a terminal ends
        return b""


# --- a week and a month ----------------------------------------------------------------------------


@pytest.fixture
def spent(home: Home) -> Home:
    ledger = Ledger.open(home.ledger(rehearsal=False))
    ledger.settle(
        book(ledger, DAY, "task-1", "haiku"), Usage("haiku", Tokens(9, 9)), from_usd("0.25"), "r", day_examples.NINE
    )
    ledger.close()
    return home


@pytest.mark.parametrize("period", ["2026-W47", "2026-11"])
def test_a_week_and_a_month_are_told_as_they_are_known_now(spent: Home, run: Run, period: str) -> None:
    code, shown, said = run(period)
    assert (code, said) == (0, "")
    assert "$0.25" in shown
    assert (spent.results / f"{period}-recap.md").read_text() == shown
    assert run(period, "--json")[1] == (spent.results / f"{period}.json").read_text()
    assert run(period, "--html")[1] == f"{spent.results}/{period}-recap.html\n"
    assert "$0.25" in (spent.results / f"{period}-recap.html").read_text()


def test_a_recap_of_which_nothing_else_is_known_is_shown_as_it_lies(home: Home, run: Run) -> None:
    (home.results / "2026-03-recap.md").write_text("# March 2026\n")
    assert run("2026-03") == (0, "# March 2026\n", "")
    code, shown, said = run("2026-W10")
    assert (code, shown, said) == (2, "", "nothing is known of 2026-W10; there are: 2026-03\n")
    assert run("2026-03", "--rehearsal")[0] == 2
