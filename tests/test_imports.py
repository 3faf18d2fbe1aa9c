"""Who may import whom: the package stands on its own, its parts know the leaves and few others."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {path.stem for path in ROOT.glob("*.py")}
LEAVES = {
    "model", "evidence", "attempts", "conversation", "states", "events", "money", "clock", "files", "home",
    "documents", "document_shape", "document_yaml",
    "markdown", "booking", "ledger_file", "day_facts", "outcomes", "period", "failpoints", "alerts",
    "limits", "sqlite_file", "network", "notices", "values", "memoranda", "transactions",
}  # fmt: skip

# A part that joins others says so here, with the reason its docstring gives. Everything else knows the leaves alone.
JOINS = {
    "aftermath": {"git", "hearing", "questions", "room", "spool", "workspace"},
    "carry_over": {"plan", "settings", "yaml_text"},
    "prospects": {"advice", "experience", "forecast", "plan", "prices", "statement"},
    "tomorrow": {"schedule", "forecast", "standing"},
    "arrears": {"room"},
    "floor": {"room"},
    "room": {"holder"},
    "allotment": {"holder", "room"},
    "audit": {"git", "made_refs", "manifest", "steering", "workspace"},
    "bill": {"usage"},
    "budgets": {"settings"},
    "channels": {"courier", "program", "push", "settings"},
    "claude_code": {"sandbox"},
    "claude_stream": {"claude_calls"},
    "closing": {"painting", "picture", "reporting", "statement", "timeline"},
    "chronicle": {"log_lines", "machine", "settings", "timeline"},
    "commandline": {"crash_file", "home"},
    "connect": {"network"},
    "courier": {"outbox"},
    "cover": {"disguises", "redaction", "settings"},
    "crash_file": {"cover", "daemon_log", "machine", "settings"},
    "daemon_log": {"log_files", "log_lines", "redaction"},
    "dayfile": {"dayfile_entries", "dayfile_project", "dayfile_shape", "settings"},
    "dayfile_project": {"dayfile_entries"},
    "daybook": {"audit", "git"},
    "task_history": {"statement", "timeline"},
    "vigil": {"audit", "git", "workspace"},
    "disposal": {"git", "quarantine", "records", "workspace"},
    "retention": {"spool"},
    "clearance": {"disposal", "git", "reviewing"},
    "outset": {"holder"},
    "orphans": {"disposal", "git", "spool", "workspace"},
    "decisions": {"setbacks", "visits"},
    "run_end": {"decisions", "setbacks", "visits"},
    "orders": {"decisions", "setbacks"},
    "files": {"holder"},
    "fleet": {"decisions"},
    "schedule": {"decisions"},
    "intake": {"decisions", "orders"},
    "exchange": {"gate", "meter", "second_sight"},
    "bodies": {"meter"},
    "gateway": {"bodies", "exchange", "gate", "meter", "second_sight", "tunnel"},
    "hearing": {"claude_calls", "claude_stream", "evasion", "stream"},
    "harvest": {"bill", "other_use", "transcripts", "valuation"},
    "deferral": {"claude_calls"},
    "guidance": {"claude_calls", "deferral"},
    "hook": {"claude_calls", "second_sight"},
    "letterbox": {"questions"},
    "live": {"status"},
    "obedience": {"counterparts", "orders", "reviewing"},
    "premises": {"allotment", "floor", "room", "settings"},
    "shift": {"arrears", "schedule"},
    "stage": {"exchange", "improvised_turns", "rehearsal", "written_turns"},
    "request_bounds": {"usage"},
    "usage_readers": {"tool_calls", "usage"},
    "network": {"known_hosts"},
    "meter": {"tool_calls"},
    "hold": {"prices", "request_bounds"},
    "other_use": {"bill", "ledger_file", "transcripts", "valuation"},
    "outfit": {"audit", "databases", "verification", "workspace"},
    "painting": {"picture"},
    "quarantine": {"workspace"},
    "preparation": {
        "channels", "claude_binary", "guard", "mounts", "namespaces", "prices", "selftest", "settings", "telegram",
        "toolchain", "trial",
    },
    "program": {"courier"},
    "push": {"courier", "redaction", "wording"},
    "redaction": {"disguises", "settings"},
    "holders": {"spool"},
    "reception": {"visits"},
    "questions": {"unfinished"},
    "improvised_turns": {"script"},
    "rehearsal": {"rehearsed_answers", "script"},
    "rehearsed_answers": {"script"},
    "written_turns": {"script"},
    "second_sight": {"claude_calls", "tool_calls"},
    "sandbox": {"syscalls"},
    "selftest": {"audit", "claude_calls", "namespaces", "second_sight", "syscalls", "trial"},
    "trial": {"claude_code", "exchange", "gateway", "git", "holder", "meter", "rehearsal", "sandbox", "second_sight",
        "stand_ins", "usage_readers", "verification", "workspace", "written_turns"},
    "steering": {"git", "workspace"},
    "spool": {"holder"},
    "lifetime": {"holder"},
    "patience": {"holder", "holders", "lifetime"},
    "resumption": {"intake", "schedule"},
    "stragglers": {"holder"},
    "transcripts": {"bill"},
    "tunnel": {"client_hello", "connect", "crossing", "network", "refusals"},
    "valuation": {"bill", "prices"},
    "verification": {"holder", "workspace"},
    "watch": {"inbox"},
    "wrecks": {"spool", "status"},
    "evasion": {"guard"},
    "experience": {"records", "statement"},
    "first_request": {"hold", "prices", "request_bounds", "settings"},
    "forecast": {"plan", "statement"},
    "spending": {"statement"},
    "standing": {"budgets", "settings", "statement"},
    "manifest": {"git", "objects", "workspace"},
    "objects": {"git", "made_refs"},
    "made_refs": {"git"},
    "workspace": {"git", "objects"},
    "tallies": {"reporting"},
}  # fmt: skip

# A part in a folder knows its own folder too.
FOLDERS = {
    "checkup": {
        "disks": {"mounts", "room"},
        "examination": {"records", "settings"},
        "ledgers": {"statement"},
        "leftovers": {"orphans"},
        "locks": {"holders", "spool"},
        "points": {"settings"},
        "torn_files": {"records", "statement", "status"},
    },
    "learning": {"feedback_files": {"records", "reporting"}, "proposals": {"records"}},
    "reporting": {
        "archive": {"records"},
        "recap": {"budgets", "experience", "learning", "records", "spending", "statement", "tallies"},
        "recap_facts": {"spending", "statement", "tallies"},
        "recap_text": {"budgets", "spending", "statement", "tallies"},
    },
    "reviewing": {
        "acceptance": {"git", "records"},
        "branch": {"git", "made_refs", "objects"},
        "difftool": {"git"},
        "keepsake": {"holder"},
        "overlaps": {"git"},
        "passage": {"git"},
        "person": {"git"},
        "receipt": {"holder"},
        "review": {"git", "steering"},
        "takeover": {"git"},
        "undoing": {"git"},
    },
    "telegram": {
        "answers": {"questions"},
        "channel": {"courier"},
        "line": {"settings"},
        "parcels": {"attachments", "questions"},
        "readings": {"reviewing", "standing", "statement", "status"},
        "speaker": {"inbox"},
    },
}

ROOM_IMPORTS = {
    "orchestrator": {"corrections", "service"},
    "corrections": {"metrics"},
    "service": {"daemon", "orchestrator"},  # of the Orchestrator its type
    "daemon": {  # of the Orchestrator its type
        "ahead", "briefing", "caretaker", "counter", "crew", "departure", "desk", "dusk", "evening", "gatehouse",
        "handover", "legacy", "orchestrator", "surroundings", "switchboard", "treasury", "tutor",
    },
    "caretaker": {"handover"},
    "crew": {"agent", "surroundings", "visit"},
    "visit": {"agent"},
    "agent": {"enclosure", "surroundings"},
    "enclosure": {"surroundings"},
    "surroundings": {"gatehouse"},
    "gatehouse": set(),
    "legacy": {"enclosure"},
    "metrics": set(),
    "group_commit": {"metrics"},
    "almanac": {"group_commit", "metrics"},
    "elsewhere": set(),
    "teller": {"group_commit", "metrics"},
    "admission": {"almanac", "group_commit", "metrics", "teller"},
    "treasury": {"admission", "almanac", "elsewhere", "group_commit", "metrics", "teller"},
    "tutor": set(),
    "briefing": {"tutor"},
    "desk": set(),
    "handover": set(),
    "counter": {"caretaker", "departure", "handover"},
    "departure": set(),
    "dusk": set(),
    "ahead": {"treasury"},
    "evening": {"ahead", "treasury"},
    "herald": set(),
    "dialogue": set(),
    "switchboard": {"dialogue", "herald"},
    "demo": set(),
}  # fmt: skip


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)} & ROOMS


def parts_of(path: Path) -> set[str]:
    parts = {each.stem for each in (ROOT / "dayshift").iterdir()} - {"__init__"}
    return {name.split(".")[1] for name in imported(path) if name.startswith("dayshift.")} & parts


@pytest.mark.parametrize("path", sorted((ROOT / "dayshift").rglob("*.py")), ids=lambda path: path.stem)
def test_the_package_imports_no_room(path: Path) -> None:
    assert rooms_of(path) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "dayshift").glob("*.py")), ids=lambda path: path.stem)
def test_a_part_knows_the_leaves_and_what_it_says_it_joins(path: Path) -> None:
    assert parts_of(path) - LEAVES - {path.stem} <= JOINS.get(path.stem, set())


@pytest.mark.parametrize("path", sorted((ROOT / "dayshift" / "guard").glob("*.py")), ids=lambda path: path.stem)
def test_the_guard_stands_on_the_leaves_alone(path: Path) -> None:
    assert parts_of(path) - LEAVES <= {"guard"}


@pytest.mark.parametrize(
    "path",
    sorted(path for each in FOLDERS for path in (ROOT / "dayshift" / each).glob("*.py")),
    ids=lambda path: path.stem,
)
def test_a_part_in_a_folder_joins_what_it_says(path: Path) -> None:
    folder = path.parent.name
    assert parts_of(path) - LEAVES - {folder} <= FOLDERS[folder].get(path.stem, set())


@pytest.mark.parametrize(("folder", "known"), [("holder", {"holder", "failpoints"}), ("confinement", {"confinement"})])
def test_what_is_started_by_path_imports_the_standard_library_and_its_own_folder(folder: str, known: set[str]) -> None:
    for path in (ROOT / "dayshift" / folder).glob("*.py"):
        assert foreign_to(path) == set() and parts_of(path) <= known


def test_failpoints_know_the_standard_library_alone() -> None:
    path = ROOT / "dayshift" / "failpoints.py"
    assert foreign_to(path) | parts_of(path) == set()


def foreign_to(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"dayshift"}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_the_rooms_named(room: str) -> None:
    assert rooms_of(ROOT / f"{room}.py") - {room} <= ROOM_IMPORTS[room]


def test_metrics_knows_only_the_vocabulary() -> None:
    assert parts_of(ROOT / "metrics.py") <= LEAVES


def test_the_rule_notices_a_planted_import(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from metrics import Ledger\nimport dayshift.gateway\n")
    assert rooms_of(planted) == {"metrics"}
    assert parts_of(planted) == {"gateway"}
