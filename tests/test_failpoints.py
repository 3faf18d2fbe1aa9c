"""Every named point of the program is struck, by an exit and by a fault: nothing is lost, doubled or left behind."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import until
from tests.scenes import Scene, played
from tests.scenes.all import DAY, scenes
from tests.striking import EXIT, FAULT, KILLED, Strike

ROOT = Path(__file__).parent.parent
PRODUCT = sorted([*(ROOT / "dayshift").rglob("*.py"), *ROOT.glob("*.py")])
SCENES = scenes()


def pairs() -> Iterator[Any]:
    """Every point with both ways to strike."""
    for point, how in product(sorted(SCENES), (EXIT, FAULT)):
        yield pytest.param(point, how, marks=[pytest.mark.long] if SCENES[point].slow else [])


@pytest.mark.parametrize(("point", "how"), list(pairs()))
def test_what_is_struck_goes_on_at_the_next_start(point: str, how: str, tmp_path: Path) -> None:
    folder, strike = tmp_path / "scene", Strike({point}, how, tmp_path / "marks")
    strike.marks.mkdir()
    folder.mkdir()
    scene = SCENES[point](folder)
    scene.stage()
    with scene.beside():
        code = played(SCENES[point], folder, strike)
        assert strike.struck == {point}, said(folder)
        assert code in codes(scene, point, how), said(folder)
        scene.holds()
        assert played(SCENES[point], folder) == 0, said(folder)
    scene.holds()
    scene.ends()
    if how == FAULT:
        # A crash may leave one, which the next start takes away; what the scene left running may be writing one.
        until(lambda: not list(tmp_path.rglob("*.tmp")), 5, "no half-written file")


def codes(scene: Scene, point: str, how: str) -> tuple[int, ...]:
    """What the struck process may end with: its own death it does not survive, a fault it may."""
    if point in scene.elsewhere:
        return (0,)
    return (KILLED,) if how == EXIT else (0, 1)


def said(folder: Path) -> str:
    """What the scene said of how it failed."""
    place = folder / "said"
    return place.read_text() if place.exists() else "nothing was said"


# --- the points ------------------------------------------------------------------------------------

#: Steps beside which no point stands, each with why.
EXEMPT = {
    ("dayshift/repository/git.py", "_asked"): "git only says where a repository is",
    ("dayshift/claude/claude_binary.py", "version_of"): "the CLI only says its version",
    ("dayshift/reviewing/person.py", "_asked"): "git only says who the person is",
    ("dayshift/host/machine.py", "bubblewrap"): "bubblewrap only says its version",
    ("dayshift/holder/segments.py", "opened"): "a list of the kernel is opened, for reading",
    ("dayshift/reviewing/difftool.py", "opened"): "the person's own tool, at their word",
    ("dayshift/host/browser.py", "_took"): "the person's own browser, at their word",
    ("dayshift/learning/editor.py", "edit"): "the person's own editor, at their word",
    ("dayshift/commands/systemd.py", "_called"): "systemd's own program, at the person's word",
    ("dayshift/host/first_process.py", "stand_behind"): "the program has not begun",
    ("dayshift/confinement/__main__.py", "become"): "inside the sandbox, which dies as a whole",
    ("dayshift/confinement/relay.py", "serve_in_a_child"): "inside the sandbox, which dies as a whole",
    ("dayshift/proving/trial.py", "*"): "the self-test, in a throw-away project",
    ("demo.py", "*"): "the example day, in a throw-away project",
}
#: What cannot be taken back, by the last part of its name: a file's name, a disk's cache, a process, words sent.
STEPS = {
    "fsync", "rename", "link", "symlink_to", "hardlink_to", "fork", "execvpe", "Popen", "create_subprocess_exec",
    "create_subprocess_shell", "subprocess_exec", "posix_spawn", "spawn", "post", "do_api_request",
}  # fmt: skip
MODULE_STEPS = {("os", "replace"), ("subprocess", "run"), ("shutil", "move"), ("temporary", "replace")}
NO_STEPS = {
    ("dayshift/telegram/wire.py", "do_api_request"): "all of the wire's calls are made in `trouble.explained`",
    ("dayshift/reviewing/keepsake.py", "symlink_to"): "in the stage, from which it lands",
}


def points_in(node: ast.AST) -> Iterator[str]:
    """The points that code passes by name."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "passing" and each.args:
            (name,) = each.args
            yield ast.literal_eval(name)


def steps_in(node: ast.AST) -> Iterator[str]:
    """What that code does that cannot be taken back."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and each.value == "COMMIT":
            yield "COMMIT"
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            owner = each.func.value.id if isinstance(each.func.value, ast.Name) else ""
            if each.func.attr in STEPS or (owner, each.func.attr) in MODULE_STEPS:
                yield each.func.attr


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module, and the methods of its classes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def bare(path: Path) -> list[tuple[str, str, list[str]]]:
    """Functions that take such a step beside no point."""
    name = str(path.relative_to(ROOT))
    exempt = {function for file, function in EXEMPT if file == name}
    found = []
    for node in functions(path):
        steps = [step for step in steps_in(node) if (name, step) not in NO_STEPS]
        if steps and not list(points_in(node)) and not {node.name, "*"} & exempt:
            found.append((name, node.name, steps))
    return found


def test_no_step_that_cannot_be_taken_back_stands_without_a_named_point() -> None:
    assert [each for path in PRODUCT for each in bare(path)] == []


def test_every_name_of_a_point_stands_in_one_place() -> None:
    names = Counter(name for path in PRODUCT for name in points_in(ast.parse(path.read_text())))
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) >= 60 and all(re.fullmatch(r"[a-z]+\.[a-z_]+", name) for name in names)


def test_every_point_is_struck_and_no_other() -> None:
    """What a scene passes is struck by the test above, what only a day passes by `tests/acceptance/test_struck.py`."""
    names = {name for path in PRODUCT for name in points_in(ast.parse(path.read_text()))}
    assert names == SCENES.keys() | DAY
    assert not SCENES.keys() & DAY


def test_nothing_is_exempt_that_is_not_there() -> None:
    there = {(str(path.relative_to(ROOT)), node.name) for path in PRODUCT for node in functions(path)}
    assert {each for each in EXEMPT if each[1] != "*"} <= there


def test_a_planted_step_is_noticed(tmp_path: Path) -> None:
    planted = ast.parse("def f():\n    os.rename(a, b)\n    c.execute('COMMIT')\n    passing('a.b')\n")
    assert (list(steps_in(planted)), list(points_in(planted))) == (["rename", "COMMIT"], ["a.b"])


def test_the_program_arms_nothing() -> None:
    assert not [path for path in PRODUCT if re.search(r"\barm\(|failpoints import.*\barm\b", path.read_text())
                and path.name != "failpoints.py"]  # fmt: skip
