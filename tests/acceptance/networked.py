"""dayshift in a world of invented names, all of them at one port of loopback. Only tests start this."""

import os
import sys

import gatehouse
import orchestrator
from tests.beyond import PUBLIC, World

if __name__ == "__main__":
    world = World({(address, 443): int(os.environ["PORT_BEYOND"]) for address in PUBLIC.values()})
    vars(gatehouse)["beyond"] = lambda: world.beyond
    sys.exit(orchestrator.main())
