"""What is wrong with a config, in the operator's words: one line a fault, with its place, value and mend."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from notifyd.errors import Fault
from notifyd.yaml_lines import Loc, dotted

# Pydantic's errors of which the value itself would say nothing (or too much: it may hold a whole section).
_SHAPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_VALUE_CHARS_MAX = 80


def validation_faults(error: ValidationError, model: type[BaseModel], where: Callable[[Loc], str]) -> list[Fault]:
    """`where` turns a key's path into file:line, or into the variable that set it."""
    found = error.errors(include_url=False)
    # A list whose entries are all wrong counts as empty, too: its entries' faults say it better.
    inner = {details["loc"][:depth] for details in found for depth in range(len(details["loc"]))}
    return [
        _fault(details, model, where)
        for details in found
        if not (details["type"] == "too_short" and details["loc"] in inner)
    ]


def nearest(name: str, known: list[str]) -> str:
    """The mend for a name that nobody knows."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"write {close[0]!r}" if close else f"known here: {', '.join(sorted(known))}"


def _fault(details: ErrorDetails, model: type[BaseModel], where: Callable[[Loc], str]) -> Fault:
    loc: Loc = tuple(part for part in details["loc"] if part != "[key]")
    kind, message, context = details["type"], details["msg"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(model, loc[:-1])
        return Fault(where(loc), f"unknown key {dotted(loc)!r}", nearest(str(loc[-1]), known))
    if kind == "missing":
        return Fault(where(loc), f"{dotted(loc)} is missing", "add it")
    if kind == "too_short":
        return Fault(where(loc), f"{dotted(loc)} is empty", "add an entry")
    if kind == "wrong":
        loc = (*loc, *context["key"].split(".")) if context["key"] else loc
        return Fault(where(loc), f"{dotted(loc)} {context['what']}", str(context["mend"]))
    if kind in _SHAPES:
        return Fault(where(loc), f"{dotted(loc)} is not {_SHAPES[kind]}", f"make it {_SHAPES[kind]}")
    mend = message.replace("Input should", "it should")
    return Fault(where(loc), f"{dotted(loc)} is {_shown(details['input'])}", mend[:1].lower() + mend[1:])


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}…"


def _known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    inner: type[BaseModel] | None = model
    for part in loc:
        field = inner.model_fields.get(str(part)) if inner else None
        # A list's index and a mapping's key have no field: the model found last is the one of the entries.
        inner = _model_in(field.annotation) if field else inner
    return list(inner.model_fields) if inner else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
