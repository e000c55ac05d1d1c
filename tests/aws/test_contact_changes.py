"""Whatever stands in a contact: no change takes away more than what is dead."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifyd.aws.contact_changes import Change, without_device
from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress
from notifyd.core.dynamodb_json import decode_item, typed_value

DEAD = DeadAddress("ann", Channel.PUSH_IOS, "t1", since_s=1_000.0)
TIMES = (
    st.none() | st.integers(990, 1_010) | st.floats(990, 1_010, allow_nan=False) | st.sampled_from(["soon", True])
)
DEVICES = st.fixed_dictionaries(
    {"deviceToken": st.sampled_from(["t1", "t2"]), "platform": st.sampled_from(["apns", "fcm"])},
    optional={"registered_at": TIMES, "owner": st.text(max_size=3)},
)
ENTRIES = st.lists(DEVICES | st.sampled_from(["t1", 7, None]), max_size=6)


def applied(tokens: dict[str, Any], change: Change | None) -> list[Any]:
    """The entries as DynamoDB leaves them, whose places are those before the update."""
    if change is None:
        left = tokens
    elif "L" in tokens:
        gone = {int(place) for place in re.findall(r"#tokens\[(\d+)\]", change.update)}
        assert all(change.values[f":seen{place}"] == tokens["L"][place] for place in gone)
        assert change.condition.count(" = ") == len(gone)
        left = {"L": [entry for place, entry in enumerate(tokens["L"]) if place not in gone]}
    else:
        assert change.values[":seen"] == tokens
        left = change.values[":left"]
    plain = decode_item(json.dumps({"tokens": left}).encode())["tokens"]
    entries: list[Any] = json.loads(plain) if isinstance(plain, str) else plain
    return entries


def is_dead(entry: Any) -> bool:
    if not isinstance(entry, dict) or (entry["deviceToken"], entry["platform"]) != ("t1", "apns"):
        return False
    match entry.get("registered_at"):
        case None:
            return True
        case bool() | str():
            return False
        case registered_s:
            rounded_s = 1 if registered_s == int(registered_s) else 0
            return bool(registered_s + rounded_s <= DEAD.since_s)


@given(entries=ENTRIES, as_text=st.booleans())
def test_what_is_left_is_all_that_is_not_dead_in_its_order(entries: list[Any], *, as_text: bool) -> None:
    tokens = typed_value(json.dumps(entries) if as_text else entries)
    left = applied(tokens, without_device(tokens, DEAD))
    assert left == [entry for entry in entries if not is_dead(entry)]


@given(entries=ENTRIES, as_text=st.booleans())
def test_nothing_registered_after_the_moment_goes(entries: list[Any], *, as_text: bool) -> None:
    tokens = typed_value(json.dumps(entries) if as_text else entries)
    left = applied(tokens, without_device(tokens, DEAD))
    later = [
        entry
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("registered_at"), float | int)
        and entry["registered_at"] > DEAD.since_s
    ]
    assert [entry for entry in left if entry in later] == later


def test_an_attribute_of_another_kind_is_left_alone() -> None:
    for value in ({}, {"N": "7"}, {"S": "no JSON"}, {"S": '{"deviceToken": "t1"}'}, {"SS": ["t1"]}):
        assert without_device(value, DEAD) is None
