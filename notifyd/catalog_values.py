"""Values of the catalog that are compiled as they are read, so that one reading finds every fault."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, ValidationError
from pydantic_core import InitErrorDetails

from notifyd.config_values import wrong
from notifyd.core.catalog import FilterFunction
from notifyd.core.channel import Channel
from notifyd.core.mail_fields import address_problem, header_problem, tag_problem
from notifyd.core.path import Path, PathError, compile_path
from notifyd.core.pattern import Pattern, PatternError, compile_pattern

# Where in the value, what is there, the mend.
_FoundAt = tuple[tuple[str | int, ...], str, str]

_FILTER_ARGUMENTS = ("event", "person", "facts")


def parse_pattern(value: object) -> Pattern:
    try:
        return compile_pattern(value)
    except PatternError as error:
        raise _several([(fault.path, f"is {fault.value!r}", fault.mend) for fault in error.faults]) from None


def parse_path(value: object) -> Path:
    if not isinstance(value, str):
        raise wrong(f"is {value!r}", "write a JMESPath expression, such as detail.user_id")
    try:
        return compile_path(value)
    except PathError as error:
        mend = "write one, such as detail.user_id; a name with a dash in it stands in double quotes"
        raise wrong(f"is wrong: {error}", mend) from None


def parse_default(value: object) -> bool | tuple[Channel, ...]:
    """In the form of a user's own setting."""
    if isinstance(value, bool):
        return value
    known = ", ".join(Channel)
    if not isinstance(value, list):
        raise wrong(f"is {value!r}", f"write true, false or a list of {known}")
    unknown = [(index, name) for index, name in enumerate(value) if name not in list(Channel)]
    if unknown:
        raise _several([((index,), f"is {name!r}", f"known channels: {known}") for index, name in unknown])
    return tuple(map(Channel, value))


def parse_filter(value: object) -> FilterFunction:
    """`package.module:function`; imports it, which runs the operator's code."""
    module_name, colon, function_name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (module_name and colon and function_name):
        raise wrong(f"is {value!r}", "name a function as package.module:function")
    try:
        function = getattr(import_module(module_name), function_name)
    except Exception as error:
        what = f"{value!r} cannot be imported: {type(error).__name__}: {error}"
        raise wrong(what, "name a function as package.module:function, on PYTHONPATH") from error
    if not _takes_filter_arguments(function):
        mend = f"write def {function_name}({', '.join(_FILTER_ARGUMENTS)}) -> bool"
        raise wrong(f"{value!r} is no plain function of three arguments", mend)
    checked: FilterFunction = function
    return checked


def once_each(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    if len(set(channels)) < len(channels):
        raise wrong(f"names a channel twice: {', '.join(channels)}", "name each once")
    return channels


def _fields(problem: Callable[[str, str], str | None]) -> Callable[[dict[str, str]], dict[str, str]]:
    def check(fields: dict[str, str]) -> dict[str, str]:
        found = [(name, problem(name, text)) for name, text in fields.items()]
        faults: list[_FoundAt] = [((name,), f"cannot be sent: {what}", "mend it") for name, what in found if what]
        if faults:
            raise _several(faults)
        return fields

    return check


def _sender(value: str) -> str:
    if found := address_problem(value):
        raise wrong(found, "write one line")
    return value


def _takes_filter_arguments(function: object) -> bool:
    if not inspect.isroutine(function) or inspect.iscoroutinefunction(function):
        return False
    try:
        inspect.signature(function).bind(*_FILTER_ARGUMENTS)
    except (TypeError, ValueError):
        return False
    return True


def _several(faults: Sequence[_FoundAt]) -> ValidationError:
    """Faults inside one value, each at its own place in it."""
    details = [InitErrorDetails(type=wrong(what, mend), loc=path, input=None) for path, what, mend in faults]
    return ValidationError.from_exception_data("value", details)


MatchPattern = Annotated[Pattern, PlainValidator(parse_pattern)]
EventPath = Annotated[Path, PlainValidator(parse_path)]
Default = Annotated[bool | tuple[Channel, ...], PlainValidator(parse_default)]
Filter = Annotated[FilterFunction, PlainValidator(parse_filter)]
Channels = Annotated[tuple[Channel, ...], AfterValidator(once_each)]
Headers = Annotated[dict[str, str], AfterValidator(_fields(header_problem))]
Tags = Annotated[dict[str, str], AfterValidator(_fields(tag_problem))]
Sender = Annotated[str, AfterValidator(_sender)]
