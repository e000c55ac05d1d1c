from __future__ import annotations

import pytest

from bench.servers.expressions import Item, matching, updated

ITEM: Item = {"epoch": {"N": "10"}, "owner": {"S": "w1"}, "key": {"S": "shard#1"}}
VALUES = {":9": {"N": "9"}, ":10": {"N": "10.0"}, ":w1": {"S": "w1"}, ":w2": {"S": "w2"}, ":s": {"S": "shard#"}}


def holds(text: str) -> bool:
    names = {"#e": "epoch", "#o": "owner"}
    asked = {"it": text, "ExpressionAttributeNames": names, "ExpressionAttributeValues": VALUES}
    return matching(asked, "it")(ITEM)


@pytest.mark.parametrize(
    "text",
    [
        "#e = :10",
        "#e > :9",
        "#o <> :w2",
        "attribute_exists(#o) AND attribute_not_exists(gone)",
        "#e = :9 OR #o = :w1",
        "(#e = :9 OR #o = :w1) AND #e >= :10",
        "begins_with(key, :s)",
        "gone <> :9",
    ],
)
def test_a_condition_that_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "#e = :9",
        "#e = :w1",
        "gone = :9",
        "gone < :9",
        "attribute_not_exists(#o)",
        "#e = :10 AND #o = :w2",
        "#e = :9 AND #o = :w1 OR attribute_exists(gone)",
        "begins_with(#o, :s)",
    ],
)
def test_a_condition_that_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text", ["#e =", "#e = :10 AND", "#e = :10 #o", "contains(#e, :9)", "#e ? :9", "(#e = :9"]
)
def test_what_it_does_not_know_is_refused_and_not_passed_over(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        holds(text)


def test_an_update_reads_the_item_as_it_was_before() -> None:
    text = "SET a = epoch, epoch = epoch + :1, b = if_not_exists(gone, :x) REMOVE owner ADD count :1"
    after = updated(
        ITEM, {"UpdateExpression": text, "ExpressionAttributeValues": {":1": {"N": "1"}, ":x": {"S": "x"}}}
    )
    assert after == {
        "key": {"S": "shard#1"},
        "a": {"N": "10"},
        "epoch": {"N": "11"},
        "b": {"S": "x"},
        "count": {"N": "1"},
    }
    assert "a" not in ITEM


def test_an_expression_that_comes_again_is_read_with_its_new_names_and_values() -> None:
    for name, value in (("epoch", "1"), ("owner", "2"), ("epoch", "3")):
        asked = {
            "UpdateExpression": "SET #n = :v",
            "ExpressionAttributeNames": {"#n": name},
            "ExpressionAttributeValues": {":v": {"N": value}},
        }
        assert updated(ITEM, asked) == ITEM | {name: {"N": value}}
