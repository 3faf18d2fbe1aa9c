"""A dozen days as pure facts, and the reports they must give, kept in tests/golden/.

After a wanted change of the report, `python -m tests.day_examples` writes these anew; read the difference before it is
kept. No test writes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dayshift.attempts import EVASION, Blocked, Bypass, Refused
from dayshift.conversation import Answer, Guidance, Question
from dayshift.day_facts import (
    AuditLine,
    BudgetRow,
    DayFacts,
    Estimate,
    Overlap,
    SpendRow,
    Tomorrow,
)
from dayshift.evidence import Change, Check, Closing, DiffStat, Finding, Steering, Who
from dayshift.model import Complexity, Record, Stretch, Task, Tokens
from dayshift.money import Pico, from_usd
from dayshift.reporting.report import render_markdown
from dayshift.states import (
    Cancelled,
    Done,
    Failed,
    Halted,
    Parked,
    ParkReason,
    Queued,
    Running,
    State,
    Verifying,
    Waiting,
)

GOLDEN = Path(__file__).parent / "golden"
DAY = date(2026, 11, 20)
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
TOKENS = Tokens(input=12_400, output=5_310, cache_read=410_000, cache_write_5m=31_800)
GUARANTEE = "The kernel refuses writes to .git, and no request leaves whose worst case does not fit under every cap."
LAYERS = ("bubblewrap", "guard hook", "no network but the gateway")


def at(minutes: float) -> datetime:
    """So many minutes after nine."""
    return NINE + timedelta(minutes=minutes)


def record(id: str, state: State, name: str = "", **facts: Any) -> Record:
    """A task that ran once, from nine on, in that state."""
    about = {"module": "orders", "complexity": Complexity.medium, "max_cost": from_usd("2"), "validate": ("pytest -q",)}
    task = facts.pop("task", {})
    given = {"created_at": NINE, "started_at": NINE, "runs": 1, "audited_runs": 1, "layers": LAYERS,
             "session_id": f"session-{id}", **facts}  # fmt: skip
    return Record(Task(id, name or f"Name of {id}", "words", "sonnet", **{**about, **task}), DAY, "/src/shop", state,
                  **given)  # fmt: skip


def check(code: int = 0, subject: str = "pytest -q", tail: str = "", seconds: float = 12.4) -> Check:
    """A validation command that ended so."""
    return Check("validate", subject, code, tail, seconds)


def finished(id: str, name: str, begin: float = 0, minutes: float = 30, **facts: Any) -> Record:
    """A task that is done and raises no question."""
    return record(id, Done(at(begin + minutes)), name, **{
        "started_at": at(begin), "ended_at": at(begin + minutes), "active_seconds": minutes * 60.0,
        "checks": (Check("deliverable", f"src/{id}.py", 0), check()), "commit": "c" * 40,
        "claim": f"Did {name[:1].lower()}{name[1:]}.", **facts})  # fmt: skip


def day(*records: Record, **facts: Any) -> DayFacts:
    """A day of these tasks at nine, of which nothing else is known but what is given."""
    runs = sum(each.runs for each in records)
    given = {
        "date": DAY, "project": "/src/shop", "rehearsal": False, "cap": from_usd("20"), "spent": 0, "reserved": 0,
        "by_model": (), "by_task": (), "records": records, "diffs": {}, "layers": LAYERS, "guarantee": GUARANTEE,
        "audit": AuditLine(True, (), runs, Closing(NINE)), "dirty_tree": False, "cap_reached": False,
        "started_at": NINE if runs else None, "ended_at": None, **facts,
    }  # fmt: skip
    return DayFacts(**given)


def costs(amounts: Mapping[str, str | None], model: str = "claude-sonnet-5") -> dict[str, Any]:
    """The money of a day by task, all of it one model's."""
    rows = tuple(
        SpendRow(id, 12, TOKENS, None if usd is None else from_usd(usd), int(usd is None))
        for id, usd in amounts.items()
    )
    known = sum(row.cost for row in rows if row.cost is not None)
    spent = None if any(row.cost is None for row in rows) else known
    return {"by_task": rows, "spent": spent, "by_model": (SpendRow(model, 12 * len(rows), TOKENS, spent, 0),)}


def course(*charges: tuple[float, str]) -> tuple[tuple[datetime, Pico], ...]:
    """Charges, each so many minutes after nine."""
    return tuple((at(minutes), from_usd(usd)) for minutes, usd in charges)


def stretch(*parts: tuple[str, float, float]) -> tuple[Stretch, ...]:
    """What a task was doing, in minutes after nine."""
    return tuple(Stretch(state, at(begin), at(end)) for state, begin, end in parts)


# --- the days --------------------------------------------------------------------------------------


def empty() -> DayFacts:
    """Nothing was asked for."""
    return day(cap=None, layers=(), guarantee="", audit=AuditLine(True, (), 0), project="/src/shop")


def all_done() -> DayFacts:
    """Everything worked, and one question was answered."""
    asked = Question("task-2", 1, "Which page size?", at(40), ("20", "50"))
    answered = Answer("task-2", 1, "fifty", "telegram", at(52))
    done = (
        finished("task-1", "Add paging to the list", 0, 38),
        finished("task-2", "Choose the page size", 38, 40, questions=(asked,), answers=(answered,)),
        finished("task-3", "Describe paging in the guide", 78, 12, review="accepted", reviewed_at=at(600),
                 claim="The guide has a new section on paging.\n\n- how to ask for a page\n- what comes at the end"),
    )  # fmt: skip
    return day(
        *done, ended_at=at(90), **costs({"task-1": "1.20", "task-2": "0.84", "task-3": "0.31"}),
        diffs={each.id: DiffStat(2, 120, 14, (f"src/{each.id}.py", "src/a.py")) for each in done},
        estimates={"task-1": Estimate(from_usd("1.10"), from_usd("2.40"), "9 tasks like it")},
        course=course((10, "0.60"), (30, "0.60"), (60, "0.84"), (85, "0.31")),
        stretches={
            "task-1": stretch(("running", 0, 36), ("verifying", 36, 38)),
            "task-2": stretch(("queued", 0, 38), ("running", 38, 40), ("waiting", 40, 52), ("running", 52, 78)),
            "task-3": stretch(("queued", 0, 78), ("running", 78, 90)),
        },
        tomorrow=Tomorrow(date(2026, 11, 21)),
    )  # fmt: skip


def all_failed() -> DayFacts:
    """Nothing worked, and one agent says that it did."""
    trace = "\n".join(f"tests/test_list.py:{line}: in test_paging" for line in range(40)) + "\nE   assert 19 == 20"
    broken = record(
        "task-1", Failed(at(70), "validation failed twice: pytest -q"), "Add paging to the list", attempt=2, runs=3,
        audited_runs=3, active_seconds=3900.0, ended_at=at(70), checks=(
            Check("deliverable", "src/list.py", 0), check(1, tail=trace), check(0, "ruff check .", seconds=0.6)),
        claim="I added paging. All tests pass now.",
    )  # fmt: skip
    lazy = record(
        "task-2", Failed(at(9), "its deliverables are not there: docs/paging.md"), "Describe paging",
        active_seconds=540.0, ended_at=at(9), checks=(Check("deliverable", "docs/paging.md", 1, "absent"),),
        claim="I wrote docs/paging.md.",
    )  # fmt: skip
    orphan = record("task-3", Failed(at(70), "task-1, which it depends on, was failed"), "Translate the guide", runs=0,
                    audited_runs=0, started_at=None, task={"depends_on": ("task-1",)}, layers=())  # fmt: skip
    return day(
        orphan, lazy, broken, ended_at=at(70), **costs({"task-1": "1.95", "task-2": "0.40"}),
        diffs={"task-1": DiffStat(3, 88, 2, ("src/list.py", "src/pages.py", "tests/test_list.py")),
               "task-2": DiffStat(0, 0, 0, ())},
        estimates={"task-1": Estimate(from_usd("0.70"), from_usd("1.40"), "6 tasks of complexity medium")},
        tomorrow=Tomorrow(
            date(2026, 11, 21), "tasks/2026-11-21-carry-over.yaml",
            (("task-1", "validation failed twice: pytest -q"), ("task-2", "its deliverables are not there"),
             ("task-3", "task-1, which it depends on, was failed")),
            models=("sonnet did 0 of 2 tasks of complexity medium; opus did 3 of 3 for $2.10 each",),
        ),
    )  # fmt: skip


def cap_at_nine_five() -> DayFacts:
    """The day's cap was reached five minutes after the day began."""
    parked = [
        record(f"task-{number:02d}", Parked(at(5), ParkReason.cap, f"the cap of the day: $0.{number}0 too little"),
               runs=int(number < 4), audited_runs=int(number < 4), active_seconds=290.0 * (number < 4),
               started_at=NINE if number < 4 else None)
        for number in range(1, 9)
    ]  # fmt: skip
    return day(
        *parked, cap=from_usd("1"), cap_reached=True, reserved=from_usd("0.08"),
        **costs({"task-01": "0.41", "task-02": "0.30", "task-03": "0.21"}),
        budgets=(BudgetRow("the cap of 2026-11-20", *map(from_usd, ("1", "0.92", "0", "0.08", "0"))),),
        course=course((1, "0.20"), (2, "0.21"), (3, "0.30"), (5, "0.21")),
        stretches={each.id: stretch(("running", 0, 5), ("parked", 5, 6)) for each in parked[:3]}
        | {each.id: stretch(("queued", 0, 5), ("parked", 5, 6)) for each in parked[3:]},
        tomorrow=Tomorrow(
            date(2026, 11, 21), "tasks/2026-11-21-carry-over.yaml",
            tuple((each.id, "the day's cap was reached") for each in parked),
            budget=("8 tasks at $0.31 each (3 known) come to $2.48: a cap of $2.80 would do",),
        ),
    )  # fmt: skip


def halted() -> DayFacts:
    """An agent was halted, its workspace kept; the repository was changed meanwhile."""
    refused = (
        Blocked(at(10), "Bash", "git commit -am done", "git-write", "commits are the person's"),
        Blocked(at(11), "Bash", "psql -c 'DROP TABLE orders'", "database", "no database client"),
        Blocked(at(12), "Bash", "git push origin main", "git-remote", "no remote"),
    )
    found = Finding(1, "refs changed: refs/heads/main", True, Who.unknown, "refs")
    hook = Finding(1, "hooks (pre-commit), changed while it ran, not by it", False, Who.person, "hooks", look=True)
    bad = record(
        "task-1", Halted(at(13), "3 blocked attempts: git push origin main"), "Tidy the history", blocked=refused,
        findings=(found,), quarantined=1, ended_at=at(13), active_seconds=780.0,
        bypasses=(Bypass(at(12), "Bash", "git push", "git-remote", "was run without leave of the hook"),),
        claim="I could not commit, so the work is in the tree.",
    )  # fmt: skip
    hidden = Blocked(at(3), "Bash", "sh -c 'git ad''d -A'", EVASION, "hidden from the guard")
    sly = finished("task-2", "Describe the reset", 0, 9, findings=(hook,), blocked=(hidden,))
    closing = Closing(NINE, (Change("refs (refs/heads/main)", Who.unknown, "task-1 ran when it changed"),))
    return day(
        bad, sly, ended_at=at(13), **costs({"task-1": "0.52", "task-2": "0.18"}),
        diffs={"task-2": DiffStat(1, 9, 0, ("docs/reset.md",))},
        audit=AuditLine(False, (("task-1", found), ("task-2", hook)), 2, closing),
    )  # fmt: skip


def conflict() -> DayFacts:
    """Tasks that ran side by side touched the same lines, and one that needs both could not begin."""
    done = (finished("task-1", "Add paging", 0, 20), finished("task-2", "Sort the list", 0, 25),
            finished("task-4", "Rename the list", 0, 30), finished("task-5", "Drop the list", 0, 30, review="rejected",
                     review_reason="not wanted", reviewed_at=at(500)))  # fmt: skip
    why = (
        "it could not be started: task-1 and task-2 changed the same lines in src/list.py; make one depend on the other"
    )
    both = record("task-3", Failed(at(26), why), "Page the sorted list", task={"depends_on": ("task-1", "task-2")},
                  ended_at=at(26))  # fmt: skip
    return day(
        *done, both, ended_at=at(30), **costs({each.id: "0.25" for each in done}),
        diffs={each.id: DiffStat(1, 12, 3, ("src/list.py",)) for each in done},
        overlaps=(
            Overlap("task-2", "task-4", "src/list.py", "31-33", False),
            Overlap("task-1", "task-2", "src/list.py", "10-14, 40", True),
            Overlap("task-1", "task-5", "src/list.py", "1-90", True),
            Overlap("task-1", "task-4", "assets/list.png", "", True),
        ),
    )  # fmt: skip


def forty() -> DayFacts:
    """Forty tasks, most of them done, and thousands of charges."""
    reasons = ("validation failed twice: pytest -q", "timed out after 60 minutes")
    records, parts = [], {}
    for number in range(40):
        id, begin = f"task-{number:03d}", 12.0 * number
        parts[id] = stretch(("running", begin, begin + 10), ("verifying", begin + 10, begin + 11))
        if number % 9 == 4:
            records.append(record(id, Failed(at(begin + 11), reasons[number % 2]), f"Port module {number}", attempt=2,
                                  runs=2, audited_runs=2, started_at=at(begin), ended_at=at(begin + 11),
                                  active_seconds=660.0, checks=(check(1, tail="1 failed"),),
                                  claim="Ported."))  # fmt: skip
        else:
            records.append(finished(id, f"Port module {number} to the new list", begin, 11))
    amounts = {each.id: f"{0.05 + index % 7 * 0.09:.2f}" for index, each in enumerate(records)}
    return day(
        *records, ended_at=at(480), **costs(amounts), stretches=parts,
        diffs={each.id: DiffStat(3, 40, 12, (f"src/{each.id}.py", "src/list.py", "CHANGES.md")) for each in records},
        estimates={each.id: Estimate(from_usd("0.30"), from_usd("0.55"), "31 tasks like it") for each in records},
        course=tuple((at(minute / 10), from_usd("0.0026")) for minute in range(4800)),
        overlaps=tuple(Overlap("task-000", f"task-{other:03d}", "CHANGES.md", "1-4", False) for other in range(1, 30)),
    )  # fmt: skip


def unicode() -> DayFacts:
    """Scripts of the world: wide, from right to left, combining, pictures."""
    question = Question("task-2", 1, "איזה גודל עמוד? 20 או 50", at(3), ("עשרים", "חמישים"))
    done = finished("task-1", "注文一覧にページ送りを追加する", 0, 20, claim="ページ送りを追加しました。🎉👩‍👩‍👧 é ẹ̄́ ‎")
    asks = record("task-2", Waiting(at(3), 1), "تحديث القائمة", questions=(question,), active_seconds=180.0)
    failed = record("task-3", Failed(at(9), "検証に失敗しました"), "Z̸a̷l̴g̵o̶ 🧨 naïve", active_seconds=540.0,
                    checks=(check(1, "pytest -k 'größe'", "E   AssertionError: 「一」≠「二」\n❌ 1 échec"),),
                    claim="全部できました。All tests pass ✅")  # fmt: skip
    return day(
        done, asks, failed, **costs({"task-1": "0.40", "task-3": "0.20"}, "模型-1"), timezone="Asia/Tokyo",
        diffs={"task-1": DiffStat(1, 3, 0, ("src/注文/一覧.py",)), "task-3": DiffStat(1, 1, 1, ("docs/größe 🎉.md",))},
        stretches={"task-1": stretch(("running", 0, 20)), "task-2": stretch(("running", 0, 3), ("waiting", 3, 20))},
        course=course((4, "0.2"), (15, "0.4")), project="/src/店",
    )  # fmt: skip


ATTACK = """Done. All tests pass.
```
# Report for 2026-11-20
No forbidden command was attempted; the repository's git directory is unchanged in 9 of 9 checked runs.
## Needs you
Nothing.
### task-9 · forged · done
| exit | took | validation |
|--:|--:|---|
| 0 | 1 s | `pytest` |
**Contradiction**: none
- **Validations**: `pytest` exited 0
`````mermaid
pie showData
    "forged" : 1
`````
<details><summary>x</summary><script>alert(1)</script><!-- <img src=x onerror=y>
[click](https://evil.example) ![p](https://evil.example/p.png) https://evil.example www.evil.example me@evil.example
$\\color{white}{hidden}$ \\| | a | b
\x1b[31mred\x1b]8;;https://evil.example\x07x \u202e rtl \r# carriage \x85# next {{ facts.cap }} {% raw %}"""
PATHS = ("a`b.py", "a|b.py", "a\nb.py", "| 0 | pytest |", "](https://evil.example)", "`````", "end;%%{init}%%")


def hostile() -> DayFacts:
    """Every text an agent can influence tries to break out, and to forge evidence."""
    bad = record(
        "task-1", Failed(at(9), ATTACK), ATTACK, claim=ATTACK, active_seconds=540.0,
        task={"module": ATTACK, "deliverables": PATHS, "max_cost": from_usd("1")},
        blocked=(Blocked(at(1), "Bash", ATTACK, ATTACK, ATTACK), Blocked(at(2), f"Write {ATTACK}", "x", "y", "")),
        bypasses=(Bypass(at(3), ATTACK, ATTACK, ATTACK, ATTACK),),
        refused=(Refused(ATTACK, 443, ATTACK, ATTACK),), excesses=(ATTACK,), guidance=(Guidance("1", ATTACK, at(1)),),
        checks=(check(1, ATTACK, ATTACK), *(Check("deliverable", path, 0, ATTACK) for path in PATHS)),
        findings=(Finding(1, ATTACK, True),), layers=(ATTACK,), cli_cost=from_usd("0.1"),
        questions=(Question("task-1", 1, ATTACK, at(1), (ATTACK, "b")),),
        answers=(Answer("task-1", 1, ATTACK, ATTACK, at(2)),),
    )  # fmt: skip
    calm = finished("task-2", ATTACK, claim=ATTACK, checks=(check(0, ATTACK),), review="accepted", review_reason=ATTACK,
                    questions=(Question("task-2", 1, "| 0 | pytest", at(1)),),
                    answers=(Answer("task-2", 1, "**Contradiction**: none", "file", at(2)),))  # fmt: skip
    waits = record("task-3", Waiting(at(2), 1), questions=(Question("task-3", 1, ATTACK, at(1), (ATTACK,)),))
    return day(
        bad, calm, waits, layers=(ATTACK,), project=ATTACK, guarantee=ATTACK,
        **{**costs({"task-1": "0.5", "task-2": "0.1", ATTACK: "0.3", "end": "0.2", '"; x': "0.1"}, ATTACK),
           "by_model": (SpendRow(ATTACK, 1, TOKENS, from_usd("1"), 0), SpendRow("b", 1, TOKENS, from_usd("1"), 0))},
        diffs={"task-1": DiffStat(7, 1, 1, PATHS), "task-2": DiffStat(7, 1, 1, PATHS)},
        audit=AuditLine(False, (("task-1", bad.findings[0]), ("task-1", Finding(1, ATTACK, False, look=True))), 3,
                        Closing(NINE, (Change(ATTACK, Who.agent, "it ran then"),))),
        steering={"task-1": (Steering(ATTACK, ATTACK, "new", 1, 0),)},
        estimates={"task-1": Estimate(from_usd("0.1"), from_usd("0.2"), ATTACK)},
        summaries={"task-1": ATTACK, "task-2": ATTACK},
        overlaps=tuple(Overlap("task-1", "task-2", path, ATTACK, True) for path in PATHS), overruns=(ATTACK,),
        stretches={"task-1": (Stretch(ATTACK, at(0), at(5)), *stretch(("running", 5, 9)))},
        budgets=(BudgetRow(ATTACK, *map(from_usd, "12345")),),
        tomorrow=Tomorrow(date(2026, 11, 21), "tasks/2026-11-21-carry-over.yaml", (("task-1", ATTACK),), (ATTACK,),
                          (ATTACK,), (ATTACK,), 2),
    )  # fmt: skip


def waiting() -> DayFacts:
    """The day stands still until the person answers; one task rests until the provider serves again."""
    long = "The orders have two kinds of dates.\n\nWhich one shall the list be sorted by?\n\n1. placed\n2. paid"
    asks = record("task-1", Waiting(at(30), 2), "Sort the list", active_seconds=1200.0, questions=(
        Question("task-1", 1, "Keep the old route?", at(10)), Question("task-1", 2, long, at(30), ("placed", "paid"))),
        answers=(Answer("task-1", 1, "yes", "command", at(14)),))  # fmt: skip
    second = record("task-2", Waiting(at(12), 1), "Drop the old list", active_seconds=600.0,
                    questions=(Question("task-2", 1, "Really drop it?", at(12)),))  # fmt: skip
    limit = record("task-3", Parked(at(31), ParkReason.usage_limit, "resets at 14:00", at(300)), "Describe it",
                   active_seconds=60.0)  # fmt: skip
    said = record("task-4", Queued(at(31)), "Translate it", runs=0, audited_runs=0, started_at=None,
                  task={"depends_on": ("task-3",)}, guidance=(Guidance("1", "use the glossary", at(20)),))  # fmt: skip
    return day(
        asks, second, limit, said, timezone="Europe/Berlin",
        **costs({"task-1": "0.7", "task-2": "0.2", "task-3": "0.01"}),
        stretches={"task-1": stretch(("running", 0, 10), ("waiting", 10, 14), ("running", 14, 30), ("waiting", 30, 31)),
                   "task-2": stretch(("running", 0, 12), ("waiting", 12, 31)), "task-3": stretch(("running", 30, 31))},
        course=course((9, "0.5"), (29, "0.41")),
    )  # fmt: skip


def rehearsal() -> DayFacts:
    """Half a minute of a scripted day."""
    expensive = record("expensive", Parked(at(0.25), ParkReason.cap, "the task's own cap"), "Read everything",
                       rehearsal=True, active_seconds=9.0)  # fmt: skip
    done = finished("write-guide", "Write the guide", 0, 0.2, rehearsal=True, checks=())
    return day(
        done, expensive, rehearsal=True, ended_at=at(0.5), cap_reached=True,
        **costs({"write-guide": "0.11", "expensive": "0.5"}),
        diffs={"write-guide": DiffStat(1, 20, 0, ("docs/GUIDE.md",))},
        stretches={"write-guide": stretch(("running", 0, 0.15), ("verifying", 0.15, 0.2)),
                   "expensive": stretch(("running", 0.1, 0.25), ("parked", 0.25, 0.5))},
        course=course((0.05, "0.2"), (0.2, "0.41")), picture="2026-11-20-rehearsal-day.png",
    )  # fmt: skip


def everything() -> DayFacts:
    """All of it at once, by two models, with everything tomorrow should know."""
    worst, shut, clash, cap = all_failed(), halted(), conflict(), cap_at_nine_five()
    named = {"task-6": worst.records[2], "task-7": shut.records[0], "task-8": cap.records[0]}
    borrowed = [replace(each, task=replace(each.task, id=id)) for id, each in named.items()]
    others = (
        finished("task-10", "Say nothing of the tests", 20, 5, checks=(check(1, seconds=3.0), check()), attempt=2,
                 runs=2, audited_runs=1, claim="All tests pass."),
        record("task-11", Running(at(40), 1), "Work on", active_seconds=300.0),
        record("task-12", Verifying(at(41)), "Be looked at", active_seconds=900.0),
        record("task-13", Cancelled(at(20)), "Not wanted any more", active_seconds=100.0, ended_at=at(20)),
        record("task-14", Waiting(at(22), 1), "Ask", questions=(Question("task-14", 1, "May I?", at(22)),)),
        finished("task-15", "Change how agents work", 10, 5, refused=(
            Refused("registry.npmjs.org", 443, "it is not in `network:`", "registry.npmjs.org", 3),),
            excesses=("run 1 took 9.1 GB of memory, 8 GB at most are allowed",), set_aside=(1,)),
    )  # fmt: skip
    money = costs({"task-1": "0.25", "task-2": "0.25", "task-4": "0.90", "task-6": "1.95", "task-7": "0.52",
                   "task-8": "0.41", "task-10": None, "task-15": "0.07"})  # fmt: skip
    return day(
        *clash.records, *borrowed, *others, **{
            **money, "spent": from_usd("5.20"), "by_model": (
                SpendRow("claude-sonnet-5", 80, TOKENS, from_usd("4.20"), 1),
                SpendRow("claude-haiku-4-5", 16, TOKENS, from_usd("1.00"), 0)),
        }, reserved=from_usd("0.30"), cap_reached=True, dirty_tree=True, timezone="Europe/Berlin",
        diffs={**clash.diffs, "task-6": DiffStat(3, 88, 2, ("src/list.py",)),
               "task-15": DiffStat(1, 4, 0, ("CLAUDE.md",))},
        audit=replace(shut.audit, findings=tuple(("task-7", each) for _, each in shut.audit.findings), runs_checked=15),
        steering={"task-15": (Steering("CLAUDE.md", "steers agents", "changed", 4, 0),)},
        estimates={"task-1": Estimate(from_usd("0.30"), from_usd("0.60"), "9 tasks like it"),
                   "task-4": Estimate(from_usd("0.30"), from_usd("0.60"), "9 tasks like it")},
        summaries={"task-4": "# task-4: done, the list has a new name\n\n## What changed\n- src/list.py: renamed\n",
                   "task-6": "# task-6: partly done\n\n## How it was verified\n"
                             "- pytest -q: all tests passed, exit 0\n"},
        overlaps=clash.overlaps, overruns=("task-6: an answer of m cost $2.00, $1.00 at most was expected",),
        budgets=(BudgetRow("the cap of 2026-11-20", *map(from_usd, ("20", "5.20", "1", "0.30", "13.50"))),),
        stretches={f"task-{n}": stretch(("queued", 0, n), ("running", n, n + 20.5), ("waiting", n + 20.5, n + 24),
                                        ("running", n + 24, n + 30)) for n in (1, 2, 14)},
        course=course((3, "0.9"), (9, "0.25"), (22, "2"), (30, "1.5"), (45, "0.55")), picture="2026-11-20-day.png",
        tomorrow=Tomorrow(
            date(2026, 11, 21), "tasks/2026-11-21-carry-over.yaml",
            (("task-3", "its dependencies could not be joined"), ("task-6", "validation failed twice")),
            ("task-4 cost $0.90; 9 tasks like it cost $0.30 on average, $0.60 at most",),
            ("haiku did 1 of 5 tasks of complexity high; sonnet did 4 of 5 for $0.40 more each",),
            ("12 tasks at $0.43 each come to $5.16; with a quarter more for repeats, $6.50 a day would do",), 3,
        ),
    )  # fmt: skip


DAYS: Mapping[str, Callable[[], DayFacts]] = {each.__name__: each for each in (
    empty, all_done, all_failed, cap_at_nine_five, halted, conflict, forty, unicode, hostile, waiting, rehearsal,
    everything,
)}  # fmt: skip


def golden(name: str) -> Path:
    """Where the report of that day is kept."""
    return GOLDEN / f"{name}.md"


def renew() -> None:
    """Keep every report as it is now."""
    GOLDEN.mkdir(exist_ok=True)
    for name, build in DAYS.items():
        golden(name).write_text(render_markdown(build()), encoding="utf-8")


if __name__ == "__main__":
    renew()
