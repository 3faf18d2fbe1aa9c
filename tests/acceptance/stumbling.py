"""dayshift that stumbles once while it follows a run, over whatever that may be. Only tests start this."""

import sys

import agent
import crew
import orchestrator
from dayshift.running.hearing import Hearing


class Stumbling(agent.Agent):
    """Fails as soon as its first run has begun a command."""

    async def _listen(self, hearing: Hearing, final: bool = False) -> None:
        if self.record.runs == 1 and (self.workspace.repo / "started").exists():
            raise RuntimeError("stumbled, on purpose")
        await agent.Agent._listen(self, hearing, final)


if __name__ == "__main__":
    vars(crew)["Agent"] = Stumbling
    sys.exit(orchestrator.main())
