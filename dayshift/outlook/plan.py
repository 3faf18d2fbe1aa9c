"""The plan of a day: in which order its tasks start, which run side by side, and what one is assumed to use."""

from collections.abc import Callable, Sequence

from dayshift.model import Complexity, Task, Tokens
from dayshift.money import Pico

CostOf = Callable[[str, Tokens], Pico | None]  #: the price of tokens of a model; None if nobody knows it

# Assumptions, not measurements. An agent's session is a row of requests; each reads the whole conversation so far from
# the cache, writes what is new to it, and answers with a few hundred tokens:
#            requests   average conversation   new text per request   answer
#   low           15                25,000                    2,500      350
#   medium        40                45,000                    2,250      400
#   high         120                80,000                    2,000      500
# A session that pauses longer than the cache lives, or reads large files, costs more; the cap is what holds.
ASSUMED = {
    Complexity.low: Tokens(input=750, output=5_250, cache_read=375_000, cache_write_5m=37_500),
    Complexity.medium: Tokens(input=2_000, output=16_000, cache_read=1_800_000, cache_write_5m=90_000),
    Complexity.high: Tokens(input=6_000, output=60_000, cache_read=9_600_000, cache_write_5m=240_000),
}


def order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks one after another: dependencies first, then priority (1 is first), then their order in the file."""
    return [task for (task,) in waves(tasks, 1)]


def waves(tasks: Sequence[Task], max_agents: int) -> list[tuple[Task, ...]]:
    """The tasks in groups of at most max_agents that can run side by side, as if all took equally long.

    Dependencies outside of `tasks` count as met; ValueError if the others go in a circle.
    """
    waiting = sorted(tasks, key=lambda task: task.priority)  # stable: equals keep their order in the file
    planned: list[tuple[Task, ...]] = []
    while waiting:
        unmet = {task.id for task in waiting}
        wave = tuple(task for task in waiting if unmet.isdisjoint(task.depends_on))[:max_agents]
        if not wave:
            raise ValueError(f"tasks that wait for each other: {', '.join(sorted(unmet))}")
        planned.append(wave)
        started = {task.id for task in wave}
        waiting = [task for task in waiting if task.id not in started]
    return planned
