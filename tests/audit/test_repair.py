"""Which items are made anew, and which are left alone."""

from __future__ import annotations

import asyncio
from itertools import count

import msgspec

from notifyd.audit.repair import Broken, Mend, Repairer
from notifyd.core.lease import Heartbeat, StreamItem
from notifyd.core.lineage import note
from notifyd.core.sequence import AtTimestamp, TrimHorizon
from notifyd.errors import Fault
from tests.fakes.lease_repairs import FakeLeaseRepairs
from tests.fakes.system import FakeEntropy
from tests.support.audit_rig import AuditRig

FAILOVER_S = 15.0
LOG_TTL_S = 86_400.0


def repairer(rig: AuditRig) -> Repairer:
    return Repairer(
        sources=[rig.source],
        table=rig.table,
        repairs=FakeLeaseRepairs(rig.table),
        clock=rig.clock,
        entropy=FakeEntropy(),
        failover_time_s=FAILOVER_S,
        log_ttl_s=LOG_TTL_S,
    )


async def prepared(rig: AuditRig) -> tuple[list[Broken], list[Mend], list[Fault]]:
    broken, faults = await repairer(rig).find()
    mends, refused = await repairer(rig).prepare(broken)
    return broken, mends, faults + refused


async def test_a_damaged_item_goes_on_behind_its_checkpoint_and_looks_up_to_the_shards_last_record() -> None:
    rig = AuditRig()
    first, last = rig.put("e-1", "a"), rig.put("e-2", "a")
    rig.table.damage(rig.reached(first).key)
    _, [mend], faults = await prepared(rig)
    assert faults == []
    assert (mend.item.progress.checkpoint, mend.item.progress.claimed) == (first, last)
    assert await repairer(rig).write([mend]) == []
    assert await prepared(rig) == ([], [], [])


async def test_a_shard_that_was_listed_and_has_no_item_is_looked_up_from_where_the_log_can_tell() -> None:
    rig = AuditRig()
    last = rig.put("e-1", "a")
    listed = note(b"", await rig.source.list_shards())
    rig.table.streams[rig.source.name] = StreamItem(rig.source.name, TrimHorizon(), listed=listed)
    [broken], [mend], _ = await prepared(rig)
    assert broken.why == "its item is gone from the lease table"
    assert mend.item.start == AtTimestamp(rig.clock.now_s() - LOG_TTL_S)
    assert mend.item.progress.claimed == last


async def test_what_a_live_worker_may_own_is_left_alone_and_a_dead_ones_is_not() -> None:
    rig = AuditRig()
    item = rig.reached(rig.put("e-1", "a"), lease_owner="worker", epoch=3, commit_id="c")
    rig.table.damage(item.key)
    rig.table.heartbeats["worker"] = Heartbeat("worker", 5)
    _, [mend], faults = await prepared(rig)
    assert (faults, mend.item.epoch, rig.clock.slept_s[0]) == ([], 4, FAILOVER_S)

    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(_beat(rig))
        _, mends, [fault] = await prepared(rig)
        beating.cancel()
    assert mends == []
    assert fault.what == "worker worker is alive and may own it"


async def _beat(rig: AuditRig) -> None:
    for counter in count(6):
        await rig.clock.sleep(3.0)
        rig.table.heartbeats["worker"] = Heartbeat("worker", counter)


async def test_an_item_that_somebody_wrote_to_meanwhile_is_not_overwritten() -> None:
    rig = AuditRig()
    item = rig.reached(rig.put("e-1", "a"))
    rig.table.damage(item.key)
    _, mends, _ = await prepared(rig)
    taken = rig.table.steal(item.key, "somebody")
    [fault] = await repairer(rig).write(mends)
    assert "somebody wrote to it" in fault.what
    assert rig.table.shards[item.key] is taken


async def test_an_item_whose_runs_cannot_be_read_is_made_anew() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a")
    item = rig.reached(position)
    progress = msgspec.structs.replace(item.progress, unsettled=b"\xff")
    rig.table.shards[item.key] = msgspec.structs.replace(item, progress=progress)
    [broken], [mend], _ = await prepared(rig)
    assert (broken.key, mend.item.progress.unsettled) == (item.key, b"")


async def test_what_is_damaged_and_no_shard_is_said_with_its_mend() -> None:
    rig = AuditRig()
    rig.table.damage("worker#w-1")
    broken, faults = await repairer(rig).find()
    assert broken == []
    assert [fault.mend for fault in faults] == ["delete it: its worker writes it again"]
