"""The smallest useful cap is one: the real CLI's first request fits it, and is hardly smaller than was said."""

import json
import re

import pytest

from dayshift.inputs.settings import TOOLS
from dayshift.model import Task
from dayshift.outlook.first_request import BARE
from dayshift.outlook.first_request import TOOLS as TOOL_BYTES
from dayshift.running.instructions import Places, read_documents, render

from .house import House

pytestmark = pytest.mark.long


@pytest.mark.parametrize("tools", [TOOLS, ("Bash", "Read")], ids=len)
def test_the_smallest_cap_that_check_names_lets_a_task_begin_and_end(house: House, tools: tuple[str, ...]) -> None:
    house.environment["DAYSHIFT_AGENT__TOOLS"] = f"[{', '.join(tools)}]"
    task = {"id": "one", "rehearsal": [{"text": "Done.", "usage": {"input": 10, "output": 10}}]}
    refused = house.run("check", house.day({**task, "max_cost_usd": 0.01}))
    assert refused.code == 2
    found = re.search(r"the smallest useful cap is \$([0-9.]+)", refused.err)
    assert found, refused.err

    ended = house.run("start", house.day({**task, "max_cost_usd": float(found[1])}), "--rehearse", "--once")
    assert (ended.code, house.state("one")) == (0, "done"), ended
    ((size,),) = house.query("SELECT body_bytes FROM request")
    task_told = Task("one", "one", "Do it.", "sonnet")
    told = render(task_told, {}, read_documents(house.home), Places(house.workspace("one")))
    guessed = BARE + len(json.dumps(told)) + sum(TOOL_BYTES[tool] for tool in tools)
    assert guessed <= size <= guessed * 21 // 20
