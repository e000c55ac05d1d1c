"""Reading most users' items at once gives what reading them value by value gives, or nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.channel import Channel
from notifyd.core.dynamodb_json import WrongItem, decode_item
from notifyd.core.plain_user_items import contact_of, settings_of
from notifyd.core.user import Contact, DeviceToken, ExternalChannel, UserSettings
from notifyd.core.user_items import Damage, read_contact, read_settings

TEXTS = st.sampled_from(["", "a@example.com", "apns", "fcm", "a\nb", "[]", '{"m": true}', "é"])
SCALARS = (
    st.builds(lambda text: {"S": text}, TEXTS)
    | st.builds(lambda flag: {"BOOL": flag}, st.booleans())
    | st.builds(
        lambda number: {"N": number},
        st.sampled_from(["1", "1.5", "123456789012345678", "1700000000.123456716537475585937", "1e400", "x"]),
    )
    | st.builds(lambda marks: {"SS": marks}, st.lists(TEXTS, min_size=1, max_size=2))
    | st.sampled_from([{"NULL": True}, {}, {"S": "a", "N": "1"}, {"other": 1}])
)
NAMES = st.sampled_from(["deviceToken", "platform", "registered_at", "url", "status", "more", "email", "sms", "x"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(lambda values: {"L": values}, st.lists(inner, max_size=3))
        | st.builds(lambda values: {"M": values}, st.dictionaries(NAMES, inner, max_size=4))
    ),
    max_leaves=8,
)
DEVICES = st.fixed_dictionaries(
    {"deviceToken": st.just({"S": "t"}), "platform": st.builds(lambda name: {"S": name}, TEXTS)},
    optional={"registered_at": SCALARS},
)
LISTS = st.builds(lambda entries: {"L": [{"M": entry} for entry in entries]}, st.lists(DEVICES, max_size=3))
CONTACTS = st.fixed_dictionaries(
    {},
    optional={
        "email": VALUES,
        "phone": SCALARS,
        "device_tokens": VALUES | LISTS,
        "external_channels": VALUES,
        "suppressed": VALUES,
    },
)
CHOICES = st.builds(
    lambda choices: {"M": choices},
    st.dictionaries(st.sampled_from("ab"), SCALARS | st.builds(lambda names: {"L": names}, st.lists(SCALARS))),
)
SETTINGS = st.fixed_dictionaries({}, optional={"opted_out": VALUES, "categories": VALUES | CHOICES})


def raw(item: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(json.dumps({"user_id": {"S": "u1"}, **item}).encode())


@given(CONTACTS)
def test_a_contact_is_what_each_of_its_values_says_or_is_left_alone(item: dict[str, Any]) -> None:
    contact = contact_of(raw(item))
    if contact is not None:
        damages: list[Damage] = []
        assert contact == read_contact("u1", decode_item(raw(item)), damages)
        assert not damages


@given(SETTINGS)
def test_settings_are_what_each_of_their_values_says_or_are_left_alone(item: dict[str, Any]) -> None:
    settings = settings_of(raw(item))
    if settings is not None:
        damages: list[Damage] = []
        assert settings == read_settings("u1", decode_item(raw(item)), damages)
        assert not damages


def test_an_item_as_it_is_written_is_read_at_once() -> None:
    device = {"deviceToken": {"S": "t"}, "platform": {"S": "apns"}, "registered_at": {"N": "1.5"}, "x": {"S": "y"}}
    external = {"platform": {"S": "slack"}, "url": {"S": "https://a.example"}, "status": {"BOOL": False}}
    contact = {
        "email": {"S": "a@example.com"},
        "phone": {"S": ""},
        "device_tokens": {"L": [{"M": device}]},
        "external_channels": {"L": [{"M": external}]},
        "suppressed": {"SS": ["email:a@example.com"]},
    }
    categories = {"M": {"a": {"BOOL": True}, "b": {"L": [{"S": "sms"}]}}}
    assert contact_of(raw(contact)) == Contact(
        "u1",
        "a@example.com",
        None,
        (DeviceToken("t", "apns", 1.5),),
        (ExternalChannel("slack", "https://a.example", active=False),),
        ("email:a@example.com",),
    )
    assert settings_of(raw({"opted_out": {"BOOL": False}, "categories": categories})) == UserSettings(
        "u1", opted_out=False, categories={"a": True, "b": (Channel.SMS,)}
    )


@pytest.mark.parametrize("value", [{"N": "1"}, {"S": "a\nb"}, {"S": "a", "N": "1"}, {}, {"new": 1}])
def test_what_is_not_as_expected_is_left_alone(value: dict[str, str]) -> None:
    assert contact_of(raw({"email": value})) is None


def test_what_is_no_item_is_said_to_be_none() -> None:
    assert contact_of(msgspec.Raw(b"[")) is None
    with pytest.raises(WrongItem):
        decode_item(msgspec.Raw(b'{"user_id": {"S": 5}}'))
