"""The policy as the person writes it: config/policy.yaml, checked and compiled."""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dayshift.documents import SAFE_LOADER
from dayshift.guard.policy import Forms, Pattern, Policy, Rule


class BadPolicy(ValueError):
    """The policy file can not be used; the message names file, field and cure."""


def _compiles(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


Expression = Annotated[str, AfterValidator(_compiles)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Line = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rule(_Entry):
    id: Name
    what: Line
    why: Line
    instead: Line
    match: list[Line] = []
    no_match: list[Line] = []


class _Forms(_Entry):
    rule: str = ""
    only: list[str] | None = None
    never: list[str] = []
    valued: list[str] = []
    options: list[str] | None = None


class _Scripts(_Entry):
    never: list[Expression]
    harmless: list[Expression] = []


class _Command(_Entry):
    id: Name
    match: Annotated[list[Line], Field(min_length=1)]
    why: Line
    instead: Line


class _File(_Entry):
    rules: list[_Rule]
    tools: list[Line]
    git: dict[str, _Forms | None]
    database_clients: list[Line]
    programs: dict[str, _Forms]
    script_names: _Scripts
    database_code: list[Expression]
    protected_paths: list[Line]
    commands: list[_Command] = []
    paths: list[Line] = []

    @model_validator(mode="after")
    def _rules_exist(self) -> "_File":
        ids = [rule.id for rule in self.rules] + [command.id for command in self.commands]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"rule ids must be unique; given twice: {', '.join(twice)}")
        missing = sorted({forms.rule for forms in self.programs.values()} - set(ids))
        missing += sorted(REQUIRED - set(ids))
        if missing:
            raise ValueError(f"rules: no rule has the id {', '.join(map(repr, missing))}; add it")
        return self


REQUIRED = frozenset(
    {"git-write", "git-files", "database", "migration", "script-name", "protected-path", "unknown-tool", "unreadable"}
)  #: the rules the guard names itself


def load_policy(path: Path) -> Policy:
    """Read and compile a policy file; raises BadPolicy with every error in it at once."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadPolicy(f"{path}: can not be read as YAML: {error}") from None
    if not isinstance(data, dict):
        raise BadPolicy(f"{path}: must be a mapping with the keys {', '.join(_File.model_fields)}")
    try:
        return _compiled(_File.model_validate(data))
    except ValidationError as error:
        raise BadPolicy("\n".join(f"{path}: {_said(item)}" for item in error.errors())) from None


def _said(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "file"
    cure = "; remove it or correct its spelling" if item["type"] == "extra_forbidden" else ""
    return f"{place}: {item['msg']}{cure}"


def _compiled(file: _File) -> Policy:
    rules = {rule.id: Rule(**_tuples(rule)) for rule in file.rules}
    for command in file.commands:
        rules[command.id] = Rule(command.id, "a command of your own rules", command.why, command.instead)
    return Policy(
        rules=rules,
        tools=frozenset(file.tools),
        clients=frozenset(file.database_clients),
        programs={name: _forms(forms) for key, forms in file.programs.items() for name in key.split()},
        git={name: _forms(forms or _Forms()) for key, forms in file.git.items() for name in key.split()},
        protected=tuple(file.protected_paths),
        scripts=_expressions(file.script_names.never),
        harmless_scripts=_expressions(file.script_names.harmless),
        drivers=_expressions(file.database_code),
        own=tuple(_own(command.id, match) for command in file.commands for match in command.match),
        own_paths=tuple(file.paths),
    )


def _tuples(rule: _Rule) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in rule.model_dump().items()}


def _own(rule: str, match: str) -> tuple[str, str, Pattern]:
    program, _, form = match.partition(" ")
    return rule, program, Pattern.parse(form)


def _forms(forms: _Forms) -> Forms:
    return Forms(
        rule=forms.rule,
        only=None if forms.only is None else tuple(map(Pattern.parse, forms.only)),
        never=tuple(map(Pattern.parse, forms.never)),
        valued=frozenset(forms.valued),
        options=None if forms.options is None else frozenset(forms.options) | frozenset(forms.valued),
    )


def _expressions(texts: list[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text, re.IGNORECASE) for text in texts)
