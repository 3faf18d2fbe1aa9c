"""A holder that is struck where the file beside its run's folder says. Only scenes start this."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from dayshift.holder.__main__ import main
from tests.striking import Strike, arm

if __name__ == "__main__":
    told = json.loads((Path(sys.argv[1]).parent / "strike.json").read_text())
    arm(Strike({told["point"]}, told["how"], Path(told["marks"])))
    main(sys.argv[1])
