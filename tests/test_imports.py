"""Who may import whom: rooms name the rooms they know, folders the folders; what calls itself pure touches nothing."""

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dayshift"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {path.stem for path in ROOT.glob("*.py")}
FOLDERS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}

# What stands beside the folders is the vocabulary: it knows itself, everybody may know it. These two join a folder.
VOCABULARY_JOINS = {"files": {"holder"}, "commandline": {"logbook"}}

# Which folders a folder joins. A command may join whatever it shows or does, so `commands` stands apart.
JOINS = {
    "checkup": {"cost", "host", "inputs", "mailbox", "running", "tidying"},
    "claude": {"sandboxing"},
    "confinement": set(),
    "cost": {"inputs", "messages"},
    "deciding": {"host", "reviewing"},
    "egress": set(),
    "guard": {"inputs"},
    "holder": set(),
    "host": {"holder", "inputs"},
    "inputs": {"egress"},
    "learning": {"inputs", "reporting"},
    "logbook": {"host", "inputs"},
    "mailbox": set(),
    "messages": set(),
    "notifying": {"cost", "inputs", "logbook", "reporting"},
    "outlook": {"cost", "deciding", "inputs", "messages", "reporting"},
    "proving": {
        "claude", "cost", "guard", "holder", "host", "inputs", "messages", "notifying", "proxy", "rehearsing",
        "repository", "sandboxing", "telegram",
    },
    "proxy": {"claude", "egress", "messages", "rehearsing"},
    "recaps": {"cost", "inputs", "learning", "outlook", "reporting"},
    "rehearsing": set(),
    "reporting": {"cost", "logbook"},
    "repository": {"holder"},
    "reviewing": {"holder", "repository"},
    "running": {"claude", "holder", "host", "inputs", "mailbox", "proxy", "repository", "sandboxing"},
    "sandboxing": {"guard"},
    "telegram": {"cost", "inputs", "mailbox", "notifying", "reviewing"},
    "tidying": {"repository", "reviewing", "running"},
}  # fmt: skip

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

# What can be done with these is an effect, or an answer that is another one tomorrow.
EFFECTS = {
    "asyncio", "fcntl", "os", "psutil", "random", "shutil", "socket", "sqlite3", "subprocess", "tempfile", "threading",
    "time", "uuid",
}  # fmt: skip
EFFECTFUL = {
    "clock",
    "failpoints",
    "files",
    "home",
    "records",
}  #: parts of the vocabulary that reach the disk or a clock


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
    """The folders, and the modules beside them, that a module imports or imports from."""
    parts = {each.stem for each in PACKAGE.iterdir()} - {"__init__"}
    return {name.split(".")[1] for name in imported(path) if name.startswith("dayshift.")} & parts


def foreign_to(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)} - sys.stdlib_module_names - {"dayshift"}


def modules_of(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).glob("*.py"))


# --- the package -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_package_imports_no_room(path: Path) -> None:
    assert rooms_of(path) == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_the_vocabulary_knows_itself(path: Path) -> None:
    assert parts_of(path) & FOLDERS == VOCABULARY_JOINS.get(path.stem, set())


@pytest.mark.parametrize("folder", sorted(FOLDERS - {"commands"}))
def test_a_folder_joins_what_it_says_and_no_other(folder: str) -> None:
    known = set().union(*map(parts_of, modules_of(folder)))
    assert known & FOLDERS - {folder} == JOINS[folder]


def test_no_two_folders_join_each_other_by_whatever_way() -> None:
    order = list(graphlib.TopologicalSorter(JOINS).static_order())
    assert sorted(order) == sorted(FOLDERS - {"commands"})


@pytest.mark.parametrize("path", modules_of("guard"), ids=lambda path: path.stem)
def test_the_guard_stands_on_words_and_yaml_alone(path: Path) -> None:
    assert parts_of(path) <= {"guard", "attempts", "inputs"}
    assert {name.split(".")[2] for name in imported(path) if name.startswith("dayshift.inputs.")} <= {"document_yaml"}


@pytest.mark.parametrize(("folder", "known"), [("holder", {"holder", "failpoints"}), ("confinement", {"confinement"})])
def test_what_is_started_by_path_imports_the_standard_library_and_its_own_folder(folder: str, known: set[str]) -> None:
    for path in modules_of(folder):
        assert foreign_to(path) == set() and parts_of(path) <= known


def test_failpoints_know_the_standard_library_alone() -> None:
    path = PACKAGE / "failpoints.py"
    assert foreign_to(path) | parts_of(path) == set()


def calls_itself_pure(path: Path) -> bool:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    return re.search(r"\bpure\b", said, re.IGNORECASE) is not None


@pytest.mark.parametrize("path", [path for path in MODULES if calls_itself_pure(path)], ids=lambda path: path.stem)
def test_what_calls_itself_pure_touches_nothing(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)} & EFFECTS == set()
    assert parts_of(path) & EFFECTFUL == set()


# --- the rooms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_the_rooms_named(room: str) -> None:
    assert rooms_of(ROOT / f"{room}.py") - {room} <= ROOM_IMPORTS[room]


def test_metrics_knows_the_vocabulary_and_of_cost_what_a_ledger_is() -> None:
    own = {"booking", "ledger_file", "memoranda", "transactions"}
    assert parts_of(ROOT / "metrics.py") & FOLDERS == {"cost"}
    names = (name.split(".") for name in imported(ROOT / "metrics.py") if name.startswith("dayshift.cost."))
    assert {name[2] for name in names} <= own


# --- the rule itself -------------------------------------------------------------------------------


def test_the_rule_notices_a_planted_import(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from metrics import Ledger\nimport dayshift.proxy.gateway\n")
    assert rooms_of(planted) == {"metrics"}
    assert parts_of(planted) == {"proxy"}


def test_the_rule_knows_what_calls_itself_pure() -> None:
    pure = {path.stem for path in MODULES if calls_itself_pure(path)}
    assert {"decisions", "setbacks", "schedule", "budgets", "forecast"} <= pure and "workspace" not in pure
