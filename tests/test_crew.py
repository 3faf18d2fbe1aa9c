"""What the crew remembers of its agents: those at work, and no other."""

import asyncio
from typing import Any, cast

from crew import Crew
from dayshift.states import Running
from tests.house import NINE, record


async def test_an_agent_whose_work_is_over_is_let_go_of() -> None:
    crew, at_work = Crew(cast(Any, None), cast(Any, None), cast(Any, None), cast(Any, None)), asyncio.Event()

    async def work() -> None:
        crew._agents["a"] = cast(Any, "all that its run said")
        await at_work.wait()

    crew._begin(record(Running(NINE, 1)), work())
    await asyncio.sleep(0)
    assert [*crew._agents] == ["a"]
    at_work.set()
    await asyncio.gather(*crew._work.values())
    await asyncio.sleep(0)
    assert not crew._agents and not crew._work
