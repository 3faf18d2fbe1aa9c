"""A record that cannot be read: the person is told everywhere, its id stays taken, its run is ended, its work stays."""

from pathlib import Path

import pytest

from dayshift import files, records
from dayshift.deciding import intake
from dayshift.holder.bounds import Bounds
from dayshift.home import Home
from dayshift.mailbox.status import read_all
from dayshift.model import Day
from dayshift.reporting import report
from dayshift.running import wrecks
from dayshift.running.spool import MARK, Spool, mark
from dayshift.states import Parked, ParkReason, Queued, Running
from tests import day_examples
from tests.house import NINE, TODAY, House, hands_in, record, task
from tests.test_desk import Office

PLENTY = Bounds(memory=8 << 30, processes=512, disk=8 << 30)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A home with one good record, `b`, and one torn one, `a`, which has work."""
    office = Office(tmp_path / "home")
    for each in ("a", "b"):
        records.save(office.home, record(Running(NINE, 1), each))
    torn = office.home.records / "a.json"
    torn.write_bytes(torn.read_bytes()[:200])
    work = office.home.workspace("a") / "repo" / "made.py"
    work.parent.mkdir(parents=True)
    work.write_text("print(1)\n")
    return office


def test_it_is_told_with_its_place_its_work_and_the_cure_and_status_says_so(office: Office) -> None:
    told = list[str]()
    office.desk._tell = lambda alert: told.append(f"{alert.title}\n{alert.text}")
    office.desk.wrecked("a")
    assert len(office.said) == len(told) == 1
    for words in (office.said[0], told[0], read_all(office.home)[0]["reason"]):
        assert "the record of a cannot be read" in words
        assert str(office.home.records / "a.json") in words and str(office.home.workspace("a")) in words
    assert read_all(office.home)[0]["state"] == "unreadable"
    assert (office.home.workspace("a") / "repo" / "made.py").read_text() == "print(1)\n"
    assert records.load_all(office.home)[1] == ["a.json"]


def test_the_same_file_is_one_alert_and_another_one_is_another(office: Office) -> None:
    first, again = (wrecks.alert(office.home, "a", NINE).key for _ in range(2))
    files.write_atomically(office.home.records / "a.json", "{")
    assert first == again != wrecks.alert(office.home, "a", NINE).key


@pytest.mark.parametrize("rehearsal", [False, True])
def test_its_id_is_not_used_again_by_itself(rehearsal: bool) -> None:
    [why] = intake.collisions({}, Day(TODAY, "/src", (task("a"), task("b"))), rehearsal, unreadable=("a",))
    assert why.startswith("the record of a cannot be read, so what was done for it is not known; use another id")


def test_a_daemon_refuses_a_day_with_its_id_and_parks_what_depends_on_it() -> None:
    house = House()
    house.orchestrator.restore({"b": record(Queued(NINE), task=task("b", "a"))}, {}, unreadable=("a",))
    house.happens(hands_in(task("a")))
    assert list(house.orchestrator.records) == ["b"]
    assert house.orchestrator.records["b"].state == Parked(
        house.clock.now(), ParkReason.stuck, "a, which it depends on, is unknown"
    )


def test_a_run_that_nobody_can_follow_is_ended_and_others_go_on(office: Office) -> None:
    spools = {}
    for each in ("a", "b"):
        spools[each] = Spool(office.home.run(each, 1))
        argv = ["/bin/sh", "-c", "sleep 300"]
        place = office.home.workspace(each)
        place.mkdir(exist_ok=True, parents=True)
        env = {MARK: mark(office.home.root, each, 1), "PATH": "/usr/bin:/bin"}
        spools[each].launch(argv, env, "", place / "out", 300, PLENTY, place)
    try:
        assert wrecks.end_runs(office.home, "a") == 1
        assert (spools["a"].alive, spools["b"].alive) == (False, True)
        assert wrecks.end_runs(office.home, "a") == 0
    finally:
        spools["b"].end(mark(office.home.root, "b", 1))


@pytest.mark.parametrize("name", ["..", "a b", "-x", "", "ä"])
def test_what_is_no_id_has_no_runs(home_of: Home, name: str) -> None:
    assert wrecks.end_runs(home_of, name) == 0


@pytest.fixture
def home_of(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_report_says_that_it_does_not_tell_of_it() -> None:
    from dataclasses import replace

    told = report.render_markdown(replace(day_examples.everything(), unreadable=("task-9",)))
    assert "**The record of task-9 cannot be read**" in told
    assert "cannot be read**" not in report.render_markdown(day_examples.everything())
