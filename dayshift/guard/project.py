"""The tasks of a project, out of the files that name them: make targets, package scripts, just and Taskfile recipes."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

from dayshift.guard import makefile
from dayshift.guard.scope import Scope
from dayshift.inputs.document_yaml import SAFE_LOADER


@dataclass(frozen=True, slots=True)
class Task:
    """A task's shell text, with the folder and the variables it runs in."""

    text: str
    folder: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


SCRIPTS = frozenset(("npm", "yarn", "pnpm", "bun", "npm-run-all", "run-s", "run-p", "turbo", "lerna", "nx"))
IN_PYPROJECT = {
    "poe": ("tool", "poe", "tasks"), "pdm": ("tool", "pdm", "scripts"), "rye": ("tool", "rye", "scripts"),
    "hatch": ("tool", "hatch", "envs", "default", "scripts"), "pixi": ("tool", "pixi", "tasks"),
}  # fmt: skip
FOLDER_OPTIONS = ("-C", "--directory", "--dir", "-d", "--prefix", "--cwd", "--project-directory")
OF_MAKE = frozenset(
    ("-C", "--directory", "-f", "--file", "--makefile", "-I", "--include-dir", "-o", "--old-file", "-W", "--what-if",
     "-l")
)  # fmt: skip  #: options of make that take the next word
LONGEST = 100_000
MOST_STEPS = 60


def tasks(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[Task]:
    """Every script the call runs, as far as the project's files can be read and say so."""
    find = _RUNNERS.get(name)
    if find is None:
        return
    folder = _folder(args)
    place = scope.inside(folder, {})
    given = dict(word.split("=", 1) for word in args if re.match(r"\w+=", word))
    wanted = [word for word in names if "=" not in word]
    for text in list(find(name, args, wanted, place))[:MOST_STEPS]:
        yield Task(text[:LONGEST], folder, given)


def remember(settings: Sequence[str], scope: Scope) -> None:
    """Keep what `npm pkg set` makes of the package's scripts."""
    package = _loaded(json.loads, _first(scope, "package.json"))
    package = package if isinstance(package, dict) else {}
    scripts = dict(_value(package, "scripts") or {})
    for name, _, text in (word.partition("=") for word in settings):
        if name.startswith("scripts."):
            scripts[name.removeprefix("scripts.")] = text
    scope.wrote(["package.json"], json.dumps(package | {"scripts": scripts}))


def _folder(args: Sequence[str]) -> str:
    for place, arg in enumerate(args):
        option, given, value = arg.partition("=")
        if option in FOLDER_OPTIONS and given:
            return value
        if arg in FOLDER_OPTIONS and place + 1 < len(args):
            return args[place + 1]
    return ""


def _first(scope: Scope, *names: str) -> str | None:
    return next((text for text in map(scope.text, names) if text is not None), None)


def _value(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _loaded(load: Callable[[str], Any], text: str | None) -> Any:
    try:
        return None if text is None else load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def _make(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    files = [after for option, after in pairwise(args) if option in ("-f", "--file", "--makefile")]
    values = [after for option, after in pairwise(args) if option in OF_MAKE]
    names = [name for name in names if name not in values]
    text = _first(scope, *(files or ("GNUmakefile", "makefile", "Makefile")))
    if text is not None:
        yield from makefile.recipes(text, names, dict(word.split("=", 1) for word in args if re.match(r"\w+=", word)))


def _package(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    scripts = _value(_loaded(json.loads, _first(scope, "package.json")), "scripts")
    if not isinstance(scripts, dict):
        return
    given = [*names, *("test" for word in args[:1] if word in ("t", "tst"))]
    for wanted in dict.fromkeys(given):
        if wanted in scripts:
            texts = [scripts.get(key) for key in (f"pre{wanted}", wanted, f"post{wanted}")]
            yield from _with_words([text for text in texts if isinstance(text, str)], args)


def _with_words(texts: list[str], args: Sequence[str]) -> list[str]:
    extra = shlex.join(args[list(args).index("--") + 1 :]) if "--" in args else ""
    return [f"{text} {extra}" if extra else text for text in texts]


def _composer(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    yield from _steps(_value(_loaded(json.loads, _first(scope, "composer.json")), "scripts"), names)


def _deno(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    text = _first(scope, "deno.json", "deno.jsonc", "package.json")
    data = _loaded(json.loads, text)
    yield from _steps(_value(data, "tasks") or _value(data, "scripts"), names)


def _pyproject(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    data = _loaded(tomllib.loads, _first(scope, "pyproject.toml"))
    yield from _steps(_value(data, *IN_PYPROJECT[name]), names)


def _pipenv(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    words = args[1:2] if args[:1] == ["run"] else ()
    yield from _steps(_value(_loaded(tomllib.loads, _first(scope, "Pipfile")), "scripts"), words)


def _mise(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    yield from _steps(_value(_loaded(tomllib.loads, _first(scope, "mise.toml", ".mise.toml")), "tasks"), names)


def _taskfile(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    text = _first(scope, "Taskfile.yml", "Taskfile.yaml", "taskfile.yml")
    data = _loaded(lambda text: yaml.load(text, Loader=SAFE_LOADER), text)
    yield from _steps(_value(data, "tasks"), names or ["default"])


def _procfile(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    lines = re.findall(r"^([\w-]+):[ \t]*(.+)$", _first(scope, "Procfile.dev", "Procfile") or "", re.MULTILINE)
    wanted = args[1:2]
    yield from (line for process, line in lines if args[:1] == ["start"] and (not wanted or process in wanted))


def _just(name: str, args: Sequence[str], names: Sequence[str], scope: Scope) -> Iterator[str]:
    text = _first(scope, "justfile", "Justfile", ".justfile")
    if text is not None:
        yield from makefile.recipes(makefile.from_just(text), names, {})


def _steps(all_tasks: Any, names: Sequence[str]) -> Iterator[str]:
    """The commands of these tasks and of the tasks they name, whatever shape the file gives them."""
    waiting, seen = list(names), set[str]()
    while waiting and len(seen) < MOST_STEPS and isinstance(all_tasks, dict):
        wanted = waiting.pop(0)
        if wanted not in seen and wanted in all_tasks:
            seen.add(wanted)
            for step in _texts(all_tasks[wanted]):
                yield step
                waiting.append(step.lstrip("@"))


def _texts(task: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(task, str):
        yield task
    elif isinstance(task, list) and depth < 4:
        for item in task[:MOST_STEPS]:
            yield from _texts(item, depth + 1)
    elif isinstance(task, dict) and depth < 4:
        for key in (
            "deps",
            "depends",
            "dependsOn",
            "cmds",
            "cmd",
            "command",
            "composite",
            "sequence",
            "shell",
            "run",
            "task",
            "ref",
        ):
            yield from _texts(task.get(key), depth + 1)


_RUNNERS: dict[str, Callable[[str, Sequence[str], Sequence[str], Scope], Iterator[str]]] = {
    **dict.fromkeys(SCRIPTS, _package), **dict.fromkeys(IN_PYPROJECT, _pyproject), "make": _make, "gmake": _make,
    "composer": _composer, "deno": _deno, "pipenv": _pipenv, "mise": _mise, "task": _taskfile, "go-task": _taskfile,
    "just": _just, "foreman": _procfile, "honcho": _procfile, "overmind": _procfile,
}  # fmt: skip
