"""The mailbox between agents and the person: one file asked, one answered, both archived.

Joins what tells whether the person is still writing.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from dayshift import files
from dayshift.clock import rfc3339
from dayshift.conversation import Answer, Question
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.mailbox.unfinished import is_being_written, is_unfinished
from dayshift.markdown import clean


class Rejected(Exception):
    """An answer file that is no answer; the message says why and what to do. The question stays open."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """agent_questions/ of one home."""

    home: Home

    def question_file(self, task_id: str) -> Path:
        return self.home.questions / f"{task_id}.md"

    def answer_file(self, task_id: str) -> Path:
        return self.home.questions / f"{task_id}-answer.md"

    def publish(self, question: Question) -> None:
        """Put the question where the person finds it; what is left there from an earlier one is set aside."""
        self._set_aside(question.task_id, f"{question.task_id}-before-{question.number}")
        files.write_atomically(self.question_file(question.task_id), rendered(question))
        passing("question.published")

    def lies_open(self, question: Question) -> bool:
        """Whether this very question lies before the person; an answer beside it is an answer to it."""
        try:
            text = files.read_untrusted(self.question_file(question.task_id))
        except (OSError, files.Refused):
            return False
        return f"question: {question.number}" in text.split("\n---\n", 1)[0].splitlines()

    def left_over(self, question: Question) -> bool:
        """Whether of a question that is closed something lies there still: whoever put it away died over it."""
        asked, answered = self.question_file(question.task_id), self.answer_file(question.task_id)
        return self.lies_open(question) or (os.path.lexists(answered) and not os.path.lexists(asked))

    def submit(self, task_id: str, text: str, by: str) -> bool:
        """Write the answer file unless somebody did before; False then. `by` names the door it came through."""
        content = text.rstrip("\n") + "\n"
        if not os.path.lexists(self.answer_file(task_id)):  # before the answer: a daemon may take that up at once
            files.write_atomically(self._door_file(task_id), f"{by}\n{content}", durable=False)
            passing("answer.announced")
        accepted = files.publish_once(self.answer_file(task_id), content)
        passing("answer.published")
        return accepted

    def door(self, task_id: str) -> str:
        """Through which door the present answer came; `file` if the person wrote it by hand."""
        try:
            by, _, content = files.read_untrusted(self._door_file(task_id), 2 * files.SIZE_LIMIT).partition("\n")
            return by if files.read_untrusted(self.answer_file(task_id)) == content else "file"
        except (OSError, ValueError, files.Refused):
            return "file"

    def _door_file(self, task_id: str) -> Path:
        return self.home.questions / f".{task_id}-answered-by"

    def read_answer(self, question: Question, by: str, at: datetime) -> Answer | None:
        """The person's answer if its file is there and whole; Rejected if the file is no answer."""
        path = self.answer_file(question.task_id)
        try:
            text = files.read_untrusted(path)
            if files.is_foreign(path):
                raise files.Refused(f"{path.name} belongs to another user")
            if is_unfinished(path, text):
                return None
        except FileNotFoundError:
            return None
        except files.Refused as error:
            if is_being_written(path):  # half a character is no character yet
                return None
            raise Rejected(f"{error}; write plain text into agent_questions/{path.name}") from error
        return Answer(question.task_id, question.number, chosen(question, text), by, at)

    def archive(self, question: Question) -> None:
        """Keep question and answer under the question's number, never over what is kept already."""
        self._set_aside(question.task_id, f"{question.task_id}-{question.number}")
        passing("question.archived")
        self._door_file(question.task_id).unlink(missing_ok=True)

    def _set_aside(self, task_id: str, name: str) -> None:
        """Into the archive with both files, under one number: an answer never stands beside another question."""
        archive = self.home.questions / "archive"
        archive.mkdir(parents=True, exist_ok=True)
        asks = os.path.lexists(self.question_file(task_id))  # not if it died here after the first of the two
        asked, answered, turn = archive / f"{name}.md", archive / f"{name}-answer.md", 1
        while (asks and os.path.lexists(asked)) or os.path.lexists(answered):
            turn += 1
            asked, answered = archive / f"{name}.{turn}.md", archive / f"{name}-answer.{turn}.md"
        for path, place in ((self.question_file(task_id), asked), (self.answer_file(task_id), answered)):
            if os.path.lexists(path):
                path.rename(place)
                passing("question.moved")


def chosen(question: Question, text: str) -> str:
    """The answer in words: an option's number stands for the option. Rejected if there are no words."""
    answer = text.strip()
    if not answer:
        raise Rejected(
            f"the answer to {question.task_id} is empty; write it into agent_questions/{question.task_id}-answer.md"
        )
    if answer.isdecimal() and question.options and answer not in question.options:
        numbered = {str(number): option for number, option in enumerate(question.options, 1)}
        if answer not in numbered:
            raise Rejected(
                f"the answer to {question.task_id} is {answer[:20]}, but the options go from 1 to {len(numbered)}"
            )
        return numbered[answer]
    return answer


def rendered(question: Question) -> str:
    """The question as a file: front matter for programs, text for the person, whose terminal it cannot steer."""
    front = {"task": question.task_id, "question": question.number, "asked_at": rfc3339(question.asked_at),
             "options": list(question.options)}  # fmt: skip
    options = "".join(f"{number}. {clean(option)}\n" for number, option in enumerate(question.options, 1))
    how = f"Answer in `{question.task_id}-answer.md` beside this file"
    how += ", in words or by an option's number." if options else "."
    matter = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{matter}---\n\n{clean(question.text).strip()}\n\n{options}\n{how}\n"


def read_from_agent(io: Path) -> str | None:
    """The question an agent left in io/question.md, or None. It stays there until the next run begins."""
    try:
        if io.is_symlink():
            raise files.Refused("io is a link")
        return files.read_untrusted(io / "question.md", limit=16 * 1024).strip() or None
    except FileNotFoundError:
        return None
    except (OSError, files.Refused) as error:
        return f"(The agent left a question that cannot be read: {error}. Tell it what to do next.)"


def clear_from_agent(io: Path) -> None:
    """Take away what io/question.md holds, whatever the agent made it."""
    if io.is_symlink():  # what it leads to is not the agent's to have removed
        io.unlink()
        io.mkdir()
    path = io / "question.md"
    if path.is_dir() and not path.is_symlink():
        files.remove_tree(path)
    else:
        path.unlink(missing_ok=True)
