"""The day's report: what it says of every outcome, that it is the same each time, and that agents cannot forge it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dayshift.attempts import EVASION, Blocked, Bypass, Refused
from dayshift.conversation import Answer, Question
from dayshift.day_facts import AuditLine, BudgetRow, DayFacts, SpendRow
from dayshift.evidence import Change, Check, Closing, DiffStat, Finding, Steering, Who
from dayshift.home import Home
from dayshift.markdown import clean, is_short
from dayshift.model import Record, Task, Tokens
from dayshift.money import from_usd
from dayshift.reporting.phrases import audit_sentence, drift, duration, share
from dayshift.reporting.report import render_markdown, write
from dayshift.reporting.report_json import as_json
from dayshift.states import Done, Failed, Halted, Parked, ParkReason, Queued, State, Waiting

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
TOKENS = Tokens(input=1200, output=340, cache_read=90_000, cache_write_5m=800)


def record(id: str, state: State, **facts: Any) -> Record:
    """A task that ran once, in that state."""
    task = facts.pop("task", Task(id, f"Name of {id}", "words", "sonnet", max_cost=from_usd("2")))
    given = {"created_at": NINE, "started_at": NINE, "runs": 1, "session_id": f"session-{id}", **facts}
    return Record(task, date(2026, 11, 20), "/src/shop", state, **given)


def validation(code: int, tail: str = "", subject: str = "pytest -q | tail -1") -> Check:
    return Check("validate", subject, code, tail, 12.4)


def finished() -> Record:
    return record(
        "task-1", Done(NINE), ended_at=NINE + timedelta(minutes=64), active_seconds=3840.0, cli_cost=from_usd("1.10"),
        checks=(Check("deliverable", "src/list.py", 0), validation(0)), claim="Added paging.", layers=("sandbox",),
        questions=(Question("task-1", 1, "Which page size?", NINE, ("20", "50")),),
        answers=(Answer("task-1", 1, "fifty", "file", NINE + timedelta(minutes=5)),),
    )  # fmt: skip


def failed() -> Record:
    return record(
        "task-3", Failed(NINE, "validation failed twice"), attempt=2, runs=3, active_seconds=61.0,
        checks=(Check("deliverable", "docs/x.md", 1, "unchanged"), validation(1, "E   assert 1 == 2\n1 failed")),
        claim="I wrote the document. All tests pass now.",
    )  # fmt: skip


def halted() -> Record:
    refused = (
        Blocked(NINE, "Bash", "git commit -m done", "git-write", "commits are the person's"),
        Blocked(NINE + timedelta(seconds=9), "Bash", "psql shop", "database", "no database client"),
    )
    return record("task-4", Halted(NINE, "2 blocked attempts"), blocked=refused)


def rich_day() -> DayFacts:
    """A day with every outcome in it."""
    waiting = record("task-2", Waiting(NINE, 1), questions=(Question("task-2", 1, "Keep the old route?", NINE),))
    parked = record("task-5", Parked(NINE, ParkReason.cap, "the day's cap"))
    queued = record("task-6", Queued(NINE), started_at=None, runs=0,
                    task=Task("task-6", "Later", "words", "haiku", depends_on=("task-3",)))  # fmt: skip
    return DayFacts(
        date=date(2026, 11, 20), project="/src/shop", rehearsal=False, cap=from_usd("50"), spent=from_usd("4.21"),
        reserved=from_usd("0.30"), by_model=(SpendRow("sonnet-5", 21, TOKENS, from_usd("4.21"), 1),),
        by_task=(
            SpendRow("task-3", 9, TOKENS, None, 1),
            SpendRow("task-1", 12, TOKENS, from_usd("1.00"), 0),
        ),
        records=(queued, parked, halted(), failed(), waiting, finished()),
        diffs={
            "task-1": DiffStat(2, 120, 14, ("src/list.py", "src/a.py")),
            "task-3": DiffStat(0, 0, 0, ()),
        },
        audit=AuditLine(True, (), 7), layers=("sandbox", "guard hook"), guarantee="The kernel refuses writes to .git.",
        dirty_tree=True, cap_reached=True, started_at=NINE, ended_at=NINE + timedelta(hours=8, minutes=12),
    )  # fmt: skip


def card(text: str, id: str) -> str:
    """The part of the report on one task."""
    return text.split(f"\n### {id} ")[1].split("\n### ")[0].split("\n## ")[0]


def section(text: str, name: str) -> str:
    return text.split(f"\n## {name}\n")[1].split("\n## ")[0]


# --- order and content -----------------------------------------------------------------------------


def test_the_first_line_says_what_was_refused_and_what_the_audit_proves() -> None:
    lines = [line for line in render_markdown(rich_day()).splitlines() if line]
    assert lines[0] == "# Report for 2026-11-20"
    assert lines[1] == (
        "**2 forbidden commands were refused** (`git commit -m done`, `psql shop`); "
        "the repository's git directory is unchanged in 7 of 7 checked runs."
    )


def test_a_bypassed_guard_is_said_before_all_else() -> None:
    bypass = Bypass(NINE, "Bash", "git push", "git-write", "was run without leave of the hook")
    sly = record("task-4", Halted(NINE, "the guard was bypassed: git push"), bypasses=(bypass,))
    text = render_markdown(replace(rich_day(), records=(sly,)))
    first = [line for line in text.splitlines() if line][1]
    assert first.startswith("**The guard was bypassed**: task-4: `git push`, which was run without leave of the hook. ")
    assert "- **Went round the guard** at 09:00: `git push` was run without leave" in text


def test_what_was_hidden_from_the_guard_is_told_apart_from_what_it_refused() -> None:
    hidden = Blocked(NINE, "Bash", "git commit -m x", EVASION, "hidden from the guard")
    open_ = Blocked(NINE, "Bash", "git push", "git-write", "no")
    day = replace(rich_day(), records=(record("task-4", Done(NINE), blocked=(hidden, open_)),))
    said = "**1 forbidden command was refused** (`git push`); **1 forbidden command was hidden from the guard and could"
    assert said + " change nothing** (`git commit -m x`); " in render_markdown(day)
    assert as_json(day)["tasks"][0]["evasions"] == 1


def test_the_headline_counts_every_outcome_and_the_money() -> None:
    text = render_markdown(rich_day())
    assert "**1 done · 1 failed · 1 halted · 1 waiting · 1 parked · 1 queued**." in text
    assert "Spent: **$4.21** of $50.00 (8 %), $0.30 still reserved; $4.21 for each task done." in text
    assert "09:00 to 17:12 (8 h 12 min), times in UTC, repository `/src/shop`." in text


def test_what_needs_the_person_comes_next_with_the_command_to_go_on() -> None:
    needs = section(render_markdown(rich_day()), "Needs you").strip().splitlines()
    assert [line.split("**")[1] for line in needs] == [
        "A cap is reached", "task-2 asks", "task-4", "task-3", "task-5", "1 done task to review",
    ]  # fmt: skip
    assert needs[1].endswith("`Keep the old route?`: `dayshift answer task-2`")
    assert "`dayshift retry task-4`" in needs[2]
    assert "failed: validation failed twice" in needs[3]
    assert needs[4].endswith("; with a higher cap `dayshift resume task-5` tries it now")
    assert "task-1. `dayshift diff task-1` shows the work, `dayshift accept task-1` puts it" in needs[5]


def test_an_untidy_tree_is_reported() -> None:
    note = "Its tree had uncommitted changes"
    assert note in render_markdown(rich_day())
    assert note not in render_markdown(replace(rich_day(), dirty_tree=False))


def test_answers_dearer_than_they_could_be_are_told() -> None:
    assert "Dearer than they could be" not in render_markdown(rich_day())
    told = render_markdown(
        replace(rich_day(), overruns=("task-1: an answer of m cost $2.00, $1.00 at most was expected",))
    )
    assert "- task-1: an answer of m cost $2.00, $1.00 at most was expected\n" in told


def test_a_day_that_needs_nobody_says_so() -> None:
    facts = replace(rich_day(), records=(replace(finished(), review="accepted"),), cap_reached=False)
    assert section(render_markdown(facts), "Needs you").strip() == "Nothing."


def test_the_most_urgent_cards_come_first() -> None:
    lines = render_markdown(rich_day()).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("### ")] == [
        "task-4", "task-3", "task-2", "task-5", "task-6", "task-1",
    ]  # fmt: skip


def test_a_done_card_shows_its_evidence_before_the_claim() -> None:
    text = card(render_markdown(rich_day()), "task-1")
    expected = (
        "- **Validations**: `pytest -q | tail -1` exited 0 (12 s)\n",
        "- **Deliverables**: `src/list.py` present\n",
        "- **Changes**: 2 files, +120 -14: `src/a.py`, `src/list.py`\n",
        "- **Cost**: $1.00 of $2.00 (50 %); 12 requests\n",
        "- **Time**: 1 h 04 min active, attempt 1, 1 run, from 09:00 to 10:04\n",
        "- **Protected by**: sandbox\n",
        "- **Question 1** at 09:00: `Which page size?` (`20`, `50`); answered at 09:05 by file: `fifty`\n",
        "- **The agent claims**, unchecked: `Added paging.`\n",
    )
    places = [text.find(part) for part in expected]
    assert -1 not in places, expected[places.index(-1)]
    assert places == sorted(places)
    assert "Contradiction" not in text


def test_a_card_says_as_which_branch_work_was_accepted_and_what_its_summary_says_first() -> None:
    taken = replace(finished(), review="accepted", branch="paging")
    summaries = {"task-1": "# Paging\n\n## What was done\nThe list has pages.\nMore.\n"}
    text = card(render_markdown(replace(rich_day(), records=(taken,), summaries=summaries)), "task-1")
    assert "- **Outcome**: done; accepted as branch `paging`\n" in text
    assert "- **Its summary**, unchecked: `The list has pages.`; the rest is in" in text


def test_what_is_long_in_a_card_is_shown_in_full_in_blocks() -> None:
    asked = Question("task-1", 1, "Which size?\n\nThere are two.", NINE, ("20", "50"))
    text = card(
        render_markdown(replace(rich_day(), records=(replace(finished(), questions=(asked,), claim="a\nb"),))), "task-1"
    )
    expected = (
        "Question 1, asked at 09:00 with the options `20`, `50`:\n\n```text\nWhich size?\n\nThere are two.\n```\n",
        "Answered at 09:05 by file:\n\n```text\nfifty\n```\n",
        "What the agent claims, unchecked:\n\n```text\na\nb\n```\n",
    )
    places = [text.find(part) for part in expected]
    assert -1 not in places and places == sorted(places)


def test_a_card_that_needs_a_look_says_how_far_the_cli_drifts() -> None:
    odd = replace(finished(), blocked=halted().blocked)
    text = card(render_markdown(replace(rich_day(), records=(odd,))), "task-1")
    assert "12 requests; the CLI's own estimate $1.10 (drift +10.0 %)\n" in text


def test_a_failed_card_shows_exit_codes_and_the_end_of_the_output() -> None:
    text = card(render_markdown(rich_day()), "task-3")
    assert "**Outcome**: failed: validation failed twice\n" in text
    assert "`docs/x.md` **unchanged**" in text
    assert "| **1** | 12 s |" in text
    assert "The end of what `pytest -q | tail -1` said:\n\n```text\nE   assert 1 == 2\n1 failed\n```" in text
    assert "attempt 2, 3 runs" in text


def test_what_the_person_turned_down_does_not_need_them_any_more() -> None:
    day = rich_day()
    settled = replace(day, records=tuple(replace(each, review="rejected") for each in day.records))
    assert "**task-3** failed" in section(render_markdown(day), "Needs you")
    assert "task-3" not in section(render_markdown(settled), "Needs you")


def test_contradictions_stand_under_the_claim() -> None:
    text = card(render_markdown(rich_day()), "task-3")
    claim = text.index("**The agent claims**, unchecked: `I wrote the document. All tests pass now.`")
    for line in (
        'says "All tests pass now."; `pytest -q | tail -1` exited 1',
        "no file changed",
        "docs/x.md is unchanged",
    ):
        assert text.index(line, text.index("**Contradiction**")) > claim


def test_a_done_task_whose_claim_contradicts_the_evidence_needs_the_person() -> None:
    facts = replace(rich_day(), records=(replace(finished(), checks=(validation(0),)),), diffs={
        "task-1": DiffStat(0, 0, 0, ())})  # fmt: skip
    told = section(render_markdown(facts), "Needs you")
    assert (
        '- **task-1** is done, but its claim does not fit the evidence: says "Added paging."; no file changed' in told
    )


def test_a_halted_card_names_each_refusal_with_its_rule() -> None:
    text = card(render_markdown(rich_day()), "task-4")
    assert "- **Refused** at 09:00: `git commit -m done` (rule `git-write`: commits are the person's)\n" in text
    assert "- **Refused** at 09:00: `psql shop` (rule `database`: no database client)\n" in text


def test_refused_connections_are_counted_and_come_with_what_would_allow_them() -> None:
    refused = (
        Refused("registry.npmjs.org", 443, "it is not in `network:`", cure="registry.npmjs.org", times=3),
        Refused("10.0.0.7", 8443, "it is not in `network:`", cure="10.0.0.7:8443"),
        Refused("packages.example.org", 443, "its TLS hello names evil.example.net"),
    )
    day = replace(rich_day(), records=(record("task-4", Done(NINE), refused=refused),))
    told = card(render_markdown(day), "task-4")
    assert "- **Network refused**: `registry.npmjs.org:443` (3x), since it is not in " in told
    assert "- **Network refused**: `packages.example.org:443` (1x), since its TLS hello names evil" in told
    assert "`network: [registry.npmjs.org, 10.0.0.7:8443]`" in told
    assert as_json(day)["tasks"][0]["refused"][0] == {
        "host": "registry.npmjs.org", "port": 443, "why": "it is not in `network:`", "cure": "registry.npmjs.org",
        "times": 3,
    }  # fmt: skip


def test_many_refused_connections_are_cut_and_nothing_is_offered_that_would_not_help() -> None:
    refused = tuple(Refused(f"h{number}.example.org", 443, "it leads to 10.0.0.7") for number in range(13))
    day = replace(rich_day(), records=(record("task-4", Done(NINE), refused=refused),))
    told = card(render_markdown(day), "task-4")
    assert "- **Network refused**: 3 other connections\n" in told
    assert "network: [" not in told


def test_a_task_that_never_started_says_what_it_waits_for() -> None:
    text = card(render_markdown(rich_day()), "task-6")
    assert "- **Waits for**: task-3, which is failed\n" in text
    assert "- **Not started**\n" in text
    assert "Cost" not in text


def test_an_unknown_cost_or_change_is_unknown_and_never_zero() -> None:
    text = render_markdown(rich_day())
    assert "- **Cost**: unknown of $2.00; 9 requests, 1 of them estimated at the worst case\n" in card(text, "task-3")
    assert "- **Changes**: unknown\n" in card(text, "task-4")
    assert "- **Cost**: no request in the ledger; cap $2.00\n" in card(text, "task-4")
    assert "Spent: **unknown** of $50.00, $0.30" in render_markdown(replace(rich_day(), spent=None))


def test_the_spend_stands_against_the_cap_by_model_and_by_task() -> None:
    spend = section(render_markdown(rich_day()), "Spend")
    assert "| settled | $4.21 |\n| reserved | $0.30 |\n| cap | $50.00 |\n" in spend
    assert "| `sonnet-5` | 21 (1 estimated) | 1,200 | 340 | 90,000 | 800 | $4.21 | 8 % |\n" in spend
    assert "| `task-1` | 12 | 1,200 | 340 | 90,000 | 800 | $1.00 | $2.00 | 2 % |\n" in spend
    assert "| `task-3` | 9 (1 estimated) | 1,200 | 340 | 90,000 | 800 | unknown | $2.00 | unknown |\n" in spend
    assert "count at the most they can have cost" in spend


def test_the_protection_is_named_and_its_absence_is_the_headline() -> None:
    text = render_markdown(rich_day())
    assert "- sandbox\n- guard hook\n\nThe kernel refuses writes to .git." in section(text, "How it was protected")
    unprotected = render_markdown(replace(rich_day(), layers=()))
    assert unprotected.index("**No layer of protection was active.**") < unprotected.index("## Needs you")
    assert "- **no layer was active**" in section(unprotected, "How it was protected")


def test_a_done_task_without_validation_is_called_out() -> None:
    facts = replace(rich_day(), records=(replace(finished(), checks=()),))
    text = render_markdown(facts)
    assert "Done without any validation command: task-1." in text
    assert "none set; nothing but the files speaks for this work" in card(text, "task-1")


def test_a_rehearsal_says_in_title_and_first_lines_that_no_money_was_spent() -> None:
    lines = [line for line in render_markdown(replace(rich_day(), rehearsal=True)).splitlines() if line]
    assert lines[0] == "# Report for 2026-11-20 (rehearsal: no money was spent)"
    assert "no money was spent, and every amount below is pretended" in lines[2]
    assert any("Pretended spend: **$4.21**" in line for line in lines)


def test_a_day_without_tasks_has_a_report() -> None:
    facts = replace(rich_day(), records=(), by_task=(), by_model=(), diffs={}, cap=None, cap_reached=False,
                    started_at=None, ended_at=None, audit=AuditLine(True, (), 0))  # fmt: skip
    text = render_markdown(facts)
    assert "No forbidden command was attempted; no run was there to check." in text
    assert "Nothing has started, times in UTC" in text
    assert "without a cap for the day" in text


def test_the_times_are_shown_in_the_persons_timezone() -> None:
    text = render_markdown(replace(rich_day(), timezone="Europe/Berlin", ended_at=None))
    assert "10:00 to now: the day goes on, times in Europe/Berlin" in text


# --- the audit line --------------------------------------------------------------------------------

MOVED = ("task-4", Finding(2, "refs changed: refs/heads/main", True))
FETCHED = ("task-4", Finding(1, "FETCH_HEAD changed", False))


@pytest.mark.parametrize(
    ("audit", "says"),
    [
        (AuditLine(True, (), 7), "; the repository's git directory is unchanged in 7 of 7 checked runs."),
        (AuditLine(True, (), 6), "unchanged in 6 of 6 checked runs; 1 run not checked."),
        (AuditLine(True, (), 0), "; the audit checked no run; 7 runs not checked."),
        (AuditLine(False, (), 7), "; it is **not proven** that the repository's git directory is unchanged."),
        (AuditLine(False, (MOVED,), 7), "; changes were found in 1 of 7 checked runs."),
        (AuditLine(True, (FETCHED,), 7), "directory is unchanged by agents in 7 of 7 checked runs. Also noticed, "
         "and not halting: task-4 run 1: `FETCH_HEAD changed`."),
    ],
)  # fmt: skip
def test_the_audit_line_claims_only_what_was_checked(audit: AuditLine, says: str) -> None:
    assert audit_sentence(replace(rich_day(), audit=audit)).endswith(says)


def test_an_agents_change_of_the_repository_is_the_first_line_and_the_first_need() -> None:
    text = render_markdown(replace(rich_day(), audit=AuditLine(False, (MOVED,), 7)))
    start = "**An agent did what it must not**: task-4 run 2: `refs changed: refs/heads/main`. **2 forbidden commands"
    assert text.splitlines()[2].startswith(start)
    assert (
        section(text, "Needs you").strip().startswith("- **task-4** run 2: `refs changed: refs/heads/main`. See to it")
    )


def test_what_cannot_be_told_is_said_so_and_blames_nobody() -> None:
    unknown = replace(MOVED[1], who=Who.unknown)
    text = render_markdown(replace(rich_day(), audit=AuditLine(False, (("task-4", unknown),), 7)))
    assert text.splitlines()[2].startswith(
        "**The repository was changed while agents ran, and it is not proven by whom**"
    )
    assert "An agent did" not in text


def test_a_hook_that_no_agent_planted_is_for_the_person_to_look_at() -> None:
    hook = Finding(1, "hooks (pre-commit), changed while it ran, not by it", False, Who.person, "hooks", look=True)
    text = render_markdown(replace(rich_day(), audit=AuditLine(True, (("task-1", hook),), 7)))
    assert section(text, "Needs you").strip().startswith("- **Look whether that was you**: `hooks (pre-commit)")


def test_a_workspace_in_quarantine_is_named_where_the_way_on_is() -> None:
    kept = replace(halted(), quarantined=1)
    text = render_markdown(replace(rich_day(), records=(kept, replace(finished(), set_aside=(1,)))))
    assert "**in quarantine** in `agent_workspaces/task-4`" in section(text, "Needs you")
    assert "set aside in `.dayshift/quarantine/task-1-run1`" in card(text, "task-1")


def test_files_that_work_on_are_named_to_be_read() -> None:
    found = (Steering("CLAUDE.md", "steers agents", "changed", 12, 1), Steering(".mcp.json", "x", "new", 3, 0))
    text = card(render_markdown(replace(rich_day(), steering={"task-1": found})), "task-1")
    assert "read these before you take it over: `CLAUDE.md` (+12 -1; steers agents), `.mcp.json` (new; x)" in text


@pytest.mark.parametrize(
    ("closing", "says"),
    [
        (Closing(), "there is nothing to compare the git directory with"),
        (Closing(NINE), "The git directory is unchanged since 09:00."),
        (Closing(NINE, trouble="gone"), "could **not be looked at** at the end: gone"),
        (Closing(NINE, (Change("refs (x)", Who.person, "no agent ran"),)), "- `refs (x)`: by no agent; no agent ran"),
        (Closing(NINE, (Change("refs", Who.agent, "y"),)), "- `refs`: **by an agent**; y"),
        (Closing(NINE, (Change("refs", Who.unknown, "y"),)), "- `refs`: **nobody can tell by whom**; y"),
    ],
)
def test_the_days_end_says_what_became_of_the_git_directory(closing: Closing, says: str) -> None:
    text = render_markdown(replace(rich_day(), audit=AuditLine(True, (), 7, closing)))
    assert says in section(text, "Audit")


# --- the same bytes --------------------------------------------------------------------------------


def test_the_same_facts_give_the_same_bytes_in_whatever_order_they_come() -> None:
    facts = rich_day()
    shuffled = replace(
        facts, records=facts.records[::-1], by_task=facts.by_task[::-1],
        diffs={key: facts.diffs[key] for key in reversed(list(facts.diffs))},
    )  # fmt: skip
    assert render_markdown(facts) == render_markdown(facts) == render_markdown(shuffled)
    assert json.dumps(as_json(facts)) == json.dumps(as_json(shuffled))


@pytest.mark.parametrize(("rehearsal", "stem"), [(False, "2026-11-20"), (True, "2026-11-20-rehearsal")])
def test_write_leaves_both_files_and_nothing_else(tmp_path: Path, rehearsal: bool, stem: str) -> None:
    home = Home(tmp_path)
    home.make_folders()
    facts = replace(rich_day(), rehearsal=rehearsal)
    path = write(home, facts)
    assert path == home.results / f"{stem}-report.md"
    assert path.read_text() == render_markdown(facts)
    assert json.loads((home.results / f"{stem}.json").read_bytes()) == as_json(facts)
    before = path.read_bytes()
    assert write(home, facts).read_bytes() == before
    assert len(list(home.results.iterdir())) == 2


# --- hostile text ----------------------------------------------------------------------------------

ATTACKS = (
    "# Forged heading\n\n## Needs you\n\nNothing.",
    "```\n# out of the fence\n```",
    "`````text\n</details><script>alert(1)</script>\n`````",
    "~~~\n# tilde\n~~~",
    "<h1>html</h1><img src=x onerror=y><!-- open",
    "[click](https://evil.example) ![pic](https://evil.example/p.png) <https://evil.example>",
    "https://evil.example www.evil.example me@evil.example",
    "\n\n[ref]: https://evil.example\n[ref]",
    "a | b \\| c \\\\| d |\n|---|\n| 0 | 1 s | forged |",
    "ends with a backslash \\",
    "`",
    "**bold** _it_ ~~gone~~ * * *\n---\nSetext\n===",
    "- **Outcome**: halted\n\n### task-9 · forged · halted",
    "\x1b[31mred\x1b[0m\x1b]8;;https://evil.example\x07x\x1b]8;;\x07 \x00 \u202e rtl",
    "\r# carriage \x85 # next \u2028 # line \x0c # page",
    "lone surrogate \ud800 and {{ facts.cap }} {% raw %}",
    "&lt;b&gt; &#35; heading &#x3c;script",
)


def hostile_day(attack: str) -> DayFacts:
    """Every text an agent can influence is the attack."""
    bad = record(
        "task-1", Failed(NINE, attack), claim=f"Done {attack}", layers=(attack,),
        task=Task("task-1", attack, attack, attack, deliverables=(attack,), max_cost=from_usd("1")),
        blocked=(Blocked(NINE, "Bash", attack, attack, attack), Blocked(NINE, f"Write {attack}", attack, attack, "")),
        bypasses=(Bypass(NINE, attack, attack, attack, attack),),
        checks=(validation(1, attack, attack), *(Check("deliverable", attack, code, attack) for code in (0, 1))),
        findings=(Finding(1, attack, False),),
        questions=(Question("task-1", 1, attack, NINE, (attack, "b")), Question("task-1", 2, attack, NINE)),
        answers=(Answer("task-1", 1, attack, attack, NINE),),
    )  # fmt: skip
    waits = replace(bad, task=replace(bad.task, id="task-2"), state=Waiting(NINE, 2))
    return replace(
        rich_day(), records=(bad, waits), diffs={"task-1": DiffStat(1, 1, 1, (attack,))},
        by_model=(SpendRow(attack, 1, TOKENS, 1, 0),),
        audit=AuditLine(False, (("task-1", Finding(1, attack, True)),), 2),
    )  # fmt: skip


def tokens(text: str) -> Iterator[Token]:
    """Everything a reader of Markdown (with tables, strike-through and HTML) makes of the text."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for token in reader.parse(text):
        yield token
        yield from token.children or ()


CODE = ("fence", "code_inline")


def structure(seen: list[Token]) -> list[tuple[str, str]]:
    """What a reader sees as structure; a cell may hold escaped text instead of code."""
    return [(token.type, token.tag) for token in seen if token.type not in ("text", "code_inline")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_agent_wrote_never_becomes_markup(attack: str) -> None:
    calm = list(tokens(render_markdown(hostile_day("calm" if is_short(attack) else "calm\ncalm"))))
    seen = list(tokens(render_markdown(hostile_day(attack))))
    assert structure(seen) == structure(calm)
    assert not [token for token in seen if token.type in ("html_block", "html_inline", "link_open", "image")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_agent_wrote_cannot_steer_a_terminal_or_break_the_files(tmp_path: Path, attack: str) -> None:
    home = Home(tmp_path)
    home.make_folders()
    content = write(home, hostile_day(attack)).read_bytes().decode()
    assert not set(content) & set("\x00\x1b\x07\r\x85\u2028\u202e")
    assert json.loads((home.results / "2026-11-20.json").read_bytes())["tasks"][0]["task_id"] == "task-1"


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_agent_wrote_is_shown_all_the_same(attack: str) -> None:
    kept = [token.content for token in tokens(render_markdown(hostile_day(attack))) if token.type in CODE]
    assert clean(f"Done {attack}").strip("\n") in [content.strip("\n") for content in kept]
    headings = [token.content for token in tokens(render_markdown(hostile_day(attack))) if token.type == "text"]
    assert any(" ".join(clean(attack).split())[:20] in content for content in headings)


def test_bare_addresses_outside_code_are_broken_up() -> None:
    text = render_markdown(hostile_day("see https://evil.example or www.evil.example"))
    heading = next(line for line in text.splitlines() if line.startswith("### task-1"))
    assert "https:\\//evil.example" in heading
    assert "www\\.evil" in heading


def test_long_text_is_cut_and_says_so() -> None:
    noisy = replace(failed(), claim="x" * 100_000, checks=(validation(1, "first\n" + "y" * 100_000 + "\nlast"),))
    text = render_markdown(replace(rich_day(), records=(noisy,)))
    assert len(text) < 9_000
    assert "… 98000 more characters" in text
    assert "y\nlast\n```" in text
    assert "first\n" not in text


# --- for machines ----------------------------------------------------------------------------------


def numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif not isinstance(value, str):
        yield value


def test_json_survives_the_round_trip_and_holds_no_float() -> None:
    content = as_json(rich_day())
    assert json.loads(json.dumps(content)) == content
    assert {type(value) for value in numbers(content)} <= {int, bool, type(None)}


def test_json_carries_the_reports_facts() -> None:
    content = as_json(rich_day())
    assert (content["cap_usd"], content["spent_usd"], content["reserved_usd"]) == ("50.00", "4.21", "0.30")
    assert content["counts"]["done"] == content["counts"]["queued"] == 1
    assert [task["task_id"] for task in content["tasks"]] == [f"task-{number}" for number in range(1, 7)]
    first, third = content["tasks"][0], content["tasks"][2]
    assert first["cap_usd"] == "2.00"
    assert first["cli_cost_usd"] == "1.10"
    assert first["spend"]["cost_usd"] == "1.00"
    assert first["spend"]["tokens"]["cache_write_5m"] == 800
    assert first["active_seconds"] == "3840.0"
    assert first["ended_at"] == "2026-11-20T10:04:00Z"
    assert first["questions"][0]["answer"] == {"text": "fifty", "by": "file", "at": "2026-11-20T09:05:00Z"}
    assert first["diff"] == {"files": 2, "insertions": 120, "deletions": 14, "paths": ["src/list.py", "src/a.py"]}
    assert third["spend"]["cost_usd"] is None
    assert third["checks"][1]["exit_code"] == 1
    assert len(third["contradictions"]) == 3
    assert content["tasks"][3]["diff"] is None


# --- small words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under 1 s"), (42.9, "42 s"), (60, "1 min 00 s"), (247, "4 min 07 s"), (3840, "1 h 04 min"),
        (90_000, "25 h 00 min"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(1, 3, "33 %"), (999, 1000, "99 %"), (None, 5, "unknown"), (1, None, "-"), (0, 0, "-")],
)
def test_shares_round_down_and_unknown_stays_unknown(part: int | None, whole: int | None, words: str) -> None:
    assert share(part, whole) == words


def test_drift_is_signed_and_unknown_without_a_cost() -> None:
    assert drift(975, 1000) == "-2.5 %"
    assert drift(975, None) == drift(975, 0) == "unknown"


def test_every_budget_says_where_it_stands_with_all_that_counts_in_it() -> None:
    row = BudgetRow("the cap of 2026-11-20", *map(from_usd, (20, 3, 2, 1, 14)))
    assert "| budget" not in render_markdown(rich_day())
    told = render_markdown(replace(rich_day(), budgets=(row,)))
    assert "| the cap of 2026-11-20 | $20.00 | $3.00 | $2.00 | $1.00 | $14.00 |\n" in told
    assert as_json(replace(rich_day(), budgets=(row,)))["budgets"] == [
        {"budget": "the cap of 2026-11-20", "cap_usd": "20.00", "spent_usd": "3.00", "elsewhere_usd": "2.00",
         "reserved_usd": "1.00", "left_usd": "14.00"}
    ]  # fmt: skip
