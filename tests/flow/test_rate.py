"""An account's rate holds whatever the deliveries had to wait for."""

from __future__ import annotations

import msgspec

from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.core.switches import ProviderSwitch
from notifyd.errors import NotSent
from notifyd.ports import Limits, ProviderRoute
from tests.fakes.provider import FakeProvider, accept
from tests.support.flow_rig import SETTINGS, World
from tests.support.virtual_time import in_virtual_time

RATE_PER_S = 20.0
BATCH_MAX = 5
# The bucket's own burst, a tenth of a second's worth, and the request that is granted with it.
BURST_MAX = 2 * RATE_PER_S / 10 + BATCH_MAX


@in_virtual_time
async def test_requests_that_waited_for_the_heartbeat_do_not_go_out_together() -> None:
    world = World()
    sent_at_s: list[float] = []

    def take(delivery: Delivery) -> Outcome:
        sent_at_s.append(world.clock.elapsed_s())
        return accept(delivery)

    limits = Limits(batch_max=BATCH_MAX, in_flight_max=8, payload_bytes_max=1 << 20, rate_per_s=RATE_PER_S)
    world.provider = FakeProvider(world.clock, answer=take, latency_s=0.05, limits=limits)
    patient = msgspec.structs.replace(SETTINGS.deliver, queue_wait_max_s=100.0)
    world.events(400)
    worker = await world.worker(deliver=patient)
    await world.until(lambda: len(sent_at_s) > 20)
    world.table.faults.outage = NotSent("away")
    await world.clock.sleep(20)
    before = len(sent_at_s)
    world.table.faults.outage = None
    await world.until(lambda: len(sent_at_s) > before + 60)
    for first in range(len(sent_at_s)):
        until_s = sent_at_s[first] + 1.0
        in_a_second = sum(1 for at_s in sent_at_s[first:] if at_s < until_s)
        assert in_a_second <= RATE_PER_S + BURST_MAX, f"{in_a_second} in a second from {sent_at_s[first]:.2f} s"
    await worker.stopped()
    assert not world.duplicates()


@in_virtual_time
async def test_a_backlog_far_beyond_the_rate_uses_all_of_it_and_waits_in_the_queue() -> None:
    world = World()
    limits = Limits(batch_max=BATCH_MAX, in_flight_max=8, payload_bytes_max=1 << 20, rate_per_s=RATE_PER_S)
    world.provider = FakeProvider(world.clock, latency_s=0.05, limits=limits)
    world.events(1500)
    worker = await world.worker()
    await world.clock.sleep(10)
    before = len(world.provider.taken)
    await world.clock.sleep(40)
    assert len(world.provider.taken) - before >= 0.95 * RATE_PER_S * 40
    turns = max(message.attempt for message in world.retry.put_messages)
    assert turns <= 3, "what is received when there is no room only goes back"
    await worker.stopped()
    assert not world.duplicates()


@in_virtual_time
async def test_a_disabled_providers_room_is_nobodys() -> None:
    world = World()
    limits = Limits(batch_max=BATCH_MAX, in_flight_max=8, payload_bytes_max=1 << 20, rate_per_s=RATE_PER_S)
    world.provider = FakeProvider(world.clock, latency_s=0.05, limits=limits)
    world.others = [ProviderRoute(FakeProvider(world.clock, name="other"), 1)]
    await world.control.switch("other", ProviderSwitch.DISABLED)
    world.events(1500)
    worker = await world.worker()
    await world.clock.sleep(50)
    turns = max(message.attempt for message in world.retry.put_messages)
    assert turns <= 3, "what is received when there is no room only goes back"
    await worker.stopped()


@in_virtual_time
async def test_a_group_that_waits_for_its_rate_holds_up_no_other_even_where_nothing_lingers() -> None:
    world = World()
    limits = Limits(batch_max=1, in_flight_max=8, payload_bytes_max=1 << 20, group_rate_per_s=0.1)
    world.provider = FakeProvider(world.clock, limits=limits, group_key=lambda delivery: delivery.user_id)
    eager = msgspec.structs.replace(SETTINGS.deliver, linger_s=0.0, queue_wait_max_s=100.0)
    for _ in range(2):
        world.event("often")
    worker = await world.worker(deliver=eager)
    await world.until(lambda: len(world.provider.taken) == 1)
    await world.clock.sleep(1)
    world.event("seldom")
    begun_s = world.clock.elapsed_s()
    await world.until(lambda: len(world.provider.taken) == 2)
    assert world.clock.elapsed_s() - begun_s < 1.0
    assert world.provider.requests[-1][0].user_id == "seldom"
    await worker.stopped()


@in_virtual_time
async def test_what_waited_for_the_heartbeat_goes_out_once_it_is_back_though_nothing_else_comes() -> None:
    world = World()
    # The claim stands before the lease table is away, and the fence is asked while it is.
    late = msgspec.structs.replace(SETTINGS.deliver, linger_s=4.5, queue_wait_max_s=100.0)
    worker = await world.worker(deliver=late)
    await world.until(lambda: bool(worker.engine.keeper.runs))
    world.event("ann")
    await world.until(lambda: worker.engine.slots.used == 1, every_s=0.001)
    await world.clock.sleep(0.1)
    world.table.faults.outage = NotSent("away")
    await world.clock.sleep(5.0)
    assert not world.provider.requests
    world.table.faults.outage = None
    await world.until(lambda: bool(world.provider.taken), within_s=5.0)
    await world.settled()
    await worker.stopped()
