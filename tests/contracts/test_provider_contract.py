"""What holds of every provider, each against its stand-in over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from notifyd.core.look_up import CannotTell, NotTaken, Taken
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.ports import Provider
from notifyd.providers import PROVIDERS
from notifyd.sandbox.faults import Refusal
from tests.support.deadlines import NO_ANSWER_S, once_connected
from tests.support.provider_rigs import NOBODY_LISTENS, Rig, ses_provider, ses_rig, smtp_provider, smtp_rig
from tests.support.vendor_rigs import STANDS, VENDOR_RIGS, VendorRig, vendor_provider

RIGS: dict[str, Callable[..., AbstractAsyncContextManager[Rig]]] = {
    "ses": ses_rig,
    "smtp": smtp_rig,
    **VENDOR_RIGS,
}
Lonely = Callable[[], AbstractAsyncContextManager[Provider]]
LONELY: dict[str, Lonely] = {
    "ses": lambda: ses_provider(f"http://{NOBODY_LISTENS}"),
    "smtp": lambda: smtp_provider(f"smtp://{NOBODY_LISTENS}"),
    **{name: partial(vendor_provider, name, f"https://{NOBODY_LISTENS}") for name in STANDS},
}
# Receivers of webhooks are asked for nothing but to take them; nor is Slack where there are hooks alone.
UNASKED = {"slack_webhook", "webhook"}

# Of SES and SMTP, whose stand-ins are no vendors of the sandbox; what is wrong with the sender stays wrong.
OF_SINKS = (Refusal.MESSAGE, Refusal.THROTTLED, Refusal.SENDER)

Told = tuple[type[Outcome], Reason | None]
# By whose fault. What a provider means otherwise stands below.
MEANT: dict[Refusal, Told] = {
    Refusal.ADDRESS: (Rejected, Reason.ADDRESS_INVALID),
    Refusal.GONE: (AddressGone, None),
    Refusal.MESSAGE: (Rejected, Reason.MESSAGE_REFUSED),
    Refusal.TOO_LARGE: (Rejected, Reason.PAYLOAD_TOO_LARGE),
    Refusal.CREDENTIALS: (Deferred, Reason.CREDENTIALS),
    Refusal.SENDER: (Deferred, Reason.SENDER_REFUSED),
    Refusal.THROTTLED: (Deferred, Reason.THROTTLED),
    Refusal.QUOTA: (Deferred, Reason.QUOTA),
    Refusal.UNAVAILABLE: (Unknown, Reason.PROVIDER_ERROR),
    Refusal.IN_200: (Unknown, Reason.PROVIDER_ERROR),
}
_SUPPRESSED: Told = (Rejected, Reason.ON_SUPPRESSION_LIST)
_OUT_OF_ORDER: Told = (Deferred, Reason.RECIPIENT_UNAVAILABLE)
MEANT_BY: dict[tuple[str, Refusal], Told] = {
    ("mailchimp", Refusal.GONE): _SUPPRESSED,
    ("mailchimp", Refusal.IN_200): (Rejected, Reason.MESSAGE_REFUSED),
    # It keeps the mail and may send it later.
    ("mailchimp", Refusal.QUOTA): (Unknown, Reason.QUOTA),
    # It says that it is down for maintenance.
    ("mailchimp", Refusal.UNAVAILABLE): (Deferred, Reason.PROVIDER_ERROR),
    # Until START: the number lives.
    ("twilio", Refusal.GONE): _SUPPRESSED,
    # What the role may not do.
    ("sns_sms", Refusal.SENDER): (Deferred, Reason.CREDENTIALS),
    # A hook has no account of ours: it is dead.
    ("slack_webhook", Refusal.ADDRESS): (AddressGone, None),
    ("slack_webhook", Refusal.CREDENTIALS): (AddressGone, None),
    # One receiver of many: what is wrong with it is its own.
    ("webhook", Refusal.CREDENTIALS): _OUT_OF_ORDER,
    ("webhook", Refusal.THROTTLED): _OUT_OF_ORDER,
    ("webhook", Refusal.UNAVAILABLE): (Unknown, Reason.RECIPIENT_UNAVAILABLE),
}


def blamed(rig: Rig, reason: Reason) -> Reason:
    """The reason that a provider gives whose other end is one vendor; else it is the receiver's own."""
    return Reason.RECIPIENT_UNAVAILABLE if rig.provider.name == "webhook" else reason


def told(outcome: Outcome) -> Told:
    return type(outcome), getattr(outcome, "reason", None)


@pytest.fixture(params=list(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param]() as made:
        yield made


@pytest.fixture(params=list(RIGS))
async def impatient(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """Does not wait long for an answer that does not come."""
    async with RIGS[request.param](timeout_s=NO_ANSWER_S) as made:
        yield made


async def test_a_message_arrives_as_it_was_sent(rig: Rig) -> None:
    sent = rig.delivery()
    [outcome] = await rig.provider.send([sent])
    assert isinstance(outcome, Accepted)
    assert rig.arrived == [rig.expected(sent)]
    assert rig.requests == 1


async def test_messages_of_one_group_key_may_go_together(rig: Rig) -> None:
    """In one request, or each in its own at the same time."""
    limits = rig.provider.limits
    batch = [rig.delivery() for _ in range(limits.batch_max)]
    assert len({rig.provider.group_key(sent) for sent in batch}) == 1
    outcomes = await rig.provider.send(batch)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * len(batch)
    assert len(rig.arrived) == len(batch)
    assert all(rig.expected(sent) in rig.arrived for sent in batch)
    assert rig.requests == (len(batch) if limits.each_alone else 1)


async def test_a_malformed_address_is_refused_before_any_request(rig: Rig) -> None:
    for address in rig.malformed:
        [outcome] = await rig.provider.send([rig.delivery(address)])
        assert told(outcome) == (Rejected, Reason.ADDRESS_INVALID), address
    assert rig.requests == 0


async def test_a_refusal_is_classed_by_whose_fault_it_is(rig: Rig, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["rig"]
    known = rig.desk.vendor.refusals if isinstance(rig, VendorRig) else OF_SINKS
    for refusal in known:
        rig.refuse(refusal)
        [outcome] = await rig.provider.send([rig.delivery()])
        assert told(outcome) == MEANT_BY.get((name, refusal), MEANT[refusal]), refusal
    assert rig.arrived == []


async def test_a_throttled_message_is_deferred_and_goes_through_later(rig: Rig) -> None:
    sent = rig.delivery()
    rig.refuse(Refusal.THROTTLED)
    [outcome] = await rig.provider.send([sent])
    assert told(outcome) == (Deferred, blamed(rig, Reason.THROTTLED))
    assert isinstance((await rig.provider.send([sent]))[0], Accepted)
    assert len(rig.arrived) == 1


@pytest.mark.parametrize("name", ["twilio", "slack", "slack_webhook", "webhook"])
async def test_a_provider_that_names_a_pause_is_heard(name: str) -> None:
    async with VENDOR_RIGS[name]() as rig:
        rig.refuse(Refusal.THROTTLED, retry_after_s=7)
        [outcome] = await rig.provider.send([rig.delivery()])
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after_s == 7.0


async def test_a_provider_that_names_the_end_of_a_pause_is_heard() -> None:
    """By the answer's own date, on the machine's clock."""
    async with VENDOR_RIGS["sendgrid"]() as rig:
        rig.refuse(Refusal.THROTTLED, retry_after_s=100_000)
        [outcome] = await rig.provider.send([rig.delivery()])
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after_s is not None
        assert 90_000 < outcome.retry_after_s < 110_000


async def test_no_answer_is_unknown_after_exactly_one_request(impatient: Rig) -> None:
    impatient.stay_silent()
    sent = impatient.delivery()
    [outcome] = await once_connected(lambda: impatient.provider.send([sent]))
    assert told(outcome) == (Unknown, blamed(impatient, Reason.NO_ANSWER))
    assert impatient.requests == 1
    assert len(impatient.arrived) == 1


async def test_a_lost_connection_is_unknown_after_exactly_one_request(rig: Rig) -> None:
    rig.cut()
    [outcome] = await rig.provider.send([rig.delivery()])
    assert told(outcome) == (Unknown, blamed(rig, Reason.NO_ANSWER))
    assert rig.requests == 1
    assert len(rig.arrived) == 1


async def test_after_a_lost_connection_the_next_message_goes_through(rig: Rig) -> None:
    rig.cut(taken=False)
    await rig.provider.send([rig.delivery()])
    assert isinstance((await rig.provider.send([rig.delivery()]))[0], Accepted)


async def test_who_can_be_asked_tells_what_he_took_and_what_not(rig: Rig) -> None:
    sent, lost = rig.delivery(), rig.delivery()
    rig.cut()
    await rig.provider.send([sent])
    rig.cut(taken=False)
    await rig.provider.send([lost])
    requests = rig.requests
    found = [await rig.provider.look_up(delivery, 0.0) for delivery in (sent, lost)]
    asked = rig.provider.look_up_limits is not None
    assert [type(one) for one in found] == ([Taken, NotTaken] if asked else [CannotTell, CannotTell])
    assert rig.requests == requests


@pytest.mark.parametrize("name", list(LONELY))
async def test_without_a_connection_nothing_was_sent(name: str) -> None:
    async with RIGS[name]() as rig, LONELY[name]() as provider:
        [outcome] = await provider.send([rig.delivery()])
        assert told(outcome) == (Deferred, blamed(rig, Reason.NO_CONNECTION))
        faults = await provider.problems()
        assert [fault.where for fault in faults] == ([] if name in UNASKED else [f"providers.{provider.name}"])
        assert all(fault.is_outage for fault in faults)


async def test_a_provider_that_may_send_has_no_problems(rig: Rig) -> None:
    assert not [fault for fault in await rig.provider.problems() if not fault.is_warning]
    assert rig.requests == 0


async def test_a_provider_names_itself_its_channel_and_its_limits(rig: Rig) -> None:
    await rig.provider.refresh_limits()
    limits = rig.provider.limits
    assert PROVIDERS[rig.provider.name].channel is rig.provider.channel
    assert min(limits.batch_max, limits.in_flight_max, limits.payload_bytes_max) >= 1
