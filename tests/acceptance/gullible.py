"""dayshift whose guard believes that scripts do what their name says. Only tests start this."""

import sys
from collections.abc import Mapping
from typing import Any

import daemon
import orchestrator
import service
from dayshift.attempts import Verdict

SCRIPTS = ("sh ", "python3 ", "make ")


class Gullible(daemon.Daemon):
    """Judges all else."""

    def _judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Any:
        believed = str(tool_input.get("command", "")).startswith(SCRIPTS)
        return Verdict(True) if believed else super()._judge(task_id, tool, tool_input)


if __name__ == "__main__":
    vars(service)["Daemon"] = Gullible
    sys.exit(orchestrator.main())
