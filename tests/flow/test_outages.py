"""Something outside does not answer for a while: the flow stalls, loses nothing and sends nothing twice."""

from __future__ import annotations

import pytest

from notifyd.core.log_row import RowKind
from notifyd.core.sequence import ShardEnd
from notifyd.errors import AwsError, NoAnswer, NotSent, Throttled
from notifyd.vitals import Vitals
from tests.fakes.faults import LOST
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

AWAY = NotSent("away")
FULL = AwsError("ReceiveMessage", "OverLimit", "Too many messages in flight", status=403)
KEY_THROTTLED = Throttled("SendMessageBatch", "KmsThrottled", "Rate exceeded", status=400)
DELETED = AwsError("UpdateItem", "ResourceNotFoundException", "Requested resource not found", status=400)


@in_virtual_time
async def test_an_outage_of_the_directory_stalls_and_loses_nothing() -> None:
    world = World()
    world.events(50)
    world.directory.failure = Throttled("BatchGetItem", "ThrottlingException", "slow down", status=400)
    worker = await world.worker()
    await world.clock.sleep(60)
    assert world.accounted()["read"] == 0
    world.directory.failure = None
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 50}
    assert not world.duplicates()


@in_virtual_time
async def test_an_outage_of_the_log_stalls_loses_nothing_and_sends_nothing_twice() -> None:
    world = World()
    world.events(300)
    worker = await world.worker(slots_max=50)
    world.log.faults.outage = AWAY
    await world.clock.sleep(60)
    assert 0 < sum(world.sent().values()) <= 50
    assert world.accounted()["read"] == 0
    world.log.faults.outage = None
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 300}
    assert not world.duplicates()


@pytest.mark.parametrize("failure", [AWAY, DELETED], ids=["away", "deleted"])
@in_virtual_time
async def test_without_the_lease_table_sending_stops_says_why_and_goes_on_afterwards(failure: Exception) -> None:
    world = World()
    world.events(50)
    worker = await world.worker(slots_max=200)
    await world.settled()
    vitals = Vitals(worker.engine, world.clock, version="1", scan_fresh_for_s=15.0)
    assert vitals.why_not_ready() == []
    world.table.faults.outage = failure
    await world.clock.sleep(20)
    world.events(500)
    await world.clock.sleep(20)
    assert sum(world.sent().values()) == 50
    assert "sending has stopped" in " ".join(vitals.why_not_ready())
    world.table.faults.outage = None
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 550}
    assert not world.duplicates()
    assert next(iter(world.table.shards.values())).epoch == 1


@in_virtual_time
async def test_an_outage_of_the_lease_table_ends_in_no_takeover() -> None:
    world = World()
    world.events(50)
    ann, bob = await world.worker("ann"), await world.worker("bob")
    await world.settled()
    world.table.faults.outage = AWAY
    await world.clock.sleep(300)
    world.table.faults.outage = None
    world.events(50)
    await world.settled()
    assert next(iter(world.table.shards.values())).epoch == 1
    assert not world.duplicates()
    await ann.stopped()
    await bob.stopped()


@pytest.mark.parametrize("failure", [AWAY, FULL, KEY_THROTTLED], ids=["away", "in-flight limit", "key throttled"])
@in_virtual_time
async def test_an_outage_of_the_retry_queue_loses_no_hand_over(failure: Exception) -> None:
    world = World()
    world.events(20)
    world.provider.answer = lambda _: None
    worker = await world.worker()
    world.retry.faults.outage = failure
    await world.clock.sleep(30)
    assert world.accounted()["read"] == 0
    world.provider.answer = type(world.provider)(world.clock).answer
    world.retry.faults.outage = None
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 20}
    assert len(world.flagged()) == 20


@in_virtual_time
async def test_a_stream_that_does_not_answer_is_read_on_afterwards() -> None:
    world = World()
    world.events(20)
    world.source.fail_next("shard-0", *[NoAnswer("slow"), Throttled("GetRecords", "x", "y", status=400)] * 3)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 20}
    assert not world.duplicates()


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_a_ledger_write_that_is_applied_but_unanswered_duplicates_nothing(lost: Exception) -> None:
    world = World()
    world.events(100)
    worker = await world.worker(slots_max=10)
    for _ in range(20):
        world.table.faults.lose_answers("write", error=lost)
        await world.clock.sleep(0.2)
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 100}
    assert not world.duplicates()
    assert not world.flagged()
    assert next(iter(world.table.shards.values())).epoch == 1


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_log_rows_that_are_applied_but_unanswered_duplicate_nothing(lost: Exception) -> None:
    world = World()
    world.events(100)
    world.log.faults.lose_answers("append", 5, lost)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert len(world.log.of_kind(RowKind.ACCEPTED)) == 100
    assert not world.duplicates()


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_a_take_that_is_applied_but_unanswered_is_found_and_goes_on(lost: Exception) -> None:
    world = World()
    world.events(20)
    world.table.faults.lose_answers("take", 2, lost)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 20}
    assert not world.duplicates()


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_a_release_that_is_applied_but_unanswered_is_a_release(lost: Exception) -> None:
    world = World()
    world.events(5)
    worker = await world.worker()
    await world.settled()
    await world.clock.sleep(1)
    world.table.faults.lose_answers("write", error=lost)
    began_s = world.clock.elapsed_s()
    await worker.stopped()
    assert world.clock.elapsed_s() - began_s < 3
    assert worker.engine.keeper.runs == {}
    assert "notifyd_fenced_total 0.0" in worker.metrics.text().decode()


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_a_shard_end_that_is_applied_but_unanswered_frees_the_children_at_once(lost: Exception) -> None:
    world = World()
    world.events(5)
    worker = await world.worker()
    await world.settled()
    await world.clock.sleep(1)
    world.table.faults.lose_answers("write", error=lost)
    left, _ = world.source.split("shard-0")
    world.event("late", shard=left)
    await world.settled(within_s=10)
    await worker.stopped()
    assert isinstance(world.table.shards["shard#fake:events#shard-0"].start, ShardEnd)


@in_virtual_time
async def test_a_provider_that_cannot_say_its_limits_goes_on_with_those_it_had() -> None:
    world = World()
    world.events(5)

    class Mute(type(world.provider)):  # type: ignore[misc]
        async def refresh_limits(self) -> None:
            raise AwsError("GetAccount", "InternalFailure", "no", status=500)

    world.provider = Mute(world.clock)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 5}


@in_virtual_time
async def test_no_slot_is_told_missing_while_the_write_that_frees_it_is_under_way() -> None:
    world = World()
    world.events(20)
    worker = await world.worker()
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 20, every_s=0.001)
    world.table.faults.outage = NotSent("away")
    [run] = worker.engine.keeper.runs.values()
    told: set[int] = set()
    for _ in range(100):
        await world.clock.sleep(0.01)
        told.add(run.deliveries_residue)
    world.table.faults.outage = None
    await world.settled()
    await worker.stopped()
    assert told == {0}
