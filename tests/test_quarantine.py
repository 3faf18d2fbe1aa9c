"""A workspace in quarantine is kept as it is, never started in again, set aside once, and cleaned only on purpose."""

from dataclasses import replace
from typing import Any

import pytest

from dayshift.deciding import decisions, orders, run_end
from dayshift.evidence import Change, Finding, Who
from dayshift.home import Home
from dayshift.model import Record
from dayshift.records import from_json, to_json
from dayshift.repository import commits, daybook, quarantine, workspace
from dayshift.repository.audit import Fingerprint, fingerprint
from dayshift.states import Done, Halted, Queued, Running, Verifying
from dayshift.tidying import disposal
from dayshift.tidying.clearance import hindrance
from tests.house import NINE, TODAY, finished, found, passes, prepared, record, running, says, task
from tests.test_audit import did

GRAVE = found("hooks (pre-commit), changed while it ran", True)
HARMLESS = found("HEAD, changed while it ran, not by it", False)


def halted(**facts: Any) -> Record:
    """A task whose first run was found out."""
    given: dict[str, Any] = {
        "runs": 1,
        "quarantined": 1,
        "base": "b",
        "commit": "c",
        "session_id": "s",
        "claim": "Done.",
    }
    return record(Halted(NINE, "words"), **{**given, **facts})


# --- decisions -------------------------------------------------------------------------------------


def test_a_finding_halts_and_quarantines() -> None:
    after = run_end.after_run(record(Running(NINE, 1)), finished(findings=(HARMLESS, GRAVE)), NINE)
    assert after.state == Halted(NINE, f"the audit found: {GRAVE.what}")
    assert (after.quarantined, after.in_quarantine, after.findings) == (1, True, (HARMLESS, GRAVE))


def test_what_harms_nobody_does_neither() -> None:
    after = run_end.after_run(record(Running(NINE, 1)), finished(findings=(HARMLESS,)), NINE)
    assert (after.state, after.in_quarantine) == (Verifying(NINE), False)


def test_what_a_validation_did_is_found_as_well() -> None:
    checked = replace(passes(), findings=(GRAVE,))
    after = decisions.after_checks(record(Verifying(NINE), runs=1), checked, "", "", NINE)
    assert (type(after.state), after.in_quarantine, after.findings) == (Halted, True, (GRAVE,))
    harmless = decisions.after_checks(
        record(Verifying(NINE), runs=1), replace(passes(), findings=(HARMLESS,)), "", "", NINE
    )
    assert (harmless.state, harmless.findings) == (Done(NINE), (HARMLESS,))


def test_retry_begins_afresh_and_nothing_of_the_work_is_offered() -> None:
    again = orders.obeyed(halted(), says("retry").order, NINE)
    assert isinstance(again, Record)
    assert (again.state, again.base, again.commit, again.session_id, again.claim) == (
        Queued(NINE),
        None,
        None,
        None,
        "",
    )
    assert again.in_quarantine  # until the next run stands elsewhere
    begun = decisions.begun(again, "another", NINE)
    assert (begun.session_id, begun.in_quarantine, begun.quarantined) == ("another", False, 1)
    stands = decisions.prepared(begun, "base", ("sandbox",))
    assert (stands.quarantined, stands.set_aside, stands.base) == (0, (1,), "base")
    assert decisions.prepared(stands, "base", ("sandbox",)) == stands
    found_out = replace(stands, quarantined=stands.runs)
    assert decisions.prepared(found_out, "base", ("sandbox",)).in_quarantine  # taken up by another daemon


def test_retry_of_what_was_halted_for_other_reasons_goes_on_where_it_was() -> None:
    again = orders.obeyed(halted(quarantined=0), says("retry").order, NINE)
    assert isinstance(again, Record) and (again.base, again.commit, again.session_id) == ("b", "c", "s")


def test_dependents_start_from_none_of_it() -> None:
    house = running(task("a"), task("b", "a")).happens(finished("a", findings=(GRAVE,)))
    assert house.states == "a halted, b failed"
    house.calls()
    house.happens(says("retry"), prepared("a", 2), says("retry", "b"), finished("a", 2, "c2"), passes("a"))
    assert house.calls().split(", ")[-1] == "start b1 from a=c2"
    assert house["a"].set_aside == (1,)


# --- on disk ---------------------------------------------------------------------------------------


def test_it_is_set_aside_once_and_a_fresh_one_stands_in_its_place(place: workspace.Workspace) -> None:
    home = Home(place.folder.parent.parent)
    (place.repo / "evidence").write_text("x")
    place.keep(commits.head(place.project), "work")
    quarantine.set_aside(home, place, 1)
    aside = home.quarantine("task-1", 1)
    assert (aside / "repo" / "evidence").read_text() == "x"
    assert (aside / "changes.patch").exists()
    assert not (aside / "repo" / ".git").exists() and (aside / "repo" / quarantine.DEFUSED).is_file()
    assert place.project.text("for-each-ref", "refs/dayshift/") == ""
    place.make(commits.head(place.project))
    assert not (place.repo / "evidence").exists()
    quarantine.set_aside(home, place, 1)  # a daemon that died in between asks again
    assert place.ready and home.quarantines("task-1") == [aside]


def test_what_an_agent_put_in_the_git_files_place_is_obeyed_by_no_git(place: workspace.Workspace) -> None:
    home, mark = Home(place.folder.parent.parent), place.folder.parent / "ran"
    did(place.repo, f"rm .git; git init -q; git config core.fsmonitor 'touch {mark}; false'")
    quarantine.set_aside(home, place, 1)
    did(home.quarantine("task-1", 1) / "repo", "git status")
    assert not mark.exists()


def test_cleaning_takes_purpose_and_then_takes_all(place: workspace.Workspace) -> None:
    home = Home(place.folder.parent.parent)
    home.make_folders()
    left = halted(task=task("task-1"), review="accepted", base=commits.head(place.project))
    left = replace(left, project=str(place.project.work_tree))
    why = hindrance(left, {"task-1": left}, force=False)
    assert why and "is in quarantine" in why and "--force" in why
    assert hindrance(left, {"task-1": left}, force=True) is None
    (place.repo / "new").write_text("x\n")
    left = replace(left, commit=place.keep(commits.head(place.project), "work"))
    saved = disposal.salvage(home, left)
    assert saved and saved.name == f"task-1-{left.day}-quarantined.patch"
    (home.quarantine("task-1", 1)).mkdir(parents=True)
    (home.quarantine("task-1-run1", 2)).mkdir(parents=True)  # of a task whose name begins alike
    disposal.discard(home, left)
    assert disposal.belongings(home, "task-1") == []
    assert home.quarantine("task-1-run1", 2).exists()


def test_a_finding_of_the_first_release_is_still_read() -> None:
    old = to_json(halted(findings=(GRAVE,)))
    (finding,) = old["findings"]
    old["findings"] = [{"run": 1, "what": finding["what"], "by_agent": True}]
    assert from_json(old).findings == (Finding(1, finding["what"], True, Who.unknown),)


# --- over the day ----------------------------------------------------------------------------------


@pytest.fixture
def opened(place: workspace.Workspace) -> Home:
    """A home that opened its day on the project at nine."""
    home = Home(place.folder.parent.parent)
    daybook.open_day(home, of_today(place), fingerprint(place.project, place), NINE)
    return home


def of_today(place: workspace.Workspace, **facts: Any) -> Record:
    given: dict[str, Any] = {"runs": 1, "audited_runs": 1, **facts}
    return replace(record(Done(NINE), **given), project=str(place.project.work_tree))


def closed(home: Home, place: workspace.Workspace, fenced: bool = True, **facts: Any) -> tuple[Change, ...]:
    closing = daybook.close_day(home, TODAY, [of_today(place, **facts)], fenced)
    assert closing.opened_at == NINE
    return closing.changes


def test_a_day_in_which_only_the_supervisor_worked_is_unchanged(opened: Home, place: workspace.Workspace) -> None:
    (place.repo / "new").write_text("x")
    place.keep(commits.head(place.project), "work")
    place.remove()
    assert closed(opened, place) == ()


def test_only_the_first_run_opens_the_day(opened: Home, place: workspace.Workspace) -> None:
    daybook.open_day(opened, of_today(place), Fingerprint({}), NINE)
    assert closed(opened, place) == ()


SEEN = {
    "agent": (Finding(1, "words", True, Who.agent, "refs"), Who.agent),
    "unknown": (Finding(1, "words", True, Who.unknown, "refs"), Who.unknown),
    "something else": (Finding(1, "words", True, Who.agent, "hooks"), Who.person),
}


@pytest.mark.parametrize(("finding", "who"), SEEN.values(), ids=SEEN)
def test_a_change_is_explained_by_what_runs_saw(
    opened: Home, place: workspace.Workspace, finding: Finding, who: Who
) -> None:
    did(place.project.work_tree, "git commit -q --allow-empty -m x")
    (change,) = closed(opened, place, fenced=False, findings=(finding,))
    assert (change.what, change.who) == ("refs (heads/main)", who)
    (fenced,) = closed(opened, place, findings=(finding,))
    assert (fenced.who, fenced.why) == (Who.person, "it was read-only for every agent")


def test_a_run_that_was_not_checked_leaves_it_open(opened: Home, place: workspace.Workspace) -> None:
    did(place.project.work_tree, "git tag x")
    assert [each.who for each in closed(opened, place, fenced=False, runs=2)] == [Who.unknown]


def test_without_an_opening_nothing_is_claimed(place: workspace.Workspace) -> None:
    home = Home(place.folder.parent.parent)
    assert daybook.close_day(home, TODAY, [of_today(place)], True).opened_at is None
    assert daybook.close_day(home, TODAY, [], True).opened_at is None


def test_a_repository_that_is_gone_is_said(opened: Home, place: workspace.Workspace) -> None:
    did(place.project.work_tree, "mv .git gone")
    assert "not in a git repository" in daybook.close_day(opened, TODAY, [of_today(place)], True).trouble


def test_the_next_rehearsal_opens_anew(place: workspace.Workspace) -> None:
    home, rehearsed = Home(place.folder.parent.parent), of_today(place, rehearsal=True)
    daybook.open_day(home, rehearsed, Fingerprint({}), NINE)
    daybook.open_day(home, of_today(place), fingerprint(place.project), NINE)
    daybook.forget_rehearsals(home)
    assert daybook.close_day(home, TODAY, [rehearsed], True).opened_at is None
    assert closed(home, place) == ()
