"""Who owns a shard, for how long, and what becomes of its work when that ends."""

from __future__ import annotations

import msgspec
import pytest

from notifyd.core.log_row import RowKind
from notifyd.core.sequence import ShardEnd
from notifyd.errors import NotSent
from notifyd.flow.shard import ShardRun
from notifyd.ports import Limits, ShardInfo
from tests.support.flow_rig import FAILOVER_S, SEND_TIMEOUT_S, World
from tests.support.virtual_time import in_virtual_time

SHARD = "shard#fake:events#shard-0"


@in_virtual_time
async def test_one_shard_has_one_worker_and_the_others_stand_by() -> None:
    world = World()
    ann = await world.worker("ann")
    await world.until(lambda: bool(ann.engine.keeper.runs))
    bob = await world.worker("bob")
    world.events(50)
    await world.settled()
    await world.clock.sleep(3 * FAILOVER_S)
    assert not bob.engine.keeper.runs
    assert bob.engine.keeper.standing_by
    assert {item.epoch for item in world.table.shards.values()} == {1}
    await ann.stopped()
    await bob.stopped()


@in_virtual_time
async def test_a_second_worker_is_handed_its_share_and_nothing_is_sent_twice() -> None:
    shards = tuple(f"shard-{number}" for number in range(4))
    world = World(shards=shards)
    ann = await world.worker("ann")
    await world.until(lambda: len(ann.engine.keeper.runs) == 4)
    for shard in shards:
        world.events(200, shard=shard)
    bob = await world.worker("bob")
    await world.until(lambda: len(bob.engine.keeper.runs) == len(ann.engine.keeper.runs) == 2)
    for shard in shards:
        world.events(50, shard=shard)
    await world.settled()
    await ann.stopped()
    await bob.stopped()
    world.check_account()
    assert not world.duplicates()
    assert not world.flagged()


@in_virtual_time
async def test_after_a_stop_the_stand_by_takes_at_once_and_sends_nothing_twice() -> None:
    world = World()
    world.events(400)
    ann, bob = await world.worker("ann", slots_max=20), await world.worker("bob", slots_max=20)
    await world.until(lambda: len(world.sent()) > 100)
    first, second = (ann, bob) if ann.engine.keeper.runs else (bob, ann)
    began_s = world.clock.elapsed_s()
    await first.stopped()
    assert world.clock.elapsed_s() - began_s < 2
    assert first.name not in world.table.heartbeats
    await world.until(lambda: bool(second.engine.keeper.runs), within_s=2)
    await world.settled()
    await second.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 400}
    assert not world.duplicates()
    assert not world.flagged()


@in_virtual_time
async def test_a_stop_finishes_what_is_claimed_and_leaves_nothing_in_doubt() -> None:
    world = World()
    world.events(400)
    ann = await world.worker(slots_max=20)
    await world.until(lambda: len(world.sent()) > 100)
    await ann.stopped()
    item = world.table.shards[SHARD]
    assert item.lease_owner == ""
    assert item.progress.claimed == item.progress.checkpoint
    assert world.deliveries()["accepted"] == sum(world.sent().values()) < 400


@in_virtual_time
async def test_a_stop_in_the_middle_of_a_fan_out_finishes_it() -> None:
    world = World()
    world.event(*[f"fan{number}" for number in range(300)])
    ann = await world.worker(slots_max=10)
    await world.until(lambda: len(world.sent()) > 50)
    await ann.stopped()
    assert world.deliveries() == {"accepted": 300}
    world.check_account()


@in_virtual_time
async def test_a_dead_worker_s_shards_are_taken_after_the_failover_time() -> None:
    world = World()
    ann = await world.worker("ann")
    await world.until(lambda: bool(ann.engine.keeper.runs))
    bob = await world.worker("bob")
    await world.clock.sleep(2)
    await ann.killed()
    died_s = world.clock.elapsed_s()
    await world.until(lambda: bool(bob.engine.keeper.runs))
    assert FAILOVER_S - 1 <= world.clock.elapsed_s() - died_s <= FAILOVER_S + 2
    await world.until(lambda: "ann" not in world.table.heartbeats, within_s=2)
    await bob.stopped()


@in_virtual_time
async def test_a_fenced_worker_stops_sending_and_still_writes_what_was_accepted() -> None:
    world = World()
    world.provider.latency_s = 0.8
    world.events(300)
    ann = await world.worker(slots_max=20)
    await world.until(lambda: world.provider.in_flight > 0)
    world.table.steal(SHARD, "somebody")
    world.table.heartbeats["somebody"] = world.table.heartbeats["ann"]
    await world.until(lambda: "notifyd_fenced_total 1.0" in ann.metrics.text().decode())
    sent = sum(world.sent().values())
    await world.clock.sleep(3)
    assert sum(world.sent().values()) == sent
    assert world.deliveries() == {"accepted": sent}
    await ann.killed()


@in_virtual_time
async def test_a_fenced_worker_gives_its_slots_back_and_may_take_the_shard_again() -> None:
    world = World()
    world.events(100)
    ann = await world.worker(slots_max=20)
    await world.settled()
    world.table.steal(SHARD, "somebody")
    world.events(100)
    await world.until(lambda: not ann.engine.keeper.runs, within_s=3 * FAILOVER_S)
    assert ann.engine.slots.used == 0
    await world.settled()
    await ann.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 200}
    assert not world.duplicates()
    assert ann.engine.budget.used_bytes == 0


@in_virtual_time
async def test_who_is_cut_from_the_lease_table_stops_sending_before_another_starts() -> None:
    world = World()
    ann = await world.worker("ann", slots_max=50)
    await world.until(lambda: bool(ann.engine.keeper.runs))
    bob = await world.worker("bob", slots_max=50)
    world.events(200)
    await world.until(lambda: len(world.sent()) > 60)
    ann.wire.broken["leases"] = NotSent("cut off")
    await world.until(lambda: bool(bob.engine.keeper.runs))
    await world.settled()
    assert sum(world.duplicates().values()) <= 50
    assert set(world.duplicates()) <= world.flagged()
    del ann.wire.broken["leases"]
    world.events(100)
    await world.settled()
    await ann.stopped()
    await bob.stopped()
    world.check_account()
    assert sum(world.duplicates().values()) <= 50


@in_virtual_time
async def test_what_waits_while_the_lease_table_is_cut_off_is_not_sent_when_it_is_back() -> None:
    world = World()
    world.provider.latency_s = 0.9
    world.provider.limits = Limits(batch_max=5, in_flight_max=1, payload_bytes_max=1 << 20)
    patient = msgspec.structs.replace(world.settings.deliver, queue_wait_max_s=600.0)
    ann = await world.worker("ann", slots_max=50, deliver=patient)
    await world.until(lambda: bool(ann.engine.keeper.runs))
    bob = await world.worker("bob", slots_max=50, deliver=patient)
    world.events(100)
    await world.until(lambda: len(world.sent()) >= 10)
    ann.wire.broken["leases"] = NotSent("cut off")
    await world.until(lambda: bool(bob.engine.keeper.runs))
    await world.settled()
    sent = world.sent()
    del ann.wire.broken["leases"]
    await world.clock.sleep(5 * FAILOVER_S)
    assert world.sent() == sent, "after a lapse the shard's item says first whose it is"
    await ann.stopped()
    await bob.stopped()
    world.check_account()
    assert sum(world.duplicates().values()) <= 50
    assert set(world.duplicates()) <= world.flagged()


@in_virtual_time
async def test_a_late_copy_of_a_write_changes_nothing() -> None:
    world = World()
    world.events(100)
    ann = await world.worker(slots_max=10)
    await world.until(lambda: len(world.table.writes) > 5)
    stood = world.table.shards[SHARD]
    for write in world.table.writes[:-1]:
        assert world.table.apply(write) is not None
    assert world.table.shards[SHARD] == stood
    await world.settled()
    await ann.stopped()
    assert not world.duplicates()


@in_virtual_time
async def test_two_who_start_at_once_share_the_shards_and_the_children_to_come() -> None:
    shards = ("shard-0", "shard-1", "shard-2", "shard-3")
    world = World(shards=shards)
    ann, bob = await world.worker("ann"), await world.worker("bob")
    await world.until(lambda: len(ann.engine.keeper.runs) == len(bob.engine.keeper.runs) == 2)
    for shard in shards:
        world.events(5, shard=shard)
    await world.settled()
    child, _ = world.source.split("shard-0")
    world.event("late", shard=child)
    _, other = world.source.split("shard-3")
    world.event("later", shard=other)
    await world.settled(within_s=60)
    await ann.stopped()
    await bob.stopped()
    assert not world.duplicates()


@in_virtual_time
async def test_the_death_of_who_lists_the_shards_leaves_no_child_unread() -> None:
    world = World(shards=("shard-0", "shard-1"))
    ann = await world.worker("ann")
    await world.until(lambda: len(ann.engine.keeper.runs) == 2)
    bob = await world.worker("bob")
    await world.until(lambda: len(bob.engine.keeper.runs) == 1)
    assert world.table.streams["fake:events"].leader == "ann"
    await ann.killed()
    child, _ = world.source.split("shard-1")
    world.event("late", shard=child)
    await world.settled(within_s=120)
    assert world.table.streams["fake:events"].leader == "bob"
    await bob.stopped()


@in_virtual_time
async def test_children_are_read_after_their_parents_and_nothing_is_lost() -> None:
    world = World()
    world.events(250)
    left, right = world.source.split("shard-0")
    world.events(100, shard=left)
    world.events(100, shard=right)
    merged = world.source.merge(left, right)
    world.events(50, shard=merged)
    ann = await world.worker(slots_max=100)
    await world.settled()
    await ann.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 500}
    assert not world.duplicates()
    reads = world.source.reads
    last = {shard: len(reads) - 1 - reads[::-1].index(shard) for shard in ("shard-0", left, right)}
    assert last["shard-0"] < min(reads.index(left), reads.index(right))
    assert max(last[left], last[right]) < reads.index(merged)
    ends = [isinstance(world.table.shards[f"shard#fake:events#{shard}"].start, ShardEnd) for shard in last]
    assert all(ends)


@in_virtual_time
async def test_a_shard_that_closes_while_nobody_reads_it_still_comes_to_its_end() -> None:
    world = World()
    world.events(10)
    ann = await world.worker("ann")
    await world.settled()
    await ann.stopped()
    left, _ = world.source.split("shard-0")
    world.event("late", shard=left)
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    assert isinstance(world.table.shards[SHARD].start, ShardEnd)


@in_virtual_time
async def test_trimmed_records_leave_a_gap_row_and_an_alert() -> None:
    world = World()
    world.events(10)
    ann = await world.worker("ann")
    await world.settled()
    await ann.stopped()
    world.events(20)
    world.source.trim("shard-0", 15)
    bob = await world.worker("bob")
    await world.until(lambda: world.accounted()["read"] == 25)
    await bob.stopped()
    [gap] = world.log.of_kind(RowKind.GAP)
    assert gap.detail is not None
    assert set(gap.detail) == {"after", "next"}
    assert any("records lost" in subject for subject in world.alerts.subjects())
    assert not world.duplicates()


@in_virtual_time
async def test_a_gap_in_what_a_predecessor_claimed_settles_nothing_by_mistake() -> None:
    world = World()
    hung = world.unanswered(lambda delivery: int(delivery.user_id[1:]) % 10 == 9)
    world.events(300)
    ann = await world.worker("ann", slots_max=300)
    await world.until(lambda: world.accounted()["read"] == 270)
    await ann.killed()
    hung.clear()
    world.source.trim("shard-0", 40)
    bob = await world.worker("bob", slots_max=300)
    await world.until(lambda: any(row.user_id == "u299" for row in world.log.of_kind(RowKind.ACCEPTED)))
    await world.until(lambda: not world.retry.messages)
    await bob.stopped()
    users = {row.user_id for row in world.log.of_kind(RowKind.ACCEPTED)}
    assert users >= {f"u{number}" for number in range(40, 300)}


@pytest.mark.parametrize("how", ["deleted", "damaged"])
@in_virtual_time
async def test_a_lost_item_stops_its_shard_alone(how: str) -> None:
    world = World(shards=("shard-0", "shard-1"))
    ann = await world.worker()
    world.events(10)
    world.events(10, shard="shard-1")
    await world.settled()
    if how == "deleted":
        world.table.delete(SHARD)
    else:
        world.table.damage(SHARD)
    before = sum(world.sent().values())
    world.events(10)
    world.events(10, shard="shard-1")
    await world.until(lambda: len(world.sent()) == before + 10)
    await world.clock.sleep(60)
    assert sum(world.sent().values()) == before + 10
    assert any(subject.startswith(f"shard stopped: {SHARD}") for subject in world.alerts.subjects())
    assert SHARD in ann.engine.watch.stopped_shards
    await ann.stopped()


@in_virtual_time
async def test_a_shard_goes_on_once_its_item_is_repaired() -> None:
    world = World()
    ann = await world.worker()
    world.events(10)
    await world.settled()
    world.table.damage(SHARD)
    await world.until(lambda: SHARD in ann.engine.watch.stopped_shards)
    world.events(10)
    await world.clock.sleep(30)
    del world.table.damaged[SHARD]
    await world.settled()
    assert not ann.engine.watch.stopped_shards
    await ann.stopped()
    assert world.deliveries() == {"accepted": 20}


@in_virtual_time
async def test_bytes_and_slots_are_all_given_back() -> None:
    world = World()
    world.events(500)
    ann = await world.worker(slots_max=30)
    await world.settled()
    assert (ann.engine.budget.used_bytes, ann.engine.slots.used) == (0, 0)
    await ann.stopped()


@in_virtual_time
async def test_bytes_of_what_a_predecessor_settled_are_given_back() -> None:
    world = World()
    hung = world.unanswered(lambda delivery: delivery.user_id == "u0")
    world.events(400)
    ann = await world.worker("ann", slots_max=400)
    await world.until(lambda: world.accounted()["read"] == 399)
    await ann.killed()
    hung.clear()
    bob = await world.worker("bob")
    await world.settled()
    assert bob.engine.budget.used_bytes == 0
    await bob.stopped()
    assert set(world.duplicates()) <= {("evt-1", "u0", "paid")}


@in_virtual_time
async def test_a_predecessor_s_full_span_does_not_keep_its_successor_from_reading() -> None:
    world = World()
    hung = world.unanswered(lambda delivery: delivery.user_id == "u0")
    world.events(400)
    ann = await world.worker("ann", slots_max=400, span_max=300)
    await world.until(lambda: world.accounted()["read"] == 299)
    await ann.killed()
    hung.clear()
    bob = await world.worker("bob", span_max=300)
    await world.settled()
    await bob.stopped()
    world.check_account()


@in_virtual_time
async def test_shards_share_few_slots_and_nobody_starves() -> None:
    shards = tuple(f"shard-{number}" for number in range(8))
    world = World(shards=shards)
    for shard in shards:
        world.events(60, shard=shard)
    ann = await world.worker(slots_max=4)
    await world.settled(within_s=300)
    await ann.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 480}


@in_virtual_time
async def test_a_retry_path_that_gives_up_waiting_for_a_slot_leaves_the_line() -> None:
    world = World()
    world.provider.latency_s = 0.9
    ann = await world.worker(slots_max=1)
    runs = ann.engine.keeper.runs
    await world.until(lambda: bool(runs))
    run = next(iter(runs.values()))
    assert isinstance(run, ShardRun)
    ann.engine.slots.take("retry#email", 1)
    ann.engine.slots.take(SHARD, 1)
    ann.engine.slots.give_up("retry#email")
    ann.engine.slots.free("retry#email", 1)
    world.events(20)
    await world.settled()
    await ann.stopped()


@in_virtual_time
async def test_a_listing_that_failed_when_a_shard_ended_is_made_again_soon() -> None:
    world = World()
    world.events(3)
    worker = await world.worker()
    await world.settled()
    await world.clock.sleep(3)
    listing = world.source.list_shards
    refused: list[str] = []

    async def away() -> list[ShardInfo]:
        refused.append("list_shards")
        raise NotSent("away")

    world.source.list_shards = away  # type: ignore[method-assign]
    first, _ = world.source.split("shard-0")
    await world.until(lambda: bool(refused))
    world.source.list_shards = listing  # type: ignore[method-assign]
    world.events(1, shard=first)
    begun_s = world.clock.elapsed_s()
    await world.settled()
    assert world.clock.elapsed_s() - begun_s < 10
    await worker.stopped()


@in_virtual_time
async def test_a_lost_shard_that_waited_for_slots_leaves_them_to_the_others() -> None:
    world = World(shards=("shard-0", "shard-1"))
    hung = world.unanswered(lambda delivery: delivery.user_id == "slow")
    ann = await world.worker(slots_max=1)
    await world.until(lambda: len(ann.engine.keeper.runs) == 2)
    world.event("slow", shard="shard-1")
    await world.until(lambda: ann.engine.slots.used == 1)
    world.event("next", shard="shard-1")
    world.table.steal(SHARD, "somebody")
    world.table.heartbeats["somebody"] = world.table.heartbeats["ann"]
    world.event("lost", skip=True)
    world.event("lost")
    await world.until(lambda: "notifyd_fenced_total 1.0" in ann.metrics.text().decode(), within_s=SEND_TIMEOUT_S)
    hung.clear()
    await world.until(lambda: ("evt-2", "next", "paid") in world.sent(), within_s=FAILOVER_S / 2)
    await ann.killed()
