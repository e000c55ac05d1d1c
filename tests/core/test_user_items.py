from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.channel import Channel
from notifyd.core.user import Contact, DeviceToken, ExternalChannel, UserSettings
from notifyd.core.user_items import Damage, ItemKind, read_contact, read_settings

TOKENS = [{"deviceToken": "t1", "platform": "apns"}, {"deviceToken": "t2", "platform": "web_push"}]
EXTERNAL = [
    {"platform": "slack", "url": "https://hooks.example.com/1", "status": True, "name": "extra"},
    {"platform": "slack", "url": "https://hooks.example.com/2", "status": False},
]


def _contact(**values: Any) -> tuple[Contact, list[str]]:
    damages: list[Damage] = []
    contact = read_contact("u1", values, damages)
    assert all(damage.user_id == "u1" and damage.kind is ItemKind.CONTACT for damage in damages)
    return contact, [damage.attribute for damage in damages]


def _settings(**values: Any) -> tuple[UserSettings, list[str]]:
    damages: list[Damage] = []
    settings = read_settings("u1", values, damages)
    assert all(damage.user_id == "u1" and damage.kind is ItemKind.SETTINGS for damage in damages)
    return settings, [damage.attribute for damage in damages]


def test_marks_are_read_and_those_that_are_none_cost_no_other() -> None:
    contact, damaged = _contact(suppressed=["email:a@example.com", 7, "chat:C1"])
    assert contact.suppressed == ("email:a@example.com", "chat:C1")
    assert damaged == ["suppressed"]


@pytest.mark.parametrize("form", [lambda entries: entries, json.dumps], ids=["list", "text"])
def test_lists_are_read_as_lists_and_as_json_text(form: Any) -> None:
    contact, damaged = _contact(
        email="a@example.com", phone="+31600000000", device_tokens=form(TOKENS), external_channels=form(EXTERNAL)
    )

    assert not damaged
    assert contact == Contact(
        "u1",
        "a@example.com",
        "+31600000000",
        (DeviceToken("t1", "apns"), DeviceToken("t2", "web_push")),
        (
            ExternalChannel("slack", "https://hooks.example.com/1"),
            ExternalChannel("slack", "https://hooks.example.com/2", active=False),
        ),
    )


def test_what_is_absent_null_or_empty_is_no_address_and_no_damage() -> None:
    nothing: tuple[Contact, list[str]] = (Contact("u1"), [])
    assert _contact() == nothing
    assert _contact(email=None, phone=None, device_tokens=None, external_channels=None) == nothing
    assert _contact(email="", device_tokens=[], external_channels="[]") == nothing


@pytest.mark.parametrize("address", [7, ["a@example.com"], "a@example.com\r\nBcc: all@example.com", "a\0b"])
def test_an_address_that_cannot_be_one_is_damaged_and_the_rest_is_used(address: object) -> None:
    contact, damaged = _contact(email=address, phone="+31600000000")

    assert contact == Contact("u1", phone="+31600000000")
    assert damaged == ["email"]


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {"deviceToken": "t"},
        {"deviceToken": 7, "platform": "apns"},
        {"deviceToken": "t", "platform": "pager"},
        {"deviceToken": "", "platform": "apns"},
    ],
)
def test_a_damaged_entry_costs_itself_alone(entry: object) -> None:
    contact, damaged = _contact(device_tokens=[TOKENS[0], entry, TOKENS[1]])

    assert [device.token for device in contact.device_tokens] == ["t1", "t2"]
    assert damaged == ["device_tokens"]


@pytest.mark.parametrize("value", ["[", "7", 7, {}, "[" * 100_000])
def test_a_list_that_is_none_is_damaged_and_the_rest_is_used(value: object) -> None:
    contact, damaged = _contact(device_tokens=value, email="a@example.com")

    assert contact == Contact("u1", email="a@example.com")
    assert damaged == ["device_tokens"]


def test_a_chat_address_of_no_platform_is_damaged_and_the_rest_is_used() -> None:
    known = {"platform": "slack", "url": "C1"}
    contact, damaged = _contact(external_channels=[{"platform": "", "url": "C2"}, known])

    assert contact.external_channels == (ExternalChannel("slack", "C1"),)
    assert damaged == ["external_channels"]


def test_a_device_registered_at_a_time_of_more_digits_than_a_double_has_is_used() -> None:
    device = {"deviceToken": "t", "platform": "fcm", "registered_at": "1700000000.123456716537475585937"}
    contact, damaged = _contact(device_tokens=[device])

    assert contact.device_tokens == (DeviceToken("t", "fcm", 1700000000.1234567),)
    assert not damaged


@pytest.mark.parametrize("time", ["soon", "nan", "1E+99999999999999999"])
def test_a_device_whose_time_cannot_be_read_is_damaged(time: str) -> None:
    contact, damaged = _contact(device_tokens=[{"deviceToken": "t", "platform": "fcm", "registered_at": time}])

    assert contact.device_tokens == ()
    assert damaged == ["device_tokens"]


def test_a_channel_whose_status_cannot_be_read_is_not_used() -> None:
    contact, damaged = _contact(external_channels=[{**EXTERNAL[0], "status": "false"}])

    assert contact == Contact("u1")
    assert damaged == ["external_channels"]


def test_choices_are_read() -> None:
    settings, damaged = _settings(
        opted_out=False, categories={"billing": True, "news": False, "digest": ["email", "sms"], "tips": []}
    )

    assert not damaged
    assert settings == UserSettings(
        "u1",
        categories={"billing": True, "news": False, "digest": (Channel.EMAIL, Channel.SMS), "tips": False},
    )
    assert _settings(opted_out=True, categories='{"news": true}') == (
        UserSettings("u1", opted_out=True, categories={"news": True}),
        [],
    )
    assert _settings() == _settings(opted_out=None, categories=None) == (UserSettings("u1"), [])


@pytest.mark.parametrize("value", ["no", 0, "false", []])
def test_an_opt_out_that_cannot_be_read_is_an_opt_out(value: object) -> None:
    settings, damaged = _settings(opted_out=value, categories={"news": True})

    assert settings.opted_out
    assert damaged == ["opted_out"]


@pytest.mark.parametrize("value", ["{", [], 7, "true"])
def test_categories_that_cannot_be_read_are_an_opt_out(value: object) -> None:
    settings, damaged = _settings(opted_out=False, categories=value)

    assert settings.opted_out
    assert damaged == ["categories"]


@pytest.mark.parametrize("choice", ["yes", 1, None, {"email": True}])
def test_a_choice_that_cannot_be_read_is_a_no_for_its_category_alone(choice: object) -> None:
    settings, damaged = _settings(categories={"news": choice, "billing": True})

    assert settings == UserSettings("u1", categories={"news": False, "billing": True})
    assert damaged == ["categories.news"]


def test_a_channel_nobody_knows_leaves_the_others_wanted() -> None:
    settings, damaged = _settings(categories={"news": ["fax", "email", ["sms"]]})

    assert settings.categories == {"news": (Channel.EMAIL,)}
    assert damaged == ["categories.news"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("email", "phone", "device_tokens"), JSON_VALUES)))
def test_no_contact_item_raises(values: dict[str, Any]) -> None:
    contact, _ = _contact(**values)
    assert contact.user_id == "u1"


@given(st.fixed_dictionaries({}, optional={"opted_out": JSON_VALUES, "categories": JSON_VALUES}))
def test_no_settings_item_raises_and_damage_never_opens_what_was_closed(values: dict[str, Any]) -> None:
    settings, damaged = _settings(**values)

    if values.get("opted_out"):
        assert settings.opted_out
    if "categories" in damaged:
        assert settings.opted_out
