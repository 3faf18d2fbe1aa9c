"""An agent's question put to the person: as text, and at a terminal with its options under the arrow keys."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from dayshift.markdown import clean

OWN_WORDS, SKIP = "other: type it", "skip it for now"
HOW = "(Alt-Enter, or Esc and then Enter, ends the answer)"

Open = dict[str, Any]  #: a waiting task's question, with where its answer belongs


def open_question(status: dict[str, Any]) -> Open:
    """A waiting task's question with where its answer belongs."""
    task_id = status["task_id"]
    return {
        "task_id": task_id,
        "name": status["name"],
        **status["question"],
        "answer_file": f"agent_questions/{task_id}-answer.md",
        "command": f"dayshift answer {task_id}",
    }


def shown(question: Open) -> str:
    """The question for a person's eyes."""
    words = "TEXT or NUMBER" if question["options"] else "TEXT"
    options = [f"    {number}. {_line(option)}" for number, option in enumerate(question["options"], 1)]
    ways = [f"  as asked:  {question['file']}", f"  answer in: {question['answer_file']}",
            f"  or with:   {question['command']} {words!r}"]  # fmt: skip
    return "\n".join([*_put(question), *options, "", *ways])


def put(question: Open) -> str:
    """The question alone, for somebody who is about to answer it."""
    return "\n".join(_put(question))


def _put(question: Open) -> list[str]:
    text = [f"  {line}".rstrip() for line in clean(question["text"]).splitlines()]
    return [f"{question['task_id']} ({_line(question['name'])}) asks, question {question['number']}:", "", *text]


def _line(text: str) -> str:
    return " ".join(clean(text).split())


# --- at a terminal ---------------------------------------------------------------------------------


def interactive() -> bool:
    """Whether a person is there, to see and to type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def which(questions: Sequence[Open]) -> Open:
    """The question the person chooses to answer. KeyboardInterrupt if they leave."""
    rows = [f"{each['task_id']} ({_line(each['name'])}): {_line(each['text'])[:80]}" for each in questions]
    return questions[_chosen("Which question?", rows)]


def answer(question: Open, wrong: Callable[[str], str], may_skip: bool = False) -> str | None:
    """The person's answer, typed or chosen; None if they skip it. `wrong` says why an answer would not be taken."""
    options = [_line(option) for option in question["options"]]
    if not options and not may_skip:
        return _typed(wrong)
    rows = [*options, OWN_WORDS if options else "type an answer", *([SKIP] if may_skip else [])]
    number = _chosen("Answer:", rows)
    if number < len(options):
        return _words_for(question["options"], number)
    return _typed(wrong) if number == len(options) else None


def _words_for(options: Sequence[str], number: int) -> str:
    """What stands for that option in an answer: its number, unless that is what another option says."""
    digits = str(number + 1)
    return options[number] if digits in options else digits


def _chosen(question: str, rows: Sequence[str]) -> int:
    import questionary  # here, because only a person at a terminal needs it

    choices = [questionary.Choice([("", row)], value=number) for number, row in enumerate(rows)]
    number: int = questionary.select(question, choices, instruction="(arrow keys, then Enter)").unsafe_ask()
    return number


def _typed(wrong: Callable[[str], str]) -> str:
    import questionary

    asked = questionary.text("Your answer:", multiline=True, instruction=HOW, validate=lambda text: wrong(text) or True)
    text: str = asked.unsafe_ask()
    return text
