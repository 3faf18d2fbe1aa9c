"""The templates of reports: the person's own version goes first, and a broken one never costs the report."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dayshift import markdown
from dayshift.money import shown
from dayshift.reporting import phrases

SHIPPED = Path(__file__).parent.parent / "templates"
FILTERS: Mapping[str, Any] = MappingProxyType({
    "plain": markdown.plain, "prose": markdown.prose, "code": markdown.code, "cell": markdown.cell,
    "block": markdown.block, "tail": markdown.tail, "is_short": markdown.is_short, "money": shown,
    "duration": phrases.duration, "counted": phrases.counted, "listed": phrases.listed, "gist": phrases.gist,
})  # fmt: skip


def render(name: str, own: Path | None, **facts: Any) -> str:
    """The named template filled in, the version in the folder `own` if there is one.

    If that fails, the shipped templates are used, and their `trouble` says in Markdown which file and line failed and
    why; it is empty otherwise. A template can read the facts and call what it is given, and reach nothing else.
    """
    trouble = ""
    if own is not None and own.is_dir():
        try:
            return _environment(own).get_template(name).render(facts, trouble="")
        except Exception as error:  # a template is a small program of the person's: it can fail in any way
            trouble = _trouble(own, name, error)
    return _environment(None).get_template(name).render(facts, trouble=trouble)


@cache
def _environment(own: Path | None) -> ImmutableSandboxedEnvironment:
    loaders: list[BaseLoader] = [FileSystemLoader(folder) for folder in (own, SHIPPED) if folder is not None]
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader(loaders), undefined=StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= FILTERS
    return environment


def _trouble(own: Path, name: str, error: Exception) -> str:
    file, line = _place(own, error)
    named = markdown.code(f"{own.parent.name}/{own.name}/{file or name}")
    where = f"line {line}: " if line else ""
    return f"**{named} could not be used** ({where}{markdown.plain(str(error))}); this is the form dayshift ships."


def _place(own: Path, error: Exception) -> tuple[str, int]:
    """The file of the person's that failed, and its line, as far as that is known."""
    if filename := getattr(error, "filename", None):
        return Path(str(filename)).name, int(getattr(error, "lineno", 0) or 0)
    return _last_line(own, error.__traceback__)


def _last_line(own: Path, traceback: TracebackType | None) -> tuple[str, int]:
    found = ("", 0)
    while traceback:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if path.parent == own:
            found = path.name, traceback.tb_lineno
        traceback = traceback.tb_next
    return found
