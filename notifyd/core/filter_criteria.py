"""filter_criteria: Lambda's patterns over Lambda's record form, put to a record before anything else is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from notifyd.core.pattern import Pattern, PatternError, PatternFault, compile_pattern


class SourceKind(StrEnum):
    DYNAMODB = "dynamodb"
    KINESIS = "kinesis"


# What a record has at its top in Lambda's form, as far as the service hands it out. A test of anything else
# could never pass.
_FIELDS: Final[dict[SourceKind, tuple[str, ...]]] = {
    SourceKind.DYNAMODB: (
        "awsRegion",
        "dynamodb",
        "eventID",
        "eventName",
        "eventSource",
        "eventVersion",
        "userIdentity",
    ),
    SourceKind.KINESIS: ("data", "partitionKey"),
}


class FilterCriteria:
    """Lets a record through when any of its patterns does."""

    __slots__ = ("_patterns", "event_name_suffices", "inserts_only", "needs_data")

    def __init__(self, kind: SourceKind, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = patterns
        self.event_name_suffices = kind is SourceKind.DYNAMODB and not any(
            pattern.looks_at(field) for pattern in patterns for field in _FIELDS[kind] if field != "eventName"
        )
        self.inserts_only = kind is SourceKind.DYNAMODB and all(
            pattern.exact_values("eventName") == frozenset({"INSERT"}) for pattern in patterns
        )
        self.needs_data = any(pattern.looks_at("data") for pattern in patterns)

    def lets_through(self, record: Mapping[str, Any]) -> bool:
        """`record` in Lambda's form; it may lack what no pattern looks at."""
        return any(pattern.matches(record) for pattern in self._patterns)


def compile_filter_criteria(criteria: object, kind: SourceKind) -> FilterCriteria:
    """From Lambda's `{"Filters": [{"Pattern": "<JSON>"}, …]}`, or a plain list of pattern objects.

    Raises PatternError with every fault.
    """
    faults: list[PatternFault] = []
    patterns: list[Pattern] = []
    for path, source in _sources(criteria, faults):
        try:
            pattern = compile_pattern(source)
        except PatternError as error:
            faults += [PatternFault((*path, *fault.path), fault.value, fault.mend) for fault in error.faults]
        else:
            patterns.append(pattern)
            faults += _never_true(pattern, kind, path)
    if faults:
        raise PatternError(faults)
    return FilterCriteria(kind, tuple(patterns))


def _sources(criteria: object, faults: list[PatternFault]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Each pattern's place and object."""
    path: tuple[str | int, ...] = ()
    if isinstance(criteria, dict) and criteria.keys() == {"Filters"}:
        path, criteria = ("Filters",), criteria["Filters"]
    if not isinstance(criteria, list) or not criteria:
        faults.append(
            PatternFault(path, criteria, 'a list of patterns is wanted, or {"Filters": [{"Pattern": …}]}')
        )
        return
    for index, entry in enumerate(criteria):
        if not (isinstance(entry, dict) and entry.keys() == {"Pattern"}):
            yield (*path, index), entry
        elif not isinstance(entry["Pattern"], str):
            yield (*path, index, "Pattern"), entry["Pattern"]
        else:
            try:
                yield (*path, index, "Pattern"), msgspec.json.decode(entry["Pattern"])
            except (ValueError, RecursionError) as error:
                faults.append(
                    PatternFault((*path, index, "Pattern"), entry["Pattern"], f"it has to be JSON: {error}")
                )


def _never_true(pattern: Pattern, kind: SourceKind, path: tuple[str | int, ...]) -> Iterator[PatternFault]:
    for at, test in _tests(pattern.source, ()):
        if at[0] not in _FIELDS[kind]:
            known = ", ".join(_FIELDS[kind])
            yield PatternFault((*path, *at), test, f"a {kind} record has only these fields at its top: {known}")
        elif at[0] == "dynamodb" and isinstance(test, dict) and "numeric" in test:
            yield PatternFault(
                (*path, *at),
                test,
                "DynamoDB's numbers are strings in a record, so numeric never passes (nor does it with Lambda): "
                "list the values as strings, or test the number in a notification type's match",
            )


def _tests(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every leaf test with the fields that lead to it; `$or` is no field."""
    for key, below in node.items():
        if key == "$or":
            for alternative in below:
                yield from _tests(alternative, path)
        elif isinstance(below, dict):
            yield from _tests(below, (*path, key))
        else:
            yield from (((*path, key), test) for test in below)
