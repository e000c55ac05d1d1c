"""What holds of every push provider, each against its vendor of the sandbox over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from notifyd.core.message import Push
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.sandbox.faults import Cut, Garbage, GoAway, Refusal, Refuse, ResetStream, Silence
from tests.support.deadlines import NO_ANSWER_S, once_connected
from tests.support.push_rigs import PUSH, STANDS, PushRig, push_provider, push_rig

HTTP2 = ["apns", "fcm"]
Told = tuple[type[Outcome], Reason | None]
MEANT: dict[Refusal, Told] = {
    Refusal.ADDRESS: (Rejected, Reason.ADDRESS_INVALID),
    Refusal.GONE: (AddressGone, None),
    Refusal.MESSAGE: (Rejected, Reason.MESSAGE_REFUSED),
    Refusal.TOO_LARGE: (Rejected, Reason.PAYLOAD_TOO_LARGE),
    Refusal.CREDENTIALS: (Deferred, Reason.CREDENTIALS),
    Refusal.SENDER: (Deferred, Reason.SENDER_REFUSED),
    Refusal.THROTTLED: (Deferred, Reason.THROTTLED),
    Refusal.QUOTA: (Deferred, Reason.THROTTLED),
    Refusal.UNAVAILABLE: (Deferred, Reason.PROVIDER_ERROR),
}
MEANT_BY: dict[tuple[str, Refusal], Told] = {
    # One device got too many.
    ("apns", Refusal.THROTTLED): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    ("fcm", Refusal.THROTTLED): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    # A token of another project's.
    ("fcm", Refusal.SENDER): (Rejected, Reason.ADDRESS_INVALID),
    # A push service knows no subscription that never was; 403 is a VAPID key that is not the subscription's.
    ("web_push", Refusal.ADDRESS): (AddressGone, None),
    ("web_push", Refusal.CREDENTIALS): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    ("web_push", Refusal.SENDER): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    # One push service of many, which a user chose.
    ("web_push", Refusal.THROTTLED): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    ("web_push", Refusal.QUOTA): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
    ("web_push", Refusal.UNAVAILABLE): (Deferred, Reason.RECIPIENT_UNAVAILABLE),
}


def blamed(rig: PushRig, reason: Reason) -> Reason:
    """The reason that a provider gives whose other end is one vendor; else it is the receiver's own."""
    return Reason.RECIPIENT_UNAVAILABLE if rig.provider.name == "web_push" else reason


def told(outcome: Outcome) -> Told:
    return type(outcome), getattr(outcome, "reason", None)


@pytest.fixture(params=list(STANDS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[PushRig]:
    async with push_rig(request.param) as made:
        yield made


@pytest.fixture(params=["apns", "fcm", "web_push"])
async def native(request: pytest.FixtureRequest) -> AsyncIterator[PushRig]:
    """Over our own clients: aioapns finds its requests again by the apns-id, which ordered refusals have not."""
    async with push_rig(request.param) as made:
        yield made


@pytest.fixture(params=list(STANDS))
async def impatient(request: pytest.FixtureRequest) -> AsyncIterator[PushRig]:
    """Does not wait long for an answer that does not come."""
    async with push_rig(request.param, timeout_s=NO_ANSWER_S) as made:
        yield made


async def test_a_push_arrives_whole_and_with_its_id(rig: PushRig) -> None:
    [sent] = rig.deliveries()
    [outcome] = await rig.provider.send([sent])
    assert isinstance(outcome, Accepted), outcome
    assert outcome.provider_id
    [message] = rig.messages
    assert (message.address, message.delivery_id) == (rig.stand.shown(sent.address), sent.delivery_id)
    assert PUSH.body in str(message.content) + message.text


async def test_a_silent_push_and_one_with_everything_are_what_the_vendor_takes(rig: PushRig) -> None:
    whole = replace(
        PUSH,
        badge=2,
        sound="default",
        image_url="https://example.com/i.png",
        link="https://example.com/",
        category="ORDER",
        thread="orders",
        collapse_id="order 7 ü",
    )
    for message in (Push(data=(("sync", "1"),)), whole):
        [outcome] = await rig.provider.send(rig.deliveries(1, message))
        assert isinstance(outcome, Accepted), outcome
    assert len(rig.messages) == 2


async def test_a_full_batch_is_answered_in_order(rig: PushRig) -> None:
    sent = rig.deliveries(rig.provider.limits.batch_max)
    assert len({rig.provider.group_key(delivery) for delivery in sent}) == 1
    outcomes = await rig.provider.send(sent)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * len(sent)
    assert {message.delivery_id for message in rig.messages} == {delivery.delivery_id for delivery in sent}


async def test_a_malformed_address_is_refused_before_any_request(rig: PushRig) -> None:
    for address in rig.stand.malformed:
        [outcome] = await rig.provider.send([rig.delivery(address)])
        assert told(outcome) == (Rejected, Reason.ADDRESS_INVALID), address
    assert rig.desk.requests == 0


async def test_what_the_vendor_would_not_take_for_its_size_is_refused_or_shortened(rig: PushRig) -> None:
    large = Push(title="T", body="größer " * 1000)
    [outcome] = await rig.provider.send(rig.deliveries(1, large))
    assert told(outcome) == (Rejected, Reason.PAYLOAD_TOO_LARGE)
    assert rig.desk.requests == 0
    [outcome] = await rig.provider.send(rig.deliveries(1, replace(large, shorten=True)))
    assert isinstance(outcome, Accepted)


async def test_a_refusal_is_classed_by_whose_fault_it_is(native: PushRig) -> None:
    rig = native
    for refusal in rig.desk.vendor.refusals:
        rig.desk.misbehave(Refuse(refusal=refusal))
        [outcome] = await rig.provider.send(rig.deliveries())
        assert told(outcome) == MEANT_BY.get((rig.provider.name, refusal), MEANT[refusal]), refusal
        # Where the access token was refused, another one is fetched no sooner than after a pause.
        rig.desk.behave()
        if refusal is Refusal.CREDENTIALS and rig.provider.name == "fcm":
            break
    assert rig.messages == []


async def test_one_dead_device_fails_nothing_else(native: PushRig) -> None:
    sent = native.deliveries(3)
    native.desk.misbehave(Refuse(refusal=Refusal.GONE))
    outcomes = [outcome for delivery in sent for outcome in await native.provider.send([delivery])]
    assert [type(outcome) for outcome in outcomes] == [AddressGone, Accepted, Accepted]


async def test_no_answer_is_unknown_after_exactly_one_request(impatient: PushRig) -> None:
    impatient.desk.misbehave(Silence())
    sent = impatient.deliveries()
    [outcome] = await once_connected(lambda: impatient.provider.send(sent))
    assert told(outcome) == (Unknown, blamed(impatient, Reason.NO_ANSWER))
    assert (impatient.desk.requests, len(impatient.messages)) == (1, 1)


async def test_a_lost_connection_is_unknown_after_exactly_one_request_and_the_next_goes_through(
    rig: PushRig,
) -> None:
    first, second = rig.deliveries(2)
    rig.desk.misbehave(Cut())
    [outcome] = await rig.provider.send([first])
    assert told(outcome) == (Unknown, blamed(rig, Reason.NO_ANSWER))
    assert (rig.desk.requests, len(rig.messages)) == (1, 1)
    assert isinstance((await rig.provider.send([second]))[0], Accepted)


@pytest.mark.parametrize("name", ["fcm"])
async def test_an_answer_that_is_none_of_the_vendors_is_unknown(name: str) -> None:
    async with push_rig(name) as rig:
        rig.desk.misbehave(Garbage())
        [outcome] = await rig.provider.send(rig.deliveries())
        assert told(outcome) == (Unknown, Reason.ANSWER_UNREADABLE)


@pytest.mark.parametrize("name", HTTP2)
@pytest.mark.parametrize("fault", [GoAway(), ResetStream()], ids=["goaway", "refused stream"])
async def test_what_the_other_side_says_it_did_not_do_was_not_sent(name: str, fault: GoAway | ResetStream) -> None:
    async with push_rig(name) as rig:
        rig.desk.misbehave(fault)
        [outcome] = await rig.provider.send(rig.deliveries())
        assert told(outcome) == (Deferred, Reason.TURNED_AWAY)
        assert rig.messages == []
        assert isinstance((await rig.provider.send(rig.deliveries()))[0], Accepted)


@pytest.mark.parametrize("name", HTTP2)
async def test_one_silent_request_of_a_batch_leaves_the_others_their_answers(name: str) -> None:
    async with push_rig(name, timeout_s=NO_ANSWER_S) as rig:
        rig.desk.misbehave(Silence())
        sent = rig.deliveries(10)
        outcomes = await once_connected(lambda: rig.provider.send(sent))
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted"] * 9 + ["Unknown"]
        assert len(rig.messages) == 10


async def test_apns_that_sees_too_many_tokens_gets_another_connection() -> None:
    async with push_rig("apns") as rig:
        first, second = rig.deliveries(2)
        rig.desk.misbehave(Refuse(refusal=Refusal.QUOTA))
        assert told((await rig.provider.send([first]))[0]) == (Deferred, Reason.THROTTLED)
        assert isinstance((await rig.provider.send([second]))[0], Accepted)


@pytest.mark.parametrize("name", ["apns", "apns by aioapns"])
async def test_a_dead_token_is_gone_since_apns_says_and_fails_nothing_else(name: str) -> None:
    async with push_rig(name) as rig:
        dead, alive = rig.deliveries(2)
        rig.sandbox.vendors.apns.unregistered[dead.address] = 1_699_999_000_500
        outcomes = await rig.provider.send([dead, alive])
        assert outcomes[0] == AddressGone("410 Unregistered", 1_699_999_000.5)
        assert isinstance(outcomes[1], Accepted)


@pytest.mark.parametrize("name", ["apns", "apns by aioapns"])
async def test_credentials_that_apns_refuses_are_a_problem(name: str) -> None:
    async with push_rig(name, team_id="SOMEBODYEL") as rig:
        [fault] = await rig.provider.problems()
        assert (fault.where, fault.what) == ("providers.apns", "APNs refuses them: 403 InvalidProviderToken")


async def test_an_access_token_that_was_revoked_is_replaced() -> None:
    async with push_rig("fcm") as rig:
        first, second = rig.deliveries(2)
        assert isinstance((await rig.provider.send([first]))[0], Accepted)
        rig.sandbox.vendors.google_oauth.revoke()
        assert told((await rig.provider.send([second]))[0]) == (Deferred, Reason.CREDENTIALS)


async def test_without_a_connection_nothing_was_sent(rig: PushRig) -> None:
    async with push_provider(rig.stand, rig.sandbox, **rig.stand.away) as provider:
        [outcome] = await provider.send(rig.deliveries())
        assert told(outcome) == (Deferred, blamed(rig, Reason.NO_CONNECTION))


async def test_a_subscription_that_leads_inside_is_refused_unless_that_is_allowed() -> None:
    async with push_rig("web_push", allow_private=False) as rig:
        [outcome] = await rig.provider.send(rig.deliveries())
        assert told(outcome) == (Rejected, Reason.ADDRESS_INVALID)
        assert rig.desk.requests == 0


async def test_a_provider_that_may_send_has_no_problems(rig: PushRig) -> None:
    await rig.provider.refresh_limits()
    assert await rig.provider.problems() == []
    assert rig.messages == []


@pytest.mark.parametrize("name", ["apns", "apns by aioapns"])
async def test_an_apns_that_is_not_there_is_a_problem(name: str) -> None:
    stand = STANDS[name]
    async with push_rig(name) as rig, push_provider(stand, rig.sandbox, **stand.away) as provider:
        [fault] = await provider.problems()
        assert (fault.where, fault.is_outage) == ("providers.apns", True)
