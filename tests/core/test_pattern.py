"""The tables follow AWS's pages on EventBridge comparison operators and Lambda event filtering."""

from __future__ import annotations

from typing import Any

import pytest

from notifyd.core.pattern import PatternError, compile_pattern

# field's tests, the event's value, whether it passes; ABSENT leaves the field out.
ABSENT = object()
LEAF_TABLE: list[tuple[list[Any], Any, bool]] = [
    (["a"], "a", True),
    (["a"], "A", False),
    (["a", "b"], "b", True),
    (["a"], ABSENT, False),
    (["a"], None, False),
    ([""], "", True),
    ([""], ABSENT, False),
    ([""], None, False),
    ([None], None, True),
    ([None], "null", False),
    ([None], ABSENT, False),
    ([True], True, True),
    ([True], 1, False),
    ([1], True, False),
    ([0], False, False),
    ([300], 300.0, True),
    ([300], "300", False),
    (["300"], 300, False),
    (["a", 5, None, False], False, True),
    (["a", 5, None, False], 5, True),
    (["a", 5, None, False], 0, False),
    ([{"prefix": "us-"}], "us-east-1", True),
    ([{"prefix": "us-"}], "eu-us-1", False),
    ([{"prefix": "1"}], 10, False),
    ([{"prefix": {"equals-ignore-case": "EventB"}}], "eventbridge", True),
    ([{"suffix": ".png"}], "a.png", True),
    ([{"suffix": ".png"}], "a.PNG", False),
    ([{"suffix": {"equals-ignore-case": ".png"}}], "a.PNG", True),
    ([{"equals-ignore-case": "alice"}], "ALICE", True),
    ([{"equals-ignore-case": "alice"}], "alicia", False),
    ([{"equals-ignore-case": "1"}], 1, False),
    ([{"anything-but": "initializing"}], "running", True),
    ([{"anything-but": "initializing"}], "initializing", False),
    ([{"anything-but": "initializing"}], 5, True),
    ([{"anything-but": "initializing"}], None, True),
    ([{"anything-but": "initializing"}], ABSENT, False),
    ([{"anything-but": ["stopped", "overloaded"]}], "overloaded", False),
    ([{"anything-but": 123}], 123.0, False),
    ([{"anything-but": 1}], True, True),
    ([{"anything-but": [100, 200]}], 300, True),
    ([{"anything-but": {"prefix": "init"}}], "initializing", False),
    ([{"anything-but": {"prefix": "init"}}], "running", True),
    ([{"anything-but": {"prefix": ["a", "b"]}}], "bc", False),
    ([{"anything-but": {"suffix": ".png"}}], "a.png", False),
    ([{"anything-but": {"suffix": ".png"}}], 5, True),
    ([{"anything-but": {"equals-ignore-case": "INIT"}}], "init", False),
    ([{"numeric": ["=", 100]}], 100.0, True),
    ([{"numeric": ["=", 1]}], True, False),
    ([{"numeric": ["=", 100]}], "100", False),
    ([{"numeric": ["<", 10]}], 9.99, True),
    ([{"numeric": ["<", 10]}], 10, False),
    ([{"numeric": ["<=", 10]}], 10, True),
    ([{"numeric": [">", 10, "<=", 20]}], 20, True),
    ([{"numeric": [">", 10, "<=", 20]}], 10, False),
    ([{"numeric": [">=", 10, "<", 20]}], 10, True),
    ([{"exists": True}], "x", True),
    ([{"exists": True}], None, True),
    ([{"exists": True}], ABSENT, False),
    # `exists` sees leaves only: neither an object nor an empty list is one.
    ([{"exists": True}], {"below": 1}, False),
    ([{"exists": True}], [], False),
    ([{"exists": True}], [0], True),
    ([{"exists": False}], ABSENT, True),
    ([{"exists": False}], "x", False),
    ([{"exists": False}], {"below": 1}, True),
    (["a", {"exists": False}], ABSENT, True),
    (["a", {"exists": False}], "a", True),
    (["a", {"exists": False}], "b", False),
    # A list passes when any element does.
    (["a"], ["x", "a"], True),
    (["a"], ["x", "y"], False),
    (["a"], [], False),
    (["a"], [["x"], [["a"]]], True),
    ([{"anything-but": "a"}], ["a", "b"], True),
    ([{"anything-but": "a"}], ["a"], False),
    ([{"numeric": [">", 5]}], [1, 9], True),
    (["a"], {"a": "a"}, False),
]


@pytest.mark.parametrize(("tests", "value", "passes"), LEAF_TABLE)
def test_a_leaf_passes_as_aws_describes(tests: list[Any], value: object, *, passes: bool) -> None:
    event = {} if value is ABSENT else {"field": value}
    assert compile_pattern({"field": tests}).matches(event) is passes


SOURCE_OR = {
    "source": ["aws.cloudwatch"],
    "$or": [
        {"metricName": ["CPUUtilization", "ReadLatency"]},
        {
            "metricType": ["MetricType"],
            "namespace": ["AWS/EC2"],
            "$or": [{"metricId": [1234]}, {"spaceId": [1000]}],
        },
        {"scope": ["Service"]},
    ],
}
NESTED = {"source": ["s"], "detail": {"user": {"country": [{"prefix": "D"}]}}}
NAME = {"people": {"first": ["Anna"], "last": ["Jones"]}}
OBJECT_TABLE: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (NESTED, {"source": "s", "detail": {"user": {"country": "DE"}}}, True),
    (NESTED, {"source": "s", "detail": {"user": {"country": "FR"}}}, False),
    (NESTED, {"source": "t", "detail": {"user": {"country": "DE"}}}, False),
    (NESTED, {"source": "s", "detail": {"user": "DE"}}, False),
    (NESTED, {"source": "s"}, False),
    ({"detail": {"gone": [{"exists": False}]}}, {}, True),
    ({"detail": {"gone": [{"exists": False}]}}, {"detail": 5}, True),
    ({"detail": {"gone": [{"exists": False}]}}, {"detail": {"gone": 1}}, False),
    (SOURCE_OR, {"source": "aws.cloudwatch", "metricName": "ReadLatency"}, True),
    (SOURCE_OR, {"source": "other", "metricName": "ReadLatency"}, False),
    (SOURCE_OR, {"source": "aws.cloudwatch", "scope": "Service"}, True),
    (SOURCE_OR, {"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/EC2"}, False),
    (
        SOURCE_OR,
        {"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/EC2", "spaceId": 1000},
        True,
    ),
    # The fields of one object hold in the same element of a list of objects.
    (NAME, {"people": [{"first": "Anna", "last": "Jones"}]}, True),
    (NAME, {"people": [{"first": "Anna", "last": "Smith"}, {"first": "Bob", "last": "Jones"}]}, False),
    (NAME, {"people": [[{"first": "Bob", "last": "Jones"}], [{"first": "Anna", "last": "Jones"}]]}, True),
    (NAME, {"people": ["Anna", "Jones"]}, False),
]


@pytest.mark.parametrize(("pattern", "event", "passes"), OBJECT_TABLE)
def test_objects_and_alternatives_pass_as_aws_describes(
    pattern: dict[str, Any], event: dict[str, Any], *, passes: bool
) -> None:
    assert compile_pattern(pattern).matches(event) is passes


WRONG_TABLE: list[tuple[object, tuple[str | int, ...], str]] = [
    ("source", (), "object of fields"),
    ({}, (), "at least one field"),
    ({"a": {}}, ("a",), "at least one field"),
    ({"a": "x"}, ("a",), "list of tests"),
    ({"a": []}, ("a",), "list of tests"),
    ({"a": [["x"]]}, ("a", 0), "a test is"),
    ({"a": [{"prefx": "x"}]}, ("a", 0, "prefx"), "known operators: anything-but, equals-ignore-case, exists"),
    ({"a": [{"prefix": "x", "suffix": "y"}]}, ("a", 0), "one operator a test"),
    ({"a": [{}]}, ("a", 0), "one operator a test"),
    ({"a": ["x", {"prefix": 5}]}, ("a", 1, "prefix"), "takes a string"),
    ({"a": [{"suffix": {"prefix": "x"}}]}, ("a", 0, "suffix"), "equals-ignore-case"),
    ({"a": [{"exists": "yes"}]}, ("a", 0, "exists"), "true or false"),
    ({"a": [{"anything-but": []}]}, ("a", 0, "anything-but"), "a string, a number"),
    ({"a": [{"anything-but": None}]}, ("a", 0, "anything-but"), "a string, a number"),
    ({"a": [{"anything-but": {"numeric": [1]}}]}, ("a", 0, "anything-but"), "takes one of"),
    ({"a": [{"anything-but": {"prefix": 5}}]}, ("a", 0, "anything-but", "prefix"), "takes a string"),
    ({"a": [{"anything-but": {"prefix": []}}]}, ("a", 0, "anything-but", "prefix"), "at least one"),
    ({"a": [{"numeric": ["~", 5]}]}, ("a", 0, "numeric"), "numeric takes"),
    ({"a": [{"numeric": ["<", "5"]}]}, ("a", 0, "numeric"), "numeric takes"),
    ({"a": [{"numeric": [">", 5, "<"]}]}, ("a", 0, "numeric"), "numeric takes"),
    ({"a": [{"numeric": ["<", 1, ">", 5]}]}, ("a", 0, "numeric"), "lower bound"),
    ({"a": [{"numeric": [">", 5, "<", 5]}]}, ("a", 0, "numeric"), "lower bound"),
    ({True: ["x"]}, ("True",), "put it in quotes"),
    ({"$or": [{"a": ["x"]}]}, ("$or",), "two or more"),
    ({"$or": [{"a": ["x"]}, {"b": 5}]}, ("$or", 1, "b"), "list of tests"),
]


@pytest.mark.parametrize(("pattern", "path", "mend"), WRONG_TABLE)
def test_a_wrong_pattern_is_refused_with_its_place_and_what_would_be_right(
    pattern: object, path: tuple[str | int, ...], mend: str
) -> None:
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)
    (fault,) = refused.value.faults
    assert fault.path == path
    assert mend in fault.mend


def test_every_fault_of_a_pattern_is_told_at_once() -> None:
    with pytest.raises(PatternError) as refused:
        compile_pattern({"a": "x", "b": {"c": [{"prefix": 1}]}, "$or": []})
    assert [fault.path for fault in refused.value.faults] == [("a",), ("b", "c", 0, "prefix"), ("$or",)]


def test_a_pattern_nested_without_end_is_refused() -> None:
    pattern: dict[str, Any] = {"a": ["x"]}
    for _ in range(5_000):
        pattern = {"a": pattern}
    with pytest.raises(PatternError, match="nest at most"):
        compile_pattern(pattern)


def test_exact_values_are_known_only_where_nothing_else_gets_through() -> None:
    pattern = compile_pattern({"source": ["a", "b"], "detail-type": ["x", {"prefix": "y"}]})
    assert pattern.exact_values("source") == frozenset({"a", "b"})
    assert pattern.exact_values("detail-type") is None
    assert pattern.exact_values("detail") is None


def test_a_pattern_knows_which_parts_of_an_event_it_looks_at() -> None:
    pattern = compile_pattern({"$or": [{"a": {"b": ["x"]}}, {"c": [{"exists": True}]}]})
    assert pattern.looks_at("a")
    assert pattern.looks_at("a", "b")
    assert pattern.looks_at("c", "d")
    assert not pattern.looks_at("a", "e")
    assert not pattern.looks_at("d")
