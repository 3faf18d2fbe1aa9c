"""dayshift whose hook says yes to everything and hears nothing, while second sight looks on. Only tests start this."""

import sys
from typing import Any

import gatehouse
import orchestrator
from dayshift.claude import claude_calls
from dayshift.running.hook import Hook


class Bypassed(Hook):
    """As if the CLI had never asked."""

    async def __call__(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        """Yes."""
        return claude_calls.allow()


if __name__ == "__main__":
    vars(gatehouse)["Hook"] = Bypassed
    sys.exit(orchestrator.main())
