"""dayshift that stumbles once while it follows a run, over whatever that may be. Only tests start this."""

import sys

import agent
import crew
import orchestrator


class Stumbling(agent.Agent):
    """Fails as soon as its first run has begun a command."""

    def _hear(self) -> None:
        if self.record.runs == 1 and (self.workspace.repo / "started").exists():
            raise RuntimeError("stumbled, on purpose")
        agent.Agent._hear(self)


if __name__ == "__main__":
    vars(crew)["Agent"] = Stumbling
    sys.exit(orchestrator.main())
