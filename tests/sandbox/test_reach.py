"""The world of every channel: what has to become of each notification, by the words of the generator alone."""

from __future__ import annotations

from collections import Counter

import pytest

from notifyd.sandbox.all_vendors import Vendors
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.population import CHANNELS, CHAT, EMAIL, SMS, Kind, Verdict, make_users
from notifyd.sandbox.reach import Reach
from notifyd.sandbox.world import SourceKind, World, make_world
from tests.fakes.system import FakeClock

_ALL_BUT_CHAT = CHANNELS[:-1]


@pytest.fixture
def vendors(clock: FakeClock) -> Vendors:
    return Vendors(Credentials(), clock)


@pytest.fixture
def reach(vendors: Vendors) -> Reach:
    return Reach(1, vendors, {"web_push": "https://127.0.0.1:4443"})


@pytest.fixture
def world(reach: Reach) -> World:
    return make_world(3, 1000, SourceKind.DYNAMODB, reach)


def test_both_equations_hold_over_all_channels(world: World) -> None:
    account = world.account
    assert account.events_in == account.filtered + account.unmatched + account.malformed + account.expanded
    assert account.planned == account.accepted + account.rejected + sum(account.suppressed.values())
    assert sum(one.accepted for one in account.channels.values()) == account.accepted == len(world.mails)
    assert sum(one.rejected for one in account.channels.values()) == account.rejected


def test_every_channel_has_something_to_do_and_every_push_channel_a_dead_device(world: World) -> None:
    assert tuple(world.account.channels) == CHANNELS
    assert min(one.accepted for one in world.account.channels.values()) > 10
    assert [channel for channel, one in world.account.channels.items() if one.rejected] == [
        *("push_ios", "push_android", "web_push")
    ]


def test_an_address_is_one_users_and_one_channels(world: World) -> None:
    places = Counter((place.channel, place.address) for user in world.users for place in user.places)
    assert set(places.values()) == {1}


def test_a_user_with_a_dead_device_is_told_of_one_sign_in_and_has_a_live_one_beside_it(world: World) -> None:
    dying = {user.user_id: user for user in world.users if user.has_dead_place}
    told = Counter(
        event.envelope["detail"]["user_id"]
        for event in world.events
        if event.envelope["detail-type"] == ["new_sign_in"] and event.envelope["detail"]["user_id"] in dying
    )
    assert set(told.values()) == {1}
    for user in dying.values():
        (dead,) = [place.channel for place in user.places if place.is_dead]
        assert [place for place in user.places if place.channel == dead and not place.is_dead]


def test_a_dead_device_is_one_that_its_vendor_calls_dead(world: World, vendors: Vendors) -> None:
    dead = {place.address for user in world.users for place in user.places if place.is_dead}
    gone = {f"https://127.0.0.1:4443{path}" for path in vendors.web_push.gone}
    assert dead == {*vendors.apns.unregistered, *vendors.fcm.unregistered, *gone}


def test_what_becomes_of_a_notification_follows_from_the_kind_of_user(reach: Reach) -> None:
    users = {user.kind: user for user in reach.furnish(make_users(1, 8))}
    nothing = [Verdict(reason="no_address")]
    assert users[Kind.UNKNOWN].verdicts("security", CHANNELS) == nothing
    assert users[Kind.WITHOUT_ADDRESS].verdicts("security", CHANNELS) == nothing
    assert users[Kind.OPTED_OUT].verdicts("security", CHANNELS) == [Verdict(reason="opted_out")]
    assert users[Kind.NO_NEWSLETTER].verdicts("newsletter", (EMAIL,)) == [Verdict(reason="opted_out")]
    by_sms = users[Kind.SMS_ONLY].verdicts("security", _ALL_BUT_CHAT)
    assert {one.channel for one in by_sms if one.reason == "opted_out"} == {*_ALL_BUT_CHAT} - {SMS}
    assert [one.channel for one in by_sms if one.place is not None] == [SMS]
    mailed = users[Kind.WANTS_EMAIL].verdicts("incidents", (CHAT, EMAIL))
    assert [(one.channel, one.reason) for one in mailed] == [(CHAT, "opted_out"), (EMAIL, "")]
