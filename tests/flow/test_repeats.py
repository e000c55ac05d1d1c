"""What a producer sends twice is sent once: which of the copies keeps the event, and who finds out."""

from __future__ import annotations

import pytest

from notifyd.audit.auditor import Auditor, Report
from notifyd.audit.parts import AuditedSource, Walk
from notifyd.audit.stretch import Stretch
from notifyd.core.channel import Channel
from notifyd.core.decode import Decoder
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.log_row import RowKind
from notifyd.core.path import compile_path
from notifyd.core.pattern import compile_pattern
from notifyd.errors import NotSent
from tests.fakes.system import FakeEntropy
from tests.support.flow_rig import Worker, World, of, paid
from tests.support.virtual_time import in_virtual_time
from tests.support.wire_cut import Wire

WINDOW_S = 30.0
TWO = ("shard-0", "shard-1")
SLOTS = 8


def _looked_up(*workers: Worker) -> int:
    return sum(worker.wire.steps.count("before log.rows_of_event") for worker in workers)


async def _audit(world: World) -> Report:
    """As `notifyd audit` over all that was put."""
    scan = await world.table.scan()
    walk = Walk(
        catalog=world.catalog, delivery_log=world.log, scan=scan, clock=world.clock, entropy=FakeEntropy("audit")
    )
    auditor = Auditor(
        walk=walk,
        scan=scan,
        delivery_log=world.log,
        retry_queues={Channel.EMAIL: world.retry},
        dead_letters=world.dead,
        clock=world.clock,
    )
    audited = AuditedSource(world.source, Decoder(SourceKind.KINESIS, "events"))
    return await auditor.audit([audited], Stretch(0.0, world.clock.now_s() + 1), lambda _: None)


def _check_once(world: World, events: list[str], *, duplicates: int) -> None:
    world.check_account()
    assert world.sent() == dict.fromkeys(of("paid", events, [f"u{number}" for number in range(len(events))]), 1)
    assert world.accounted()["duplicate"] == duplicates
    assert len(world.log.of_kind(RowKind.DUPLICATE)) == duplicates
    assert not world.flagged()


@in_virtual_time
async def test_a_repeat_of_what_is_settled_is_found_in_the_log() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    worker = await world.worker()
    events = world.events(5)
    await world.settled()
    for event_id in events:
        world.repeat(event_id)
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=5)
    assert _looked_up(worker) == 5


@pytest.mark.parametrize("shard", TWO)
@in_virtual_time
async def test_a_repeat_of_what_is_in_flight_here_asks_nobody(shard: str) -> None:
    world = World(dedupe_window_s=WINDOW_S, shards=TWO)
    world.provider.latency_s = 0.8
    worker = await world.worker()
    events = world.events(5)
    await world.until(lambda: bool(world.provider.requests))
    for event_id in events:
        world.repeat(event_id, shard=shard)
    await world.until(lambda: world.accounted()["duplicate"] == 5 or bool(world.provider.taken))
    assert not world.log.of_kind(RowKind.ACCEPTED)
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=5)
    assert _looked_up(worker) == 0


@in_virtual_time
async def test_of_copies_in_one_page_the_first_is_sent() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    events = world.events(3)
    for event_id in events * 2:
        world.repeat(event_id)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=6)
    assert {row.position for row in world.log.of_kind(RowKind.ACCEPTED)} == {
        str((row.detail or {})["original"]) for row in world.log.of_kind(RowKind.DUPLICATE)
    }


@in_virtual_time
async def test_a_look_up_that_fails_says_nothing_and_is_made_again() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    worker = await world.worker()
    events = world.events(2)
    await world.settled()
    world.log.faults.refuse("rows_of_event", *[NotSent("away")] * 3)
    world.repeat(events[0])
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=1)
    assert _looked_up(worker) == 4


@in_virtual_time
async def test_fingerprints_that_take_every_event_for_a_known_one_suppress_none() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    worker = await world.worker(dedupe_bytes_max=32)
    events = world.events(60)
    await world.settled()
    world.repeat(events[0])
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=1)
    assert _looked_up(worker) > 20


@pytest.mark.parametrize("dies", [True, False])
@in_virtual_time
async def test_a_repeat_of_what_a_predecessor_handled_is_found_in_the_log(dies: bool) -> None:
    world = World(dedupe_window_s=WINDOW_S)
    ann = await world.worker("ann")
    events = world.events(5)
    await world.settled()
    await (ann.killed() if dies else ann.stopped())
    for event_id in events:
        world.repeat(event_id)
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    _check_once(world, events, duplicates=5)


@in_virtual_time
async def test_after_a_takeover_events_are_looked_up_for_the_windows_time() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    ann = await world.worker("ann")
    world.events(1)
    await world.settled()
    await ann.stopped()
    bob = await world.worker("bob")
    world.events(3)
    await world.settled()
    assert (_looked_up(ann), _looked_up(bob)) == (0, 3)
    await world.clock.sleep(WINDOW_S)
    world.events(3)
    await world.settled()
    await bob.stopped()
    assert _looked_up(bob) == 3
    world.check_account()


@in_virtual_time
async def test_the_windows_time_counts_from_the_last_record_that_a_predecessor_settled() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    world.unanswered(lambda delivery: delivery.user_id == "slow")
    world.event("slow", arrival_s=world.clock_at(-2 * WINDOW_S))
    event_id = world.event("quick")
    ann = await world.worker("ann")
    await world.until(lambda: world.accounted()["expanded"] == 1)
    await ann.killed()
    bob = await world.worker("bob")
    await world.until(lambda: "bob" in {item.lease_owner for item in world.table.shards.values()})
    world.repeat(event_id)
    await world.until(lambda: world.accounted()["read"] == 3)
    await bob.killed()
    assert world.accounted()["duplicate"] == 1
    assert world.sent()[event_id, "quick", "paid"] == 1


@in_virtual_time
async def test_children_look_up_what_their_parent_may_have_brought() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    worker = await world.worker()
    events = world.events(4)
    await world.settled()
    left, right = world.source.split("shard-0")
    for event_id in events:
        world.repeat(event_id, shard=left)
        world.repeat(event_id, shard=right)
    await world.settled()
    await worker.stopped()
    _check_once(world, events, duplicates=8)


@in_virtual_time
async def test_behind_the_window_a_repeat_is_an_event_of_its_own() -> None:
    world = World(dedupe_window_s=WINDOW_S)
    worker = await world.worker()
    event_id = world.event("ann")
    await world.settled()
    for _ in range(10):
        await world.clock.sleep(WINDOW_S / 3)
        world.event("bob")
    world.repeat(event_id)
    await world.settled()
    await worker.stopped()
    assert world.accounted()["expanded"] == 12
    assert world.sent()[event_id, "ann", "paid"] == 2


@in_virtual_time
async def test_with_dedupe_off_each_copy_is_sent_and_nothing_is_looked_up() -> None:
    world = World()
    event_id = world.event("ann")
    world.repeat(event_id)
    worker = await world.worker()
    await world.settled()
    world.repeat(event_id)
    await world.settled()
    await worker.stopped()
    assert world.sent() == {(event_id, "ann", "paid"): 3}
    assert _looked_up(worker) == 0


@in_virtual_time
async def test_events_without_an_id_of_their_own_cannot_repeat_and_are_not_looked_up() -> None:
    bare = paid(match=compile_pattern({"source": ["events"]}), users=compile_path("detail.users"))
    world = World([bare], dedupe_window_s=WINDOW_S)
    world.person("ann")
    ann = await world.worker("ann")
    world.put(b'{"users": ["ann"], "amount": 5}')
    await world.settled()
    await ann.stopped()
    bob = await world.worker("bob", dedupe_bytes_max=32)
    for _ in range(4):
        world.put(b'{"users": ["ann"], "amount": 5}')
    await world.settled()
    await bob.stopped()
    assert world.accounted()["expanded"] == 5
    assert _looked_up(ann, bob) == 0


@in_virtual_time
async def test_in_doubt_and_another_copy_was_sent_it_is_listed_and_not_sent_again() -> None:
    world = World(dedupe_window_s=WINDOW_S, shards=TWO)
    ann, bob = await world.worker("ann"), await world.worker("bob")
    await world.until(lambda: {item.lease_owner for item in world.table.shards.values()} == {"ann", "bob"})
    shard_of = {item.lease_owner: item.shard_id for item in world.table.shards.values()}
    ann.wire.broken["log"] = NotSent("away")
    event_id = world.event("zoe", shard=shard_of["ann"])
    await world.until(lambda: bool(world.provider.taken))
    world.repeat(event_id, shard=shard_of["bob"])
    await world.until(lambda: len(world.provider.taken) == 2)
    await ann.killed()
    await world.settled()
    await bob.stopped()
    world.check_account()
    assert world.sent() == {(event_id, "zoe", "paid"): 2}
    assert world.flagged() == {(event_id, "zoe", "paid")}
    assert 'notifyd_possible_duplicates_total{channel="email"} 1.0' in bob.metrics.text().decode()
    assert (world.accounted()["expanded"], world.accounted()["duplicate"]) == (1, 1)
    report = await _audit(world)
    assert (report.residue, report.events["duplicate"], report.deliveries["planned"]) == (0, 1, 1)
    assert [one.row.event_id for one in report.possible_duplicates] == [event_id]


async def _run_through(cut_at: int | None) -> tuple[World, Wire]:
    """Copies on one shard and on two, some while the first is in flight; one worker dies, another goes on."""
    world = World(dedupe_window_s=WINDOW_S, shards=TWO)
    first = world.events(4)
    for event_id in first:
        world.repeat(event_id)
        world.repeat(event_id, shard="shard-1")
    wire = Wire(cut_at)
    ann = await world.worker("ann", wire=wire, slots_max=SLOTS)
    await world.until(lambda: wire.cut.is_set() or bool(world.provider.requests), within_s=400)
    for event_id in world.events(4, shard="shard-1"):
        world.repeat(event_id, shard="shard-0")
        world.repeat(event_id, shard="shard-1")
    await world.until(lambda: wire.cut.is_set() or world.accounted()["read"] == world.put_count, within_s=400)
    if cut_at is None:
        await ann.stopped()
        return world, wire
    await ann.killed()
    bob = await world.worker("bob", slots_max=SLOTS)
    await world.settled(within_s=400)
    await bob.stopped()
    return world, wire


@in_virtual_time
async def test_a_crash_at_any_step_leaves_one_copy_and_lists_what_it_sent_twice() -> None:
    whole, wire = await _run_through(None)
    assert (len(whole.sent()), whole.duplicates(), whole.accounted()["duplicate"]) == (8, {}, 16)
    steps = len(wire.steps)
    for cut_at in range(1, steps + 1, 3):
        world, wire = await _run_through(cut_at)
        where = f"cut at {cut_at}: {wire.steps[-1]}\n{world.describe()}"
        world.check_account()
        assert len(world.sent()) == 8, where
        assert set(world.duplicates()) <= world.flagged(), where
        assert sum(world.duplicates().values()) <= 2 * SLOTS, where
        assert world.accounted()["duplicate"] == 16, where
        report = await _audit(world)
        assert (report.residue, report.events["duplicate"]) == (0, 16), where
