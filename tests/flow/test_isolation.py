"""A provider that hangs takes no other channel's slots: what it cannot begin goes to its retry queue early."""

from __future__ import annotations

import msgspec
import pytest

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Deferred, Outcome, Reason
from notifyd.core.policy import DeliveryRules
from notifyd.core.user import Contact, DeviceToken
from notifyd.ports import Limits
from tests.fakes.provider import Answer, FakeProvider, accept, in_turn
from tests.support.flow_rig import SETTINGS, World, paid
from tests.support.virtual_time import in_virtual_time

_RATE_PER_S = 40
_LASTS_S = 6
# Half of these are the shard's part, beside the retry queue's: less than what comes within queue_wait_max_s.
_SLOTS_MAX = 260
_QUEUE_WAIT_MAX_S = 5.0
TOGETHER = Limits(batch_max=5, in_flight_max=64, payload_bytes_max=1 << 20)
ALONE = Limits(batch_max=100, in_flight_max=320, payload_bytes_max=1 << 20, each_alone=True)


async def _mail_waits_s(push_answer: Answer, limits: Limits) -> tuple[list[float], World]:
    """How long each mail took from the stream to its provider, while every event is a push as well."""
    channels = (Channel.EMAIL, Channel.PUSH_IOS)
    world = World([paid(channels=channels)], rules=DeliveryRules(frozenset(channels)))
    push = FakeProvider(
        world.clock, latency_s=0.05, answer=push_answer, limits=limits, name="push", channel=Channel.PUSH_IOS
    )
    world.beside[Channel.PUSH_IOS] = push
    waits_s: list[float] = []

    def taken(delivery: Delivery) -> Outcome:
        waits_s.append(world.clock.now_s() - delivery.arrival_s)
        return accept(delivery)

    world.provider.answer = taken
    deliver = msgspec.structs.replace(SETTINGS.deliver, queue_wait_max_s=_QUEUE_WAIT_MAX_S)
    worker = await world.worker(slots_max=_SLOTS_MAX, deliver=deliver)
    number = 0
    for _ in range(_LASTS_S * 10):
        for _ in range(_RATE_PER_S // 10):
            user_id = f"u{number}"
            tokens = (DeviceToken(f"{number:064x}", "apns"),)
            world.directory.contacts[user_id] = Contact(user_id, f"{user_id}@example.com", None, tokens)
            world.event(user_id)
            number += 1
        await world.clock.sleep(0.1)
    await world.until(lambda: len(waits_s) == number)
    await worker.killed()
    return sorted(waits_s), world


@pytest.mark.parametrize("limits", [TOGETHER, ALONE], ids=["whole batches", "each alone"])
@in_virtual_time
async def test_mails_take_as_long_as_ever_while_a_push_provider_hangs(limits: Limits) -> None:
    calm_s, calm = await _mail_waits_s(accept, limits)
    pushes = calm.beside[Channel.PUSH_IOS].taken
    assert len(set(pushes)) == len(pushes) == _RATE_PER_S * _LASTS_S
    hanging_s, world = await _mail_waits_s(lambda _: None, limits)

    assert len(hanging_s) == len(calm_s) == _RATE_PER_S * _LASTS_S
    # Of virtual time: what a hang costs unmended is queue_wait_max_s, what is left is the order of tasks.
    assert hanging_s[len(hanging_s) * 99 // 100] < calm_s[len(calm_s) * 99 // 100] + 0.1
    assert len(set(world.provider.taken)) == len(world.provider.taken) == len(hanging_s)


@in_virtual_time
async def test_beside_another_channel_few_slots_are_enough_to_try_again() -> None:
    channels = (Channel.EMAIL, Channel.PUSH_IOS)
    world = World([paid(channels=channels)], rules=DeliveryRules(frozenset(channels)))
    world.beside[Channel.PUSH_IOS] = FakeProvider(world.clock, name="push", channel=Channel.PUSH_IOS)
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    worker = await world.worker(slots_max=3)
    await world.settled()
    await worker.stopped()
    assert world.deliveries()["accepted"] == 1
