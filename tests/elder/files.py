"""The files of a home as the first release wrote them, word by word; what they name is put in by `written`."""

from pathlib import Path

RECORD = """\
{"task": {"id": "worker", "name": "Worker", "description": "Do it.", "model": "sonnet", "module": "", "kind": "",
 "complexity": "medium", "context_files": [], "deliverables": ["work.txt"], "depends_on": [], "priority": 5,
 "max_cost": null, "timeout_minutes": 60, "validate": [], "max_attempts": 2, "carry_over": false,
 "rehearsal": [{"bash": "touch started && sleep 4 && echo once >> work.txt"}, {"text": "Done."}], "network": [],
 "continues": null}, "day": "2026-11-20", "project": "PROJECT",
 "state": {"name": "running", "since": "2026-11-20T09:15:33.393022Z", "run": 1, "ending": null, "detail": "",
 "park": null, "until": null, "visit": null}, "created_at": "2026-11-20T09:15:33.378492Z", "rehearsal": true,
 "attempt": 1, "runs": 1, "audited_runs": 0, "quarantined": 0, "set_aside": [], "session_id": "SESSION",
 "base": "BASE", "commit": null, "started_at": "2026-11-20T09:15:33.393022Z", "ended_at": null,
 "active_seconds": 0.0, "questions": [], "answers": [], "guidance": [], "blocked": [], "bypasses": [], "refused": [],
 "checks": [], "excesses": [], "findings": [], "layers": ["repository git directory read-only"], "claim": "",
 "cli_cost": null, "review": "pending", "review_reason": "", "reviewed_at": null, "branch": "", "lessons": [],
 "late_lessons": [], "say": null, "mishaps": 0, "steps": 0, "outages": 0, "failure": "", "forgiven": 0,
 "forgiven_seconds": 0.0, "earlier": []}
"""
DAY = """\
{"day": {"date": "2026-11-20", "project": "PROJECT", "tasks": [], "max_cost": null, "source": "today.yaml"},
 "dirty": false}
"""
DAEMON = '{"pid": 27156, "started_at": "2026-11-20T09:15:32Z", "rehearsal": true}\n'


def written(own: Path, **facts: str) -> None:
    """The elder's files in that folder of its own, in place of what is there."""
    (own / "tasks").mkdir(parents=True, exist_ok=True)
    for path, text in (("tasks/worker.json", RECORD), ("day.json", DAY), ("daemon.json", DAEMON)):
        for name, value in facts.items():
            text = text.replace(name.upper(), value)
        (own / path).write_text(text)
