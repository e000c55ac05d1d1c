"""What a provider calls gone leaves the address book, and nothing waits for it."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress
from notifyd.core.log_row import RowKind
from notifyd.core.outcome import AddressGone, Reason, Rejected
from notifyd.core.user import Contact, DeviceToken
from notifyd.errors import NoAnswer
from notifyd.flow.dead_addresses import DeadAddresses
from notifyd.telemetry.metrics import Metrics
from tests.fakes.address_book import FakeAddressBook
from tests.fakes.directory import FakeDirectory
from tests.fakes.provider import accept, in_turn
from tests.support.flow_rig import World, paid
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_an_address_that_is_gone_is_marked_and_not_written_to_again() -> None:
    world = World()
    world.provider.answer = in_turn(AddressGone("no such mailbox"))
    worker = await world.worker()
    first = world.event("ann", "bob")
    await world.settled()
    await world.until(lambda: len(world.address_book.asked) == 1)
    second = world.event("ann", "bob")
    await world.settled()
    await worker.stopped()

    world.check_account()
    [gone] = world.log.of_kind(RowKind.ADDRESS_GONE)
    [suppressed] = world.log.of_kind(RowKind.SUPPRESSED)
    assert (gone.event_id, suppressed.event_id) == (first, second)
    assert [dead.user_id for dead in world.address_book.asked] == [gone.user_id] == [suppressed.user_id]
    assert suppressed.reason == "on_suppression_list"
    assert world.deliveries() == {"accepted": 2, "rejected": 1, "suppressed": 1}


@in_virtual_time
async def test_all_devices_get_the_push_and_a_dead_one_fails_no_other() -> None:
    world = World([paid(channels=(Channel.PUSH_IOS,))], channel=Channel.PUSH_IOS)
    devices = tuple(DeviceToken(f"t{number}", "apns", 1.0) for number in range(3))
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices)
    world.provider.answer = lambda delivery: AddressGone() if delivery.address == "t1" else accept(delivery)
    worker = await world.worker()
    world.event("ann")
    await world.settled()
    await world.until(lambda: len(world.directory.contacts["ann"].device_tokens) == 2)
    world.event("ann")
    await world.settled()
    await worker.stopped()

    world.check_account()
    assert world.deliveries() == {"accepted": 4, "rejected": 1}
    sent = [delivery.address for batch in world.provider.requests for delivery in batch]
    assert sorted(sent) == ["t0", "t0", "t1", "t2", "t2"]


@in_virtual_time
async def test_a_refusal_of_a_bad_address_removes_nothing() -> None:
    world = World()
    world.provider.answer = in_turn(Rejected(Reason.ADDRESS_INVALID, "400 BadDeviceToken"))
    worker = await world.worker()
    world.event("ann")
    await world.settled()
    await worker.stopped()
    assert world.address_book.asked == []


@in_virtual_time
async def test_an_address_book_that_is_away_holds_up_nothing() -> None:
    world = World()
    world.address_book.failure = NoAnswer("silence")
    world.provider.answer = in_turn(AddressGone(), AddressGone())
    worker = await world.worker()
    world.event("ann", "bob", "cor")
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert len(world.address_book.asked) == 2


def _metrics() -> Metrics:
    return Metrics(CollectorRegistry(), version="0", providers={Channel.PUSH_IOS: "apns"}, sources=[])


@pytest.mark.parametrize(("registered_at_s", "left"), [(1_000.0, 0), (3_000.0, 1)])
async def test_what_became_of_each_is_counted(registered_at_s: float, left: int) -> None:
    device = DeviceToken("t1", "apns", registered_at_s)
    directory = FakeDirectory([Contact("ann", device_tokens=(device,))])
    metrics = _metrics()
    desk = DeadAddresses(FakeAddressBook(directory), metrics)
    desk.note(DeadAddress("ann", Channel.PUSH_IOS, "t1", 2_000.0))
    working = asyncio.create_task(desk.run())
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - lets the desk work
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert len(directory.contacts["ann"].device_tokens) == left
    became = "kept" if left else "removed"
    assert f'notifyd_dead_addresses_total{{became="{became}",channel="push_ios"}} 1.0'.encode() in metrics.text()


def test_more_than_can_wait_is_left_for_the_next_answer() -> None:
    metrics = _metrics()
    desk = DeadAddresses(FakeAddressBook(FakeDirectory()), metrics)
    for number in range(10_001):
        desk.note(DeadAddress(f"u{number}", Channel.PUSH_IOS, "t1", 0.0))
    assert b'notifyd_dead_addresses_total{became="failed",channel="push_ios"} 1.0' in metrics.text()
