"""A document's data held against its model: every error told with its line and a cure."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from dayshift.inputs.documents import PROBLEMS_TOLD, BadDocument, Lines, Place, Problem, problem, suggestion

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], data: Any, lines: Lines, file: str) -> Model:
    """The data as that model; BadDocument holds every error, with line, dotted field, and how to mend it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [
            problem(file, lines, _place(each["loc"]), _message(model, each))
            for each in islice(error.errors(include_url=False), PROBLEMS_TOLD)
        ]
        if (more := error.error_count() - PROBLEMS_TOLD) > 0:
            problems.append(Problem(file, max(lines.values(), default=0), "", f"and {more} more problems"))
        raise BadDocument(problems) from error


def _place(loc: Iterable[str | int]) -> Place:
    return tuple(part for part in loc if part != "[key]")


def _message(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return f"is missing; {_example(model, error['loc'])}"
    if kind == "extra_forbidden":
        return f"is not a key here; {suggestion(str(error['loc'][-1]), _fields(_model_at(model, error['loc'][:-1])))}"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_too_short":
        return "is empty; fill it in"
    if kind in EXPECTED:
        return f"must be {EXPECTED[kind](value)}, not {_shown(value)}"
    return f"{str(error['msg']).replace('Input should be', 'must be')}, not {_shown(value)}"


EXPECTED: Mapping[str, Callable[[Any], str]] = {
    "string_type": lambda value: f'text (in quotes: "{value}")' if isinstance(value, int | float) else "text",
    "tuple_type": lambda value: f"a list ([{_shown(value)}])" if isinstance(value, str) else "a list ([a, b])",
    "dict_type": lambda value: "a mapping (`key: value` lines)",
    "model_type": lambda value: "a mapping (`key: value` lines)",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), lambda value: "a whole number"),
    **dict.fromkeys(("decimal_type", "decimal_parsing", "finite_number"), lambda value: "a number such as 20 or 7.50"),
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda value: "true or false"),
}


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _example(model: type[BaseModel], loc: Place) -> str:
    field = _fields(_model_at(model, loc[:-1])).get(str(loc[-1]))
    example = field.examples[0] if field and field.examples else "…"
    return f"write `{loc[-1]}: {example}`"


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel]:
    """The model whose keys stand at that place."""
    for part in loc:
        if field := _fields(model).get(str(part)):
            model = _model_in(field.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
