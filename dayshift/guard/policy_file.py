"""The policy as the person writes it: config/policy.yaml, checked and compiled."""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dayshift.guard.policy import Forms, Pattern, Policy, Rule
from dayshift.inputs.document_yaml import SAFE_LOADER


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


class _Own(_Entry):
    """A rule of the person's: forms of calls, or globs of paths, with examples that prove it."""

    id: Name
    forbid: Annotated[list[Line], Field(min_length=1)]
    why: Line
    instead: Line
    match: list[Line] = []
    no_match: list[Line] = []


class _File(_Entry):
    rules: list[_Rule]
    tools: list[Line]
    git: dict[str, _Forms | None]
    database_clients: list[Line]
    programs: dict[str, _Forms]
    script_names: _Scripts
    database_code: list[Expression]
    subcommands: list[Expression] = []
    options: list[Expression] = []
    database_addresses: list[Expression] = []
    protected_paths: list[Line]
    commands: list[_Own] = []
    paths: list[_Own] = []

    @model_validator(mode="after")
    def _rules_exist(self) -> "_File":
        ids = [rule.id for rule in self.rules] + [own.id for own in (*self.commands, *self.paths)]
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
    own = item["loc"][:1] in (("commands",), ("paths",))
    shape = "an entry has id, forbid, why, instead, and may have match and no_match"
    cure = {"extra_forbidden": "; remove it or correct its spelling"}.get(item["type"], "")
    if own and (cure or item["type"] in ("missing", "model_type", "list_type")):
        cure = f"{cure}; {shape}"
    return f"{place}: {item['msg']}{cure}"


def _compiled(file: _File) -> Policy:
    rules = {rule.id: Rule(**_tuples(rule)) for rule in file.rules}
    for own in file.commands:
        rules[own.id] = _rule(own, "a rule of this project's person forbids this command")
    for own in file.paths:
        rules[own.id] = _rule(own, "a rule of this project's person forbids writing this file", of_paths=True)
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
        subcommands=_expressions(file.subcommands),
        options=_expressions(file.options),
        addresses=_expressions(file.database_addresses),
        own=_own(file.commands),
        own_paths=tuple((own.id, tuple(own.forbid)) for own in file.paths),
    )


def _tuples(rule: _Rule) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in rule.model_dump().items()}


def _rule(own: _Own, what: str, of_paths: bool = False) -> Rule:
    return Rule(own.id, what, own.why, own.instead, tuple(own.match), tuple(own.no_match), of_paths)


def _own(commands: list[_Own]) -> dict[str, tuple[tuple[str, Forms], ...]]:
    rules: dict[str, tuple[tuple[str, Forms], ...]] = {}
    for command in commands:
        for call in command.forbid:
            program, _, form = call.strip().partition(" ")
            name = program.rsplit("/", 1)[-1]
            rules[name] = (*rules.get(name, ()), (command.id, Forms(never=(Pattern.parse(form),))))
    return rules


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
