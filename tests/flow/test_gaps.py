"""What a stream trimmed before it was read: never lost in silence, whatever happens next."""

from __future__ import annotations

import pytest

from notifyd.core.log_row import RowKind
from notifyd.core.sequence import ShardEnd
from notifyd.errors import AwsError, NotSent
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

AWAY = NotSent("away")
SHARD = "shard#fake:events#shard-0"


def _gaps(world: World) -> list[dict[str, str]]:
    return [row.detail or {} for row in world.log.of_kind(RowKind.GAP)]


async def _read_ten(world: World) -> None:
    world.events(10)
    worker = await world.worker("ann")
    await world.settled()
    await worker.stopped()


@in_virtual_time
async def test_an_outage_of_the_log_and_a_crash_cost_no_gap_row() -> None:
    world = World()
    await _read_ten(world)
    for _ in range(20):
        world.event("nobody", source="elsewhere")
    world.source.trim("shard-0", 15)
    world.log.faults.refuse("append", *[AWAY] * 1000)
    bob = await world.worker("bob")
    await world.clock.sleep(30)
    assert world.alerts.subjects()
    await bob.killed()
    world.log.faults = type(world.log.faults)()
    carol = await world.worker("carol")
    await world.until(lambda: world.accounted()["read"] == 25)
    await carol.stopped()
    assert world.log.of_kind(RowKind.GAP)


@in_virtual_time
async def test_a_shard_of_which_all_that_was_left_is_gone_ends_behind_its_gap_row() -> None:
    world = World()
    await _read_ten(world)
    world.events(5)
    world.source.close("shard-0")
    world.source.trim("shard-0", 15)
    world.log.faults.refuse("append", *[AWAY] * 10)
    bob = await world.worker("bob")
    await world.until(lambda: isinstance(world.table.shards[SHARD].start, ShardEnd))
    [gap] = _gaps(world)
    assert gap["next"] == ""
    await bob.stopped()


@in_virtual_time
async def test_a_shard_that_left_the_stream_unread_ends_behind_its_gap_row_and_frees_its_children() -> None:
    """As after a weekend's outage, or when a table's stream was switched off and on."""
    world = World()
    await _read_ten(world)
    last_read = world.table.shards[SHARD].progress.checkpoint
    assert last_read is not None
    world.events(5)
    left, _ = world.source.split("shard-0")
    world.source.fail_next("shard-0", *[AWAY] * 1000)
    bob = await world.worker("bob")
    await world.until(lambda: len(world.table.shards) == 3)
    await bob.killed()
    world.source.drop_shard("shard-0")
    world.event("late", shard=left)
    carol, dave = await world.worker("carol"), await world.worker("dave")
    await world.until(lambda: world.accounted()["read"] == 11)
    assert isinstance(world.table.shards[SHARD].start, ShardEnd)
    assert _gaps(world) == [{"after": last_read.text(), "next": ""}]
    assert any(SHARD in subject for subject in world.alerts.subjects())
    for worker in (carol, dave):
        assert not worker.engine.watch.stopped_shards
        await worker.stopped()
    assert not world.duplicates()


@in_virtual_time
async def test_a_shard_that_leaves_the_stream_while_it_is_read_ends_behind_what_was_read_of_it() -> None:
    world = World()
    world.events(30)
    ann = await world.worker("ann")
    await world.until(lambda: world.source.reads != [])
    world.source.drop_shard("shard-0")
    await world.until(lambda: isinstance(world.table.shards[SHARD].start, ShardEnd))
    await ann.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 30}
    assert len(_gaps(world)) == 1


@in_virtual_time
async def test_a_listing_that_misses_a_shard_ends_and_stops_none() -> None:
    world = World()
    await _read_ten(world)
    world.source.list_without("shard-0")
    bob = await world.worker("bob")
    await world.clock.sleep(60)
    world.events(10)
    await world.until(lambda: world.accounted()["read"] == 20)
    await bob.stopped()
    assert not bob.engine.watch.stopped_shards
    assert _gaps(world) == []


@in_virtual_time
async def test_a_shard_that_a_read_does_not_find_and_the_stream_still_lists_is_read_on() -> None:
    world = World()
    world.events(10)
    unknown = AwsError("GetRecords", "ResourceNotFoundException", "no such shard", status=400)
    world.source.fail_next("shard-0", *[unknown] * 5)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 10}
    assert _gaps(world) == []


async def _die_before_the_first_checkpoint(world: World) -> None:
    """The first record is claimed, and nothing of it is settled."""
    world.log.faults.refuse("append", *[AWAY] * 1000)
    world.events(10)
    ann = await world.worker("ann")
    await world.until(lambda: len(world.provider.taken) == 10)
    assert world.table.shards[SHARD].progress.checkpoint is None
    await ann.killed()
    world.log.faults = type(world.log.faults)()


@in_virtual_time
async def test_what_is_trimmed_before_the_first_checkpoint_leaves_a_gap_row_and_an_alert() -> None:
    world = World()
    await _die_before_the_first_checkpoint(world)
    world.source.trim("shard-0", 4)
    bob = await world.worker("bob")
    await world.until(lambda: world.accounted()["read"] == 6)
    await bob.stopped()
    [gap] = _gaps(world)
    assert gap["after"] == ""
    assert any("records lost" in subject for subject in world.alerts.subjects())
    assert "notifyd_stream_gaps_total 1.0" in bob.metrics.text().decode()


@in_virtual_time
async def test_a_shard_that_was_trimmed_whole_before_its_first_checkpoint_ends_behind_a_gap_row() -> None:
    world = World()
    await _die_before_the_first_checkpoint(world)
    world.source.close("shard-0")
    world.source.trim("shard-0", 10)
    bob = await world.worker("bob")
    await world.until(lambda: isinstance(world.table.shards[SHARD].start, ShardEnd))
    assert len(_gaps(world)) == 1
    await bob.stopped()


@in_virtual_time
async def test_a_crash_before_the_first_checkpoint_alone_is_no_gap() -> None:
    world = World()
    await _die_before_the_first_checkpoint(world)
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    assert not _gaps(world)


HOUR_S = 3600.0


async def _restart_after(world: World, away_s: float, *, arrived_s_ago: float = 10 * HOUR_S) -> None:
    """Ann reads ten and stops; Bob comes `away_s` later, when they are gone from the stream."""
    arrival_s = world.clock_at(-arrived_s_ago)
    for number in range(10):
        world.event(f"u{number}", arrival_s=arrival_s)
    ann = await world.worker("ann")
    await world.settled()
    await world.clock.sleep(2)
    await ann.stopped()
    await world.clock.sleep(away_s)
    world.source.trim("shard-0", 10)
    bob = await world.worker("bob")
    world.events(5)
    await world.until(lambda: world.accounted()["read"] == 15)
    await bob.stopped()


@in_virtual_time
async def test_a_quiet_shard_whose_last_record_has_gone_of_age_shows_no_gap() -> None:
    world = World()
    await _restart_after(world, 20 * HOUR_S)
    assert not _gaps(world)
    assert not world.alerts.subjects()
    assert world.deliveries() == {"accepted": 15}


@in_virtual_time
async def test_a_quiet_shard_that_nobody_read_for_as_long_as_it_keeps_records_shows_a_gap() -> None:
    world = World()
    await _restart_after(world, 23.5 * HOUR_S)
    assert len(_gaps(world)) == 1


@in_virtual_time
async def test_a_record_that_is_gone_before_its_time_shows_a_gap() -> None:
    """The stream was made anew under its name."""
    world = World()
    await _restart_after(world, 10.0, arrived_s_ago=0.0)
    assert len(_gaps(world)) == 1


@pytest.mark.slow
@in_virtual_time
async def test_a_quiet_shard_is_written_once_an_hour() -> None:
    world = World()
    world.events(10)
    ann = await world.worker("ann")
    await world.settled()
    await world.clock.sleep(2)
    before = len(world.table.writes)
    await world.clock.sleep(HOUR_S)
    assert len(world.table.writes) == before + 1
    await ann.killed()


@pytest.mark.parametrize(("waited_s", "gaps"), [(20 * HOUR_S, 0), (23.5 * HOUR_S, 1)])
@in_virtual_time
async def test_a_shard_that_waited_unread_for_as_long_as_it_keeps_records_shows_a_gap(
    waited_s: float, gaps: int
) -> None:
    world = World()
    ann = await world.worker("ann")
    await world.until(lambda: SHARD in world.table.shards)
    await ann.killed()
    await world.clock.sleep(waited_s)
    world.events(5)
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    assert len(_gaps(world)) == len(world.alerts.subjects()) == gaps
