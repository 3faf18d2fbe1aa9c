"""The commands of the chat: which there are, what each needs, what each asks of the daemon. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from dayshift.events import Order
from dayshift.telegram.markup import Text, clipped, code, said, words

Need = Literal["no", "may", "must"]
MOST_NAMED = 30


@dataclass(frozen=True, slots=True)
class Form:
    """What a command takes and what it is for."""

    help: str
    task: Need = "no"
    text: Need = "no"
    called: str = "TEXT"

    def usage(self, name: str) -> str:
        """As one writes it, e.g. `/say TASK TEXT`."""
        parts = {"TASK": self.task, self.called: self.text}
        shown = [part if need == "must" else f"[{part}]" for part, need in parts.items() if need != "no"]
        return " ".join([f"/{name}", *shown])


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that has all it needs."""

    name: str
    task: str | None = None
    text: str = ""


COMMANDS: Mapping[str, Form] = MappingProxyType({
    "status": Form("what every task is doing, and its cost"),
    "questions": Form("the open questions, to be answered here"),
    "answer": Form("answer the question of a task", "must", "must"),
    "cost": Form("what was spent today, and what is left"),
    "logs": Form("the end of a task's log", "must"),
    "diff": Form("what a task changed", "must"),
    "say": Form("tell an agent something at its next turn", "must", "must"),
    "pause": Form("park a task, or all", "may"),
    "resume": Form("let a parked task go on, or all", "may"),
    "cancel": Form("end a task", "must"),
    "retry": Form("try a task again", "must"),
    "accept": Form("take a task's work into your tree", "must"),
    "reject": Form("refuse a task's work, and say why", "must", "must", "REASON"),
    "report": Form("the report of the day, written anew"),
    "stop": Form("stop the daemon; asks first"),
    "help": Form("what can be said here"),
})  # fmt: skip


def understood(name: str, rest: str, known: Collection[str]) -> Asked | Text:
    """The command with its task and text; or, in one line, what is missing or wrong and how it is done."""
    form = COMMANDS.get(name := "help" if name == "start" else name)  # Telegram's own button says /start
    if form is None:
        return (said("There is no command "), code(f"/{clipped(name, 40)}"), said("; /help lists them all."))
    if form.task == "no":
        return Asked(name)
    task, text = (*rest.split(None, 1), "", "")[:2]
    if not task:
        return Asked(name) if form.task == "may" else _cure(name, "which task", known)
    if task not in known:
        return unknown(task, known)
    if form.text == "no" and text:
        return _cure(name, "one task at a time", known)
    if form.text == "must" and not text:
        return _cure(name, f"the {form.called.lower()} is missing", known)
    return Asked(name, task, text)


def unknown(task: str, known: Collection[str]) -> Text:
    """That there is no such task, and which there are."""
    return (said("There is no task "), code(clipped(task, 64)), said("; "), *_named(known))


def _cure(name: str, problem: str, known: Collection[str]) -> Text:
    return (said(f"{problem.capitalize()}: write "), code(COMMANDS[name].usage(name)), said("; "), *_named(known))


def _named(known: Collection[str]) -> Text:
    names = sorted(known)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (said("known: "), words(", ".join(names[:MOST_NAMED]) or "no task"), said(f"{more}."))


def request(asked: Asked, name: str) -> dict[str, Any] | None:
    """What a command leaves in the daemon's inbox under that name; None for one that leaves nothing."""
    match asked.name:
        case "pause" | "resume" | "cancel" | "retry" as order:
            return {"kind": "order", "order": Order(order), "task": asked.task}
        case "accept" | "reject" as verdict:
            return {"kind": "review", "task": asked.task, "verdict": verdict, "reason": asked.text}
        case "say":
            return {"kind": "say", "task": asked.task, "text": asked.text, "id": name, "by": "telegram"}
        case "report":
            return {"kind": "report"}
    return None


def listed() -> list[tuple[str, str]]:
    """Each command with what it is for, as Telegram is told."""
    return [(name, form.help) for name, form in COMMANDS.items()]


def told() -> Text:
    """What /help says."""
    lines = [span for name, form in COMMANDS.items() for span in (code(form.usage(name)), said(f": {form.help}\n"))]
    return (*lines, said("\nA question is answered by a reply to its message, or by a button under it."))
