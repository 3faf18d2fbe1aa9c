"""Where the settings come from: config/orchestrator.yaml, overridden by DAYSHIFT_ variables."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dayshift.home import Home
from dayshift.inputs import document_shape, document_yaml, documents
from dayshift.inputs.documents import BadDocument, Problem
from dayshift.inputs.settings import Section, Settings

PREFIX = "DAYSHIFT_"
NOT_SETTINGS = ("DAYSHIFT_HOME",)


def load_settings(home: Home, environment: Mapping[str, str]) -> Settings:
    """The settings in force; BadDocument names every wrong line and variable. No file: the defaults.

    An empty variable counts as not set; `null`, [lists] and {mappings} are read as YAML, the rest is text.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for read in _sources(home, environment):
        try:
            found = _overlaid(found, read())
        except BadDocument as error:
            problems += error.problems
    if problems:
        raise BadDocument(problems)
    return Settings.model_validate(found)


def _sources(home: Home, environment: Mapping[str, str]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Readers of the file and of each variable, the later ones to win."""
    yield partial(_from_file, home.config / "orchestrator.yaml")
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and text:
            yield partial(_from_variable, name, text)


def _from_file(path: Path) -> dict[str, Any]:
    if not (path.exists() or path.is_symlink()):
        return {}
    data, lines = document_yaml.load(path)
    if isinstance(data, dict) and isinstance(data.get("notify"), list):  # the short form: channels and nothing else
        data["notify"] = {"channels": data["notify"]}
        lines |= {("notify", "channels", *place[1:]): line for place, line in lines.items() if place[:1] == ("notify",)}
    return _checked({} if data is None else data, lines, str(path))


def _from_variable(name: str, text: str) -> dict[str, Any]:
    """One variable as a document of one key, so that its errors carry its name."""
    places = variables()
    if name not in places:
        raise BadDocument([Problem(name, 0, "", f"is no setting; {documents.suggestion(name, places)}")])
    data = document_yaml.parse(text, name)[0] if text == "null" or text.startswith(("[", "{")) else text
    for key in reversed(places[name]):
        data = {key: data}
    return _checked(data, {}, name)


def variables() -> dict[str, tuple[str, ...]]:
    """Every environment variable that is a setting, and the keys it stands for."""
    places: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            places += [(name, key) for key in field.annotation.model_fields]
        else:
            places.append((name,))
    return {PREFIX + "__".join(place).upper(): place for place in places}


def _checked(data: Any, lines: documents.Lines, file: str) -> dict[str, Any]:
    """The data as it was written, once it is known to be good."""
    document_shape.validate(Settings, data, lines, file)
    good: dict[str, Any] = data
    return good


def _overlaid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both, the second winning key by key, also inside a section."""
    return under | {
        key: under.get(key, {}) | value if isinstance(value, dict) else value for key, value in over.items()
    }
