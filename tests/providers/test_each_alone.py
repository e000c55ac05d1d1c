"""Deliveries of a batch that are requests of their own: what one meets is nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery, Sms
from notifyd.core.outcome import Accepted, Outcome
from notifyd.ports import Told
from notifyd.providers._each_alone import sent_each_alone
from tests.support.deliveries import delivery_of

BATCH = [delivery_of(Sms("Hello"), Channel.SMS, "+4915123456789", delivery_id=f"ID{n}") for n in range(3)]


async def test_what_is_never_answered_keeps_no_other_from_being_told() -> None:
    told: list[tuple[int, Outcome]] = []
    others = asyncio.Event()

    async def send_one(delivery: Delivery) -> Outcome:
        if delivery is BATCH[1]:
            await asyncio.Event().wait()
        return Accepted(delivery.delivery_id)

    def tell(news: Told) -> None:
        told.extend(news)
        if len(told) == 2:
            others.set()

    sending = asyncio.create_task(sent_each_alone(BATCH, send_one, tell))
    await others.wait()
    assert told == [(place, Accepted(BATCH[place].delivery_id)) for place in (0, 2)]
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_outcomes_are_in_the_batchs_order_whoever_is_answered_first() -> None:
    first_may_end = asyncio.Event()

    async def send_one(delivery: Delivery) -> Outcome:
        if delivery is BATCH[0]:
            await first_may_end.wait()
        return Accepted(delivery.delivery_id)

    def tell(news: Told) -> None:
        if news[0][0] == 2:
            first_may_end.set()

    outcomes = await sent_each_alone(BATCH, send_one, tell)
    assert outcomes == [Accepted(delivery.delivery_id) for delivery in BATCH]


async def test_a_bug_met_by_one_is_raised_when_the_others_have_been_told() -> None:
    told: list[int] = []

    async def send_one(delivery: Delivery) -> Outcome:
        if delivery is BATCH[0]:
            raise ZeroDivisionError
        return Accepted(delivery.delivery_id)

    with pytest.raises(ZeroDivisionError):
        await sent_each_alone(BATCH, send_one, lambda news: told.extend(place for place, _ in news))
    assert told == [1, 2]
