from __future__ import annotations

from typing import Any

import pytest

from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.pattern import PatternError


@pytest.mark.parametrize(
    ("patterns", "inserts_only"),
    [
        ([{"eventName": ["INSERT"]}], True),
        ([{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"a": {"S": ["x"]}}}}], True),
        ([{"eventName": ["INSERT"]}, {"dynamodb": {"Keys": {"a": {"S": ["x"]}}}}], False),
        ([{"eventName": ["INSERT", "MODIFY"]}], False),
        ([{"eventName": [{"prefix": "INSERT"}]}], False),
        ([{"$or": [{"eventName": ["INSERT"]}, {"eventName": ["MODIFY"]}]}], False),
    ],
)
def test_only_inserts_get_through_where_every_pattern_says_so(
    patterns: list[dict[str, Any]], *, inserts_only: bool
) -> None:
    assert compile_filter_criteria(patterns, SourceKind.DYNAMODB).inserts_only is inserts_only


WRONG: list[tuple[list[object], SourceKind, tuple[str | int, ...], str]] = [
    ([], SourceKind.DYNAMODB, (), "at least one pattern"),
    ([{"eventNam": ["INSERT"]}], SourceKind.DYNAMODB, (0, "eventNam"), "eventName"),
    ([{"dynamodb": {"Keys": {"a": {"S": ["x"]}}}}], SourceKind.KINESIS, (0, "dynamodb", "Keys", "a", "S"), "data"),
    ([{"eventName": ["INSERT"]}, {"data": "x"}], SourceKind.KINESIS, (0, "eventName"), "data, partitionKey"),
    (
        [{"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"NewImage": {"a": {"N": [{"numeric": ["=", 1]}]}}}}]}],
        SourceKind.DYNAMODB,
        (0, "dynamodb", "NewImage", "a", "N"),
        "DynamoDB's numbers are strings",
    ),
]


@pytest.mark.parametrize(("patterns", "kind", "path", "mend"), WRONG)
def test_criteria_that_can_never_let_anything_through_are_refused(
    patterns: list[object], kind: SourceKind, path: tuple[str | int, ...], mend: str
) -> None:
    with pytest.raises(PatternError) as refused:
        compile_filter_criteria(patterns, kind)
    first = refused.value.faults[0]
    assert first.path == path
    assert mend in first.mend


def test_all_faults_of_all_patterns_are_told() -> None:
    with pytest.raises(PatternError) as refused:
        compile_filter_criteria([{"data": "x"}, {"data": []}, {"other": ["x"]}], SourceKind.KINESIS)
    assert [fault.path for fault in refused.value.faults] == [(0, "data"), (1, "data"), (2, "other")]
