"""dayshift with a guard that lets everything pass: what still holds then, the kernel holds. Only tests start this."""

import sys

import gatehouse
import orchestrator
from dayshift.attempts import Verdict

if __name__ == "__main__":
    vars(gatehouse)["judge"] = lambda *call: Verdict(True)
    sys.exit(orchestrator.main())
