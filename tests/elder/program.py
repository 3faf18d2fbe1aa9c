"""dayshift with the holder of an earlier release. Only tests start this."""

import sys
from pathlib import Path

import orchestrator
from dayshift.running import spool

if __name__ == "__main__":
    vars(spool)["HOLDER"] = Path(__file__).with_name("holder.py")
    sys.exit(orchestrator.main())
