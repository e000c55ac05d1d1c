from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.allow_list import AllowList
from notifyd.core.channel import Channel
from notifyd.core.event import Event
from notifyd.core.policy import DeliveryMode, DeliveryRules, FilterRaised, decide, nobody
from notifyd.core.suppression import Decision, Planned, Suppressed, SuppressionReason
from notifyd.core.user import Contact, DeviceToken, ExternalChannel, Person, UserSettings
from tests.support.catalog_examples import event, notification_type

EVERY = frozenset(Channel)
SEND = DeliveryRules(EVERY, chat_platforms=("slack",))
CONTACT = Contact(
    "u-1",
    email="u@example.com",
    phone="+41791234567",
    device_tokens=(DeviceToken("ios-1", "apns"), DeviceToken("fcm-1", "fcm"), DeviceToken("ios-2", "apns")),
    external_channels=(
        ExternalChannel("slack", "https://chat.example/1"),
        ExternalChannel("slack", "off", active=False),
    ),
)
PERSON = Person("u-1", CONTACT)


def with_settings(**settings: Any) -> Person:
    return Person("u-1", CONTACT, UserSettings("u-1", **settings))


def decided(person: Person = PERSON, rules: DeliveryRules = SEND, **fields: Any) -> list[Decision]:
    return decide(notification_type(**fields), event(), person, rules)


def test_an_address_of_a_platform_without_a_provider_is_suppressed() -> None:
    hooks = (ExternalChannel("slack", "C1"), ExternalChannel("teams", "https://teams.example/1"))
    person = Person("u-1", Contact("u-1", external_channels=hooks))
    slack, teams = decided(person, channels=(Channel.CHAT,))
    assert slack == Planned(Channel.CHAT, "C1", "slack")
    assert isinstance(teams, Suppressed)
    assert teams.inputs == {"provider": "none configured for teams"}


def reasons(decisions: list[Decision]) -> list[tuple[Channel | None, SuppressionReason | None]]:
    return [(each.channel, each.reason if isinstance(each, Suppressed) else None) for each in decisions]


def test_an_address_that_was_called_gone_is_suppressed_and_no_other() -> None:
    hooks = (ExternalChannel("slack", "C1"), ExternalChannel("slack", "C2"))
    marks = ("email:u@example.com", "chat:C1", "sms:+490")
    person = Person("u-1", msgspec.structs.replace(CONTACT, external_channels=hooks, suppressed=marks))
    email, sms, first, second = decided(person, channels=(Channel.EMAIL, Channel.SMS, Channel.CHAT))
    listed = SuppressionReason.ON_SUPPRESSION_LIST
    assert reasons([email, first]) == [(Channel.EMAIL, listed), (Channel.CHAT, listed)]
    assert [sms, second] == [Planned(Channel.SMS, "+41791234567"), Planned(Channel.CHAT, "C2", "slack")]


def test_each_channel_is_sent_to_all_its_addresses() -> None:
    channels = (Channel.EMAIL, Channel.SMS, Channel.PUSH_IOS, Channel.PUSH_ANDROID, Channel.CHAT)
    assert decided(channels=channels) == [
        Planned(Channel.EMAIL, "u@example.com"),
        Planned(Channel.SMS, "+41791234567"),
        Planned(Channel.PUSH_IOS, "ios-1"),
        Planned(Channel.PUSH_IOS, "ios-2"),
        Planned(Channel.PUSH_ANDROID, "fcm-1"),
        Planned(Channel.CHAT, "https://chat.example/1", "slack"),
    ]


def test_an_address_that_stands_twice_is_sent_to_once() -> None:
    contact = Contact("u-1", device_tokens=(DeviceToken("same", "apns"), DeviceToken("same", "apns")))
    assert decided(Person("u-1", contact), channels=(Channel.PUSH_IOS,)) == [Planned(Channel.PUSH_IOS, "same")]


# --- what the user wants ---


def test_who_opted_out_gets_nothing() -> None:
    assert decided(with_settings(opted_out=True, categories={"payments": True})) == [
        Suppressed(None, SuppressionReason.OPTED_OUT, {"opted_out": True})
    ]


def test_a_category_switched_off_is_one_suppression_that_says_whose_word_it_was() -> None:
    assert decided(with_settings(categories={"payments": False})) == [
        Suppressed(None, SuppressionReason.OPTED_OUT, {"category": "payments", "setting": False})
    ]


def test_a_category_may_name_the_channels_wanted() -> None:
    person = with_settings(categories={"payments": (Channel.SMS,)})
    assert reasons(decided(person, channels=(Channel.EMAIL, Channel.SMS))) == [
        (Channel.EMAIL, SuppressionReason.OPTED_OUT),
        (Channel.SMS, None),
    ]


@pytest.mark.parametrize("person", [PERSON, with_settings(categories={"other": True})])
def test_without_a_word_on_the_category_the_catalogs_default_holds(person: Person) -> None:
    assert reasons(decided(person, default=True)) == [(Channel.EMAIL, None)]
    assert decided(person, default=False) == [
        Suppressed(None, SuppressionReason.OPTED_OUT, {"category": "payments", "default": False})
    ]
    both = (Channel.EMAIL, Channel.SMS)
    assert reasons(decided(person, channels=both, default=(Channel.EMAIL,))) == [
        (Channel.EMAIL, None),
        (Channel.SMS, SuppressionReason.OPTED_OUT),
    ]


def test_a_users_yes_beats_a_default_of_no() -> None:
    assert reasons(decided(with_settings(categories={"payments": True}), default=False)) == [(Channel.EMAIL, None)]


# --- addresses ---


@pytest.mark.parametrize("contact", [None, Contact("u-1"), Contact("u-1", email="")])
def test_a_user_without_any_address_is_one_planned_delivery(contact: Contact | None) -> None:
    channels = (Channel.EMAIL, Channel.SMS, Channel.PUSH_IOS)
    (decision,) = decided(Person("u-1", contact), channels=channels)
    assert decision == Suppressed(
        None, SuppressionReason.NO_ADDRESS, {"channels": channels, "contact_known": contact is not None}
    )


def test_a_channel_without_an_address_is_told_beside_those_that_have_one() -> None:
    person = Person("u-1", Contact("u-1", email="u@example.com"))
    assert reasons(decided(person, channels=(Channel.EMAIL, Channel.SMS))) == [
        (Channel.EMAIL, None),
        (Channel.SMS, SuppressionReason.NO_ADDRESS),
    ]


def test_an_event_that_concerns_nobody_is_one_planned_delivery() -> None:
    assert nobody(notification_type()) == Suppressed(
        None, SuppressionReason.NO_ADDRESS, {"users": "detail.user_id", "found": 0}
    )


# --- what the operator allows ---


def test_a_channel_without_a_provider_is_not_allowed() -> None:
    rules = DeliveryRules(frozenset({Channel.EMAIL}))
    assert decided(rules=rules, channels=(Channel.EMAIL, Channel.SMS)) == [
        Planned(Channel.EMAIL, "u@example.com"),
        Suppressed(Channel.SMS, SuppressionReason.NOT_ALLOWED, {"provider": "none configured"}),
    ]


def test_only_allowed_recipients_are_sent_to() -> None:
    rules = DeliveryRules(EVERY, allow=AllowList(["@example.com"]))
    assert reasons(decided(rules=rules, channels=(Channel.EMAIL, Channel.SMS))) == [
        (Channel.EMAIL, None),
        (Channel.SMS, SuppressionReason.NOT_ALLOWED),
    ]


def test_a_dry_run_decides_everything_and_sends_nothing() -> None:
    rules = DeliveryRules(EVERY, DeliveryMode.DRY_RUN, AllowList(["@example.com"]))
    assert reasons(decided(rules=rules, channels=(Channel.EMAIL, Channel.SMS))) == [
        (Channel.EMAIL, SuppressionReason.DRY_RUN),
        (Channel.SMS, SuppressionReason.NOT_ALLOWED),
    ]


def test_a_redirect_sends_one_to_its_own_address_and_never_to_the_users() -> None:
    rules = DeliveryRules(EVERY, DeliveryMode.REDIRECT, redirect_to={Channel.PUSH_IOS: "mine"})
    assert decided(rules=rules, channels=(Channel.PUSH_IOS, Channel.EMAIL)) == [
        Planned(Channel.PUSH_IOS, "mine"),
        Suppressed(Channel.EMAIL, SuppressionReason.NOT_ALLOWED, {"redirect_to": "nothing for this channel"}),
    ]


def test_a_redirects_address_has_to_be_allowed_as_well() -> None:
    rules = DeliveryRules(
        EVERY, DeliveryMode.REDIRECT, AllowList(["@example.com"]), redirect_to={Channel.EMAIL: "me@example.org"}
    )
    assert reasons(decided(rules=rules)) == [(Channel.EMAIL, SuppressionReason.NOT_ALLOWED)]


# --- the type's own filter ---


def test_a_filter_decides_over_event_person_and_facts() -> None:
    def wants(happened: Event, person: Person, facts: Mapping[str, object]) -> bool:
        return happened.source == "shop" and person.user_id == "u-1" and facts["plan"] == "gold"

    type_ = notification_type(filter=wants)
    assert reasons(decide(type_, event(), PERSON, SEND, {"plan": "gold"})) == [(Channel.EMAIL, None)]
    assert decide(type_, event(), PERSON, SEND, {"plan": "free"}) == [
        Suppressed(None, SuppressionReason.FILTER, {"type": "paid"})
    ]


def test_a_filter_that_raises_is_told_with_its_type_and_cause() -> None:
    def fails(_event: Event, _person: Person, facts: Mapping[str, object]) -> bool:
        return facts["gone"] == 1

    with pytest.raises(FilterRaised, match="filter of paid raised KeyError") as raised:
        decided(filter=fails)
    assert isinstance(raised.value.__cause__, KeyError)


# --- whatever the inputs ---

CHANNELS = st.lists(st.sampled_from(Channel), min_size=1, unique=True).map(tuple)
CHOICES = st.booleans() | CHANNELS
ADDRESSES = st.none() | st.sampled_from(["u@example.com", "x@example.org"])
CONTACTS = st.none() | st.builds(
    Contact,
    st.just("u-1"),
    email=ADDRESSES,
    phone=st.none() | st.just("+41791234567"),
    device_tokens=st.lists(
        st.builds(DeviceToken, st.sampled_from(["t1", "t2"]), st.sampled_from(["apns", "fcm", "web_push"])),
        max_size=3,
    ).map(tuple),
)
SETTINGS = st.none() | st.builds(
    UserSettings,
    st.just("u-1"),
    opted_out=st.booleans(),
    categories=st.dictionaries(st.sampled_from(["payments", "other"]), CHOICES),
)
RULES = st.builds(
    DeliveryRules,
    st.frozensets(st.sampled_from(Channel)),
    mode=st.sampled_from(DeliveryMode),
    allow=st.none() | st.just(AllowList(["@example.com", "t1"])),
    redirect_to=st.dictionaries(st.sampled_from(Channel), st.just("elsewhere@example.com")),
)


@given(contact=CONTACTS, settings=SETTINGS, rules=RULES, channels=CHANNELS, default=CHOICES)
def test_every_notification_is_accounted_for_and_nothing_forbidden_is_planned(
    contact: Contact | None,
    settings: UserSettings | None,
    rules: DeliveryRules,
    channels: tuple[Channel, ...],
    default: bool | tuple[Channel, ...],
) -> None:
    decisions = decided(Person("u-1", contact, settings), rules, channels=channels, default=default)
    planned = [each for each in decisions if isinstance(each, Planned)]
    assert decisions
    assert len(set(planned)) == len(planned)
    for each in planned:
        assert settings is None or not settings.opted_out
        assert each.channel in rules.available
        assert each.channel in channels
        assert rules.mode is not DeliveryMode.DRY_RUN
        assert rules.allow is None or rules.allow.allows(each.address)
        assert rules.mode is DeliveryMode.SEND or each.address == rules.redirect_to[each.channel]
    if not any(each.channel is None for each in decisions):
        assert {each.channel for each in decisions} == set(channels)


@given(settings=SETTINGS, rules=RULES, channels=CHANNELS, default=CHOICES)
def test_no_suppression_repeats_an_address(
    settings: UserSettings | None,
    rules: DeliveryRules,
    channels: tuple[Channel, ...],
    default: bool | tuple[Channel, ...],
) -> None:
    for each in decided(Person("u-1", CONTACT, settings), rules, channels=channels, default=default):
        if isinstance(each, Suppressed):
            text = msgspec.json.encode(each.inputs).decode()
            assert not any(address in text for address in ("example", "+41", "ios-", "fcm-", "elsewhere"))
