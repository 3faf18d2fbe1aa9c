"""What the reading commands of the chat show: the same files and the same ledger that the command line reads.

It joins status, statement, standing and review for what they read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dayshift import files
from dayshift.alerts import Alert, Kind, of_change
from dayshift.clock import Clock
from dayshift.cost.standing import Standing
from dayshift.cost.statement import Line, Statement, statement
from dayshift.home import Home
from dayshift.mailbox.status import read_all, read_plan
from dayshift.mailbox.status_table import plan_line, table_rows
from dayshift.model import Record
from dayshift.money import from_usd, shown
from dayshift.notices import bar
from dayshift.telegram.markup import Text, block, bold, clipped, code, said, words

TAIL_BYTES = 64 * 1024
TAIL_UNITS = 3000
TAIL_LINES = 40
DOING_UNITS = 200
NARROW = 12  #: characters of a bar on a phone


@dataclass(frozen=True, slots=True)
class Readings:
    """One home's state, read anew each time."""

    home: Home
    ledger: Path
    standings: Callable[[], Sequence[Standing]]
    today: Callable[[], date]
    clock: Clock

    # --- /status -------------------------------------------------------------------------------------

    def status(self) -> Text:
        """Every task in two lines, and how much of a plan is used."""
        found = read_all(self.home)
        if not found:
            return (said("No task was handed in yet."),)
        text: Text = ()
        for state, task_id, name, doing, elapsed, cost, blocked in table_rows(found, self.clock.now()):
            refused = f", {blocked} refused" if blocked not in ("0", "?") else ""
            now = (said("\n"), words(clipped(doing, DOING_UNITS))) if doing else ()
            text += (bold(f"{task_id}: {state}"), said("  "), words(name), *now,
                     said("\n"), words(f"{elapsed}, {cost}{refused}"), said("\n\n"))  # fmt: skip
        plan = read_plan(self.home)
        return (*text, words(plan_line(plan))) if plan else text

    # --- /questions ----------------------------------------------------------------------------------

    def question(self, record: Record) -> Alert | None:
        """What the task asks now, as it is asked, with the cost so far; None if it asks nothing."""
        cost = next((each["cost_usd"] for each in read_all(self.home) if each["task_id"] == record.id), None)
        now, spent = self.clock.now(), shown(None if cost is None else from_usd(cost))
        asked = next((each for each in of_change(None, record, "", now) if each.kind is Kind.question), None)
        return replace(asked, text=f"{asked.text}\nSo far: {spent}") if asked else None

    # --- /cost ---------------------------------------------------------------------------------------

    def cost(self, today: date, standings: Sequence[Standing]) -> Text:
        """That day's spending by task, then where every budget stands; these two are asked for where the daemon is."""
        with statement(self.ledger) as books:
            tables = [self._table(books, today, account) for account in ("api", "plan")] if books else []
        spent = [line for table in tables for line in table] or [said("Nothing was spent today.\n")]
        return (bold(f"Cost of {today}"), said("\n"), *spent, *_budgets(standings))

    def _table(self, books: Statement, today: date, account: str) -> Text:
        lines = books.by("task", today, today, account="plan" if account == "plan" else "api")
        if not lines:
            return ()
        head = "by a plan, notional: " if account == "plan" else ""
        each = [span for line in lines for span in (code(line.key.rpartition("/")[2]), said(f" {_amount(line)}\n"))]
        return (*each, said(f"{head}total {_amount(Line.sum('total', lines))}\n"))

    # --- /logs and /diff -----------------------------------------------------------------------------

    def logs(self, task_id: str) -> Text:
        """The end of the task's log."""
        try:
            with (self.home.logs / f"{task_id}.log").open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
        except FileNotFoundError:
            return (code(task_id), said(" has no log yet."))
        return (bold(f"{task_id}: the end of its log"), said("\n"), block(_end("\n".join(lines))))

    def diff(self, record: Record) -> tuple[Text, bytes]:
        """What the task changed, as it is read and as `git apply` takes it; no bytes if it changed nothing."""
        from dayshift.reviewing import review

        patch = review.patch(record)
        if not patch:
            return (code(record.id), said(" has changed nothing that was kept.")), b""
        return (bold(f"{record.id}: what it changed"), said("\n"), block(patch.decode(errors="replace"))), patch

    # --- /report -------------------------------------------------------------------------------------

    def report(self, path: Path) -> bytes | None:
        """The report that the daemon wrote; None if there is none at that place."""
        if path.parent != self.home.results:
            return None
        try:
            return files.read_untrusted(path, limit=10 * 1024 * 1024).encode()
        except (OSError, files.Refused):
            return None


def _budgets(standings: Sequence[Standing]) -> Text:
    text: Text = ()
    for each in standings:
        taken = each.settled + each.elsewhere
        text += (said("\n"), words(f"{each.called}: {shown(each.left)} left of {shown(each.cap)}"),
                 said("\n"), code(bar(taken, each.cap, NARROW)))  # fmt: skip
    return text


def _amount(line: Line) -> str:
    """`$1.20`, and what is reserved or charged at the worst case, if anything is."""
    more = [f"{shown(line.reserved)} reserved"] if line.reserved else []
    more += [f"{shown(line.estimated)} of it at the worst case"] if line.unknown else []
    return shown(line.cost) + (f" ({', '.join(more)})" if more else "")


def _end(text: str) -> str:
    return text if len(text) <= TAIL_UNITS else "…" + text[1 - TAIL_UNITS :]
