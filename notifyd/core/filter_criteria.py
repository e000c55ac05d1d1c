"""filter_criteria: Lambda's patterns over Lambda's record form, put to a record before anything else is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

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


def compile_filter_criteria(patterns: Sequence[object], kind: SourceKind) -> FilterCriteria:
    """Raises PatternError with every fault; its paths start with the pattern's index."""
    faults: list[PatternFault] = []
    compiled: list[Pattern] = []
    for index, source in enumerate(patterns):
        try:
            pattern = compile_pattern(source)
        except PatternError as error:
            faults += [PatternFault((index, *fault.path), fault.value, fault.mend) for fault in error.faults]
        else:
            compiled.append(pattern)
            faults += _never_true(pattern, kind, index)
    if not patterns:
        faults.append(PatternFault((), [], "name at least one pattern, or none and no filter_criteria at all"))
    if faults:
        raise PatternError(faults)
    return FilterCriteria(kind, tuple(compiled))


def _never_true(pattern: Pattern, kind: SourceKind, index: int) -> Iterator[PatternFault]:
    for at, test in _tests(pattern.source, ()):
        if at[0] not in _FIELDS[kind]:
            known = ", ".join(_FIELDS[kind])
            yield PatternFault((index, *at), test, f"a {kind} record has only these fields at its top: {known}")
        elif at[0] == "dynamodb" and isinstance(test, dict) and "numeric" in test:
            yield PatternFault(
                (index, *at),
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


def lambda_form(record: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB stream record as Lambda shows it: the stream itself writes `PrincipalId` and `Type`."""
    identity = record.get("userIdentity")
    if isinstance(identity, dict):
        record["userIdentity"] = {name[:1].lower() + name[1:]: value for name, value in identity.items()}
    return record
