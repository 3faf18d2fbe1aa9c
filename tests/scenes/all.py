"""Every scene, by the points it is struck at."""

from types import ModuleType

from tests.scenes import Scene, money, papers, runs, trees, words

#: Only a whole day passes these: `tests/acceptance/test_struck.py` strikes them, and all others that a day passes.
DAY = frozenset({
    "run.prepared", "run.launched", "run.reaped", "run.audited", "state.entered", "daemon.named",
    "worktree.set_up",
})  # fmt: skip
MODULES: tuple[ModuleType, ...] = (papers, trees, money, words, runs)


def scenes() -> dict[str, type[Scene]]:
    """For every point the scene that passes it."""
    found: dict[str, type[Scene]] = {}
    for module in MODULES:
        own = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        for scene in own:
            for point in vars(scene).get("points", ()):
                assert point not in found, f"{point} is struck in two scenes"
                found[point] = scene
    return found
