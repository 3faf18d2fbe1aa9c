"""Review while the daemon runs: what a real agent made comes into the person's tree once, and the record says so."""

from pathlib import Path
from typing import Any

from .house import House, until
from .model import Model

TURNS: list[dict[str, Any]] = [{"bash": "echo 'PAGE = 50' >> src/orders.py"}, {"text": "Done."}]


def test_work_is_accepted_and_rejected_through_the_running_daemon(house: House, model: Model, cli: Path) -> None:
    house.environment |= model.environment(cli)
    for task in ("page", "sort"):
        model.plays(house.workspace(task), TURNS)
    daemon = house.start("start", house.day({"id": "page"}, {"id": "sort"}))
    until(lambda: {house.state("page"), house.state("sort")} == {"done"}, 60, "both are done")
    before = house.git("status", "--porcelain"), house.git("rev-parse", "HEAD")
    accepted = house.run("accept", "page")
    assert (accepted.code, accepted.out) == (0, f"page: accepted; 1 file, +1 -0, not committed, in {house.project}\n")
    assert (house.project / "src" / "orders.py").read_text() == "ORDERS = []\nPAGE = 50\n"
    assert (before[0], house.git("rev-parse", "HEAD"), house.git("diff", "--cached")) == ("", before[1], "")
    assert house.run("reject", "sort", "--reason", "the same as page").code == 0
    again = house.run("accept", "page")
    assert (again.code, "page was accepted at" in again.err) == (2, True)
    assert house.run("stop").code == 0
    assert daemon.ends() == 0
    assert (house.status("page")["review"], house.record("sort")["review_reason"]) == ("accepted", "the same as page")
    assert "rejected (the same as page)" in house.report(rehearsal=False)
