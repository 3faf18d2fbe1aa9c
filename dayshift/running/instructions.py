"""What an agent is told at the start: its task, what to read, the rules, and where to leave what it made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

import jinja2
from jinja2 import meta

from dayshift.home import Home, shipped_config
from dayshift.inputs import documents
from dayshift.inputs.documents import BadDocument, Problem
from dayshift.model import Task
from dayshift.money import shown

#: as in the shipped template
LESSONS = """\
## Lessons from earlier days

The person wrote these after they had reviewed work like yours. Heed them. Where one of them and the task differ, the
task holds. They lift no rule on this page.

{}
"""


@dataclass(frozen=True, slots=True)
class Documents:
    """The four documents the instructions are made of, as the person keeps them."""

    template: str
    template_file: str  #: named in messages
    rules: str
    patterns: str
    quality: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where one agent works and leaves things."""

    workspace: Path

    @property
    def repo(self) -> Path:
        return self.workspace / "repo"

    @property
    def summary(self) -> Path:
        return self.workspace / "summary.md"

    @property
    def question(self) -> Path:
        return self.workspace / "io" / "question.md"

    def of(self, deliverable: str) -> str:
        """The path an agent in its worktree writes a deliverable to: its own workspace's are absolute."""
        folder, *rest = PurePosixPath(deliverable).parts
        return str(self.workspace.joinpath(*rest[1:])) if folder == "agent_workspaces" else deliverable


def read_documents(home: Home) -> Documents:
    """The home's documents; one that is not there is taken from the installation. BadDocument if one is unreadable."""
    template = _chosen(home, "agent_instructions.md")
    return Documents(
        template=documents.read(template),
        template_file=str(template),
        rules=documents.read(_chosen(home, "orchestrator_rules.md")),
        patterns=documents.read(_chosen(home, "task_execution_patterns.md")),
        quality=documents.read(_chosen(home, "code_quality_standards.md")),
    )


def _chosen(home: Home, name: str) -> Path:
    own = home.config / name
    return own if own.exists() or own.is_symlink() else shipped_config() / name


def render(
    task: Task, context: Mapping[str, str], parts: Documents, places: Places, earlier: str = "", lessons: str = ""
) -> str:  # fmt: skip
    """The instructions for a task; `context` maps a context file's path to its text, `earlier` says what failed before.

    `lessons` are bullets. A template that does not ask for them has them at its end. BadDocument names the line of the
    template that cannot be filled in.
    """
    try:
        text = _template(parts.template).render(
            task=task,
            cap=shown(task.max_cost) if task.max_cost is not None else "",
            deliverables=[places.of(path) for path in task.deliverables],
            context=[{"path": path, "fenced": fenced(text)} for path, text in context.items()],
            rules=parts.rules.strip(),
            patterns=parts.patterns.strip(),
            quality=parts.quality.strip(),
            places=places,
            earlier=fenced(earlier) if earlier.strip() else "",
            lessons=lessons,
        )
        if lessons and not _asks_for_lessons(parts.template):
            return f"{text.rstrip()}\n\n{LESSONS.format(lessons)}"
        return text
    except Exception as error:  # a template is a small program of the person's: it can fail in any way
        line = getattr(error, "lineno", None) or _line(error.__traceback__)
        told = f"cannot be filled in: {error}; mend it, or remove the file to use the one that came with dayshift"
        raise BadDocument([Problem(parts.template_file, line, "", told)]) from error


def fenced(text: str) -> str:
    """The text as a Markdown code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def _template(text: str) -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(text)


def _asks_for_lessons(template: str) -> bool:
    """Whether the person's own template knows of lessons; one from before there were any does not."""
    return "lessons" in meta.find_undeclared_variables(jinja2.Environment().parse(template))


def _line(traceback: TracebackType | None) -> int:
    """The template's line an error came from; 0 if it is not known."""
    line = 0
    while traceback:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
