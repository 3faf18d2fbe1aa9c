"""dayshift whose guard believes that scripts do what their name says. Only tests start this."""

import sys
from collections.abc import Mapping
from typing import Any

import daemon
import gatehouse
import orchestrator
from dayshift.attempts import Verdict

SCRIPTS = ("sh ", "python3 ", "make ")


class Gullible(gatehouse.Gatehouse):
    """Judges all else."""

    def judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Any:
        believed = str(tool_input.get("command", "")).startswith(SCRIPTS)
        return Verdict(True) if believed else super().judge(task_id, tool, tool_input)


if __name__ == "__main__":
    vars(daemon)["Gatehouse"] = Gullible
    sys.exit(orchestrator.main())
