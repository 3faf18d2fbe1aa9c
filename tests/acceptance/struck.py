"""dayshift whose lives end at one point after the other, until a life passes none that is new. Only tests start this.

Everything is loaded once and each life is forked, so that it costs no more than what it does. The self-test, which has
tests of its own, is left out.
"""

import os
import sys
from pathlib import Path
from typing import Any

import daemon
import desk
import dusk
import herald
import orchestrator
import service  # noqa: F401  # with all that a daemon needs
from dayshift.deciding import shift
from dayshift.proving import preparation
from tests.striking import EXIT, KILLED, Strike, arm

MOST_LIVES = 150
AGAIN_SECONDS = 0.3  #: until what the machine did not let happen is tried again


def life(words: list[str], strike: Strike) -> int:
    """One daemon's life; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    real = orchestrator._serve

    def serve(*given: Any) -> int:
        arm(strike)
        return real(*given)

    vars(orchestrator)["_serve"] = serve
    preparation.prove = lambda prepared: []
    desk.HINDERED_SECONDS = dusk.AGAIN_SECONDS = herald.AGAIN_SECONDS = shift.AGAIN_SECONDS = AGAIN_SECONDS
    code = orchestrator.main(words)
    sys.stdout.flush()
    os._exit(code)


def main() -> int:
    """Lives until one comes to its end, and strikes nowhere."""
    strike = Strike(None, os.environ["STRUCK_HOW"], Path(os.environ["STRUCK_MARKS"]))
    for number in range(MOST_LIVES):
        before = strike.struck
        code = life(sys.argv[1:], strike)
        print(f"--- life {number} ended with {code}: {', '.join(sorted(strike.struck - before))}", flush=True)
        if strike.struck == before or (strike.how == EXIT and code != KILLED):
            return code
    return KILLED


if __name__ == "__main__":
    assert daemon
    sys.exit(main())
