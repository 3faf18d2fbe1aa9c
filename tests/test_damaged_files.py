"""Files of our own, cut off at every offset and with every byte flipped: as they were written, or of no use at all."""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dayshift import files, records
from dayshift.conversation import Question
from dayshift.holder import processes, seal
from dayshift.holder.records import put
from dayshift.home import Home
from dayshift.learning import proposals
from dayshift.limits import PlanWindow
from dayshift.logbook import timeline
from dayshift.mailbox import inbox
from dayshift.mailbox.status import read_all, read_plan
from dayshift.model import Day
from dayshift.money import from_usd
from dayshift.reporting import archive
from dayshift.repository import audit, daybook
from dayshift.repository.vigil import Vigil
from dayshift.repository.workspace import Workspace
from dayshift.reviewing.receipt import Made, Receipt
from dayshift.running import lifetime
from dayshift.running.spool import Spool
from dayshift.states import Running, Waiting
from desk import keep_plan
from tests import day_examples
from tests.house import NINE, TODAY, record

FEW = 250  #: damages of a file that is too long for all of them
ODD: tuple[Any, ...] = (None, [], {}, "x", -1, 1 << 70, 1.5, float("nan"), float("inf"), True, [[[]]], {"a": []})


def wounds(data: bytes) -> Iterator[bytes]:
    """The data cut off at every offset, and with one bit of every byte turned; of long data some of that, by a seed."""
    dice = random.Random(7)
    few = len(data) > 2 * FEW
    for end in sorted(dice.sample(range(len(data)), FEW)) if few else range(len(data)):
        yield data[:end]
    for place in sorted(dice.sample(range(len(data)), FEW)) if few else range(len(data)):
        wounded = bytearray(data)
        wounded[place] ^= 1 << dice.randrange(8)
        yield bytes(wounded)


def survives(path: Path, read: Callable[[], object], *unusable: object) -> int:
    """Whatever is done to the file, it reads as it was, or as one of these; how often it was of no use."""
    data, whole, lost = path.read_bytes(), read(), 0
    for wounded in wounds(data):
        path.write_bytes(wounded)
        found = read()
        assert found == whole or found in unusable, f"{wounded!r} reads as {found!r}"
        lost += found != whole
    path.write_bytes(data)
    assert read() == whole
    return lost


def told(read: Callable[[], object]) -> Callable[[], object]:
    """The same, a file that is Unusable counted as none."""

    def reading() -> object:
        try:
            return read()
        except files.Unusable as error:
            assert ": " in str(error)
            return "unusable"

    return reading


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def test_a_record_is_what_was_saved_or_is_named_as_broken(home: Home) -> None:
    asked = Question("a", 1, "Which?", NINE, ("20", "50"))
    kept = record(Waiting(NINE, 1), "a", questions=(asked,), claim="half done", commit="c0ffee")
    records.save(home, kept)
    lost = survives(home.records / "a.json", lambda: records.load_all(home), ({}, ["a.json"]))
    assert lost > FEW  # nearly every one is noticed: what is not changed nothing


def test_a_record_of_an_earlier_release_has_no_checksum_and_is_read(home: Home) -> None:
    files.write_json(home.records / "a.json", records.to_json(record(Running(NINE, 1))))
    assert records.load_all(home) == ({"a": record(Running(NINE, 1))}, [])


def test_a_copy_of_a_record_under_another_name_is_no_second_task(home: Home) -> None:
    records.save(home, record(Running(NINE, 1)))
    (home.records / "z.json").write_bytes((home.records / "a.json").read_bytes())
    assert records.load_all(home) == ({"a": record(Running(NINE, 1))}, ["z.json"])


@pytest.mark.parametrize("name", ["start", "exit", "namespace"])
def test_what_a_holder_recorded_is_what_it_was_or_is_not_known(tmp_path: Path, name: str) -> None:
    spool = Spool(tmp_path)
    put(str(tmp_path), "start.json", {"protocol": 1, "boot": processes.boot_id(), "offset": 4711, "started": 7.25})
    if name == "exit":
        put(str(tmp_path), "exit.json", {"code": 0, "how": "exited", "why": "", "launched": True, "ended": 9.5})
    if name == "namespace":
        put(str(tmp_path), "namespace.json", {"pid": os.getpid(), "started": 1, "boot": processes.boot_id()})
    lost = Spool(tmp_path / "other").ended() or "lost"
    read = {
        "start": lambda: spool.offset,
        "exit": lambda: (ended := spool.ended()) and ((ended.code, ended.how) if ended.how != "lost" else lost),
        "namespace": lambda: files.read_json(tmp_path / "namespace.json") and list(spool._namespace_init()),
    }[name]
    assert survives(tmp_path / f"{name}.json", read, None, lost) > 50
    assert lifetime.lived(tmp_path, 100.0) >= 0


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_records_of_a_run_with_odd_values_end_nobody_and_break_nothing(tmp_path: Path, odd: Any) -> None:
    for name, keys in {
        "start": ("offset", "started"), "exit": ("code", "how", "why", "launched", "ended"),
        "namespace": ("pid", "started", "boot"),
    }.items():  # fmt: skip
        for key in (*keys, None):
            good = {"code": 0, "how": "exited", "offset": 1, "pid": os.getpid(), "boot": processes.boot_id()}
            (tmp_path / f"{name}.json").write_text(json.dumps({**good, key: odd} if key else odd))
            spool = Spool(tmp_path)
            ended = spool.ended()
            assert ended is None or isinstance(ended.how, str)
            assert spool.offset is None or spool.offset >= 0
            assert lifetime.lived(tmp_path, 100.0) >= 0
            assert list(spool._namespace_init()) == []


@pytest.mark.parametrize("pid", [0, 1, -1, True, "1", [1], 1.0, 1 << 70, None])
def test_only_a_process_that_is_proven_ours_is_ended(tmp_path: Path, pid: Any) -> None:
    facts = {"pid": pid, "boot": processes.boot_id(), "started": processes.start_time(1)}
    (tmp_path / "namespace.json").write_text(json.dumps(facts))
    assert list(Spool(tmp_path)._namespace_init()) == []


def test_a_fingerprint_that_cannot_be_read_is_never_taken_for_one_without_changes(place: Workspace) -> None:
    vigil = Vigil.begin(place, 1, fenced=True, now=NINE)
    path = place.folder / "fingerprint.json"
    vigil.save(path)

    def read() -> object:
        kept = Vigil.kept(path, place, 1, fenced=True)
        return kept and kept.before

    assert survives(path, read, None) > FEW
    for odd in ODD:
        for content in (odd, {"began": odd, "aspects": {}}, {"began": 1.0, "aspects": odd},
                        {"began": 1.0, "aspects": {"refs": odd}}):  # fmt: skip
            files.write_json(path, content)
            kept = Vigil.kept(path, place, 1, fenced=True)
            assert kept is None or all(isinstance(each, str) for each in kept.before.aspects.values())


def test_an_opening_of_the_day_that_cannot_be_read_is_told_and_proves_nothing(home: Home) -> None:
    known = record(Running(NINE, 1))
    daybook.open_day(home, known, audit.Fingerprint({"refs": "a"}), NINE)
    [path] = (home.own / "openings").iterdir()
    data = path.read_bytes()
    for wounded in [
        data[:-9],
        data.replace(b'"a"', b'"b"'),
        b"",
        b"[]",
        b'{"opened_at": 3, "aspects": {}}',
        b"[" * 10**5,
    ]:
        path.write_bytes(wounded)
        closing = daybook.close_day(home, TODAY, [known], fenced=True)
        assert closing.opened_at is None
        assert closing.trouble.startswith("what there was at the beginning cannot be read")


def test_the_day_at_hand_is_as_it_was_kept_or_unusable_with_the_cure(home: Home) -> None:
    day = Day(TODAY, "/src/shop", (), from_usd(8), "tasks/today.yaml")
    place = home.day_facts(rehearsal=False)
    files.write_sealed(place, {"day": records.day_to_json(day), "dirty": True})
    assert survives(place, told(lambda: records.kept_day(home, rehearsal=False)), "unusable") > 100
    for odd in ODD:
        files.write_json(place, {"day": odd})
        with pytest.raises(files.Unusable, match="start with its day file again"):
            records.kept_day(home, rehearsal=False)


def test_the_facts_of_a_report_are_as_they_were_or_none(home: Home) -> None:
    archive.keep(home, day_examples.everything())
    path = home.facts(day_examples.everything().date, rehearsal=False)
    day = day_examples.everything().date
    data, whole = path.read_bytes(), archive.read(home, day, rehearsal=False)
    for wounded in list(wounds(data))[::30]:
        path.write_bytes(wounded)
        assert archive.read(home, day, rehearsal=False) in (whole, None)


def test_a_receipt_is_as_it_was_or_unusable_with_the_cure(tmp_path: Path) -> None:
    place = tmp_path / "reviews" / "a.json"
    Receipt(place, "c0ffee").make(Made("review/a", "abc", ("a", "b")))
    assert survives(place, told(lambda: Receipt(place, "c0ffee").made), "unusable") > 50


def test_a_request_is_obeyed_as_it_was_left_or_set_aside(home: Home) -> None:
    name = inbox.submit(home, {"kind": "order", "order": "cancel", "task": "task-001"})
    path = home.inbox / f"{name}.json"
    data, obeyed = path.read_bytes(), {"kind": "order", "order": "cancel", "task": "task-001"}
    for wounded in wounds(data):
        path.write_bytes(wounded)
        try:
            request = inbox.taken(home, name)
        except inbox.Broken as broken:
            assert "give the command again" in str(broken) and str(path) in str(broken)
            assert not path.exists()
            continue
        assert request and {key: request.content.get(key) for key in obeyed} == obeyed
    assert len(list(home.inbox.glob("*.broken*"))) > 50


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_only_shows_something_is_shown_or_not(home: Home, odd: Any) -> None:
    keep_plan(home, [PlanWindow("five_hour", 10, "allowed", None)], NINE)
    for path, read in {
        home.plan_windows: lambda: read_plan(home),
        home.status / "a.json": lambda: read_all(home),
        home.lesson_decisions: lambda: proposals.read(home),
        home.inbox / "1.reply": lambda: inbox.replies(home, ""),
    }.items():
        for content in (odd, {"windows": odd, "decided": odd, "ok": odd, "lines": odd, "task_id": odd}):
            path.write_text(json.dumps(content))
            read()  # type: ignore[no-untyped-call]


def test_a_torn_history_costs_no_other_line(home: Home) -> None:
    for second in range(5):
        timeline.note(home, replace(record(Running(NINE, 1)), state=Running(NINE + timedelta(seconds=second), 1)))
    path = home.timeline(TODAY, rehearsal=False)
    data, whole = path.read_bytes(), set(timeline.read(home, TODAY, rehearsal=False))
    for wounded in wounds(data):
        path.write_bytes(wounded)
        assert len(whole - set(timeline.read(home, TODAY, rehearsal=False))) <= (5 if len(wounded) < len(data) else 2)
    path.write_bytes(data + b"\n" + b"[" * 10**6 + b"\n\xff\xfe\0\n")
    assert set(timeline.read(home, TODAY, rehearsal=False)) == whole


@pytest.mark.parametrize(
    "value", [{}, {"a": 1}, {"a": {"checksum": "00000000"}}, {"half \ud83d": "half \ud83d"}], ids=repr
)
def test_what_was_sealed_is_opened_again(value: dict[str, Any]) -> None:
    as_kept = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    for text in (json.dumps(value), json.dumps(value, indent=2), json.dumps(value, ensure_ascii=False)):
        assert seal.opened(seal.sealed(text)) in (value, as_kept)


def test_a_person_who_edits_a_sealed_file_takes_the_last_line_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_sealed(path, {"cap": 1, "name": "a"})
    edited = path.read_text().replace("1,", "2,", 1)
    path.write_text(edited)
    assert files.read_json(path) is None
    path.write_text(edited[: edited.index(',\n  "checksum"')] + "\n}\n")
    assert files.read_json(path) == {"cap": 2, "name": "a"}


def test_a_json_file_of_our_own_is_a_plain_file_of_a_sensible_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "deep.json").write_bytes(b"[" * 10**6)
    (tmp_path / "folder.json").mkdir()
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(10 << 30)
    for path in tmp_path.iterdir():
        assert files.read_json(path) is None


def test_what_is_set_aside_never_takes_the_place_of_what_was_before(tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        (tmp_path / "a.json").write_text(text)
        files.set_aside(tmp_path / "a.json")
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["one", "two", "three"]
