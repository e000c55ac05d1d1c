"""When a KCL application's checkpoints are taken over, and when not."""

from __future__ import annotations

import pytest

from notifyd.audit.kcl_import import KclImporter
from notifyd.core.kcl import KclLease
from notifyd.errors import ConfigError
from tests.support.audit_rig import AuditRig


class _Kcl:
    """`renewed`: each look finds another counter."""

    def __init__(self, checkpoint: str, *, renewed: bool = False) -> None:
        self._checkpoint = checkpoint
        self._renewed = renewed
        self._counter = 1

    async def leases(self) -> list[KclLease]:
        self._counter += self._renewed
        return [KclLease("shard-0", self._counter, self._checkpoint, owner="theirs")]


def importer(rig: AuditRig, kcl: _Kcl) -> KclImporter:
    rig.table.streams.clear()
    return KclImporter(rig.source, "events", kcl, rig.table, rig.clock)


async def test_an_import_initialises_the_stream_with_kcls_checkpoints() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a")
    one = importer(rig, _Kcl(position.sequence))
    await one.write(await one.prepare(None))
    [item] = rig.table.shards.values()
    assert item.progress.checkpoint == position
    assert rig.table.streams[rig.source.name].listed
    with pytest.raises(ConfigError, match="reads this stream already"):
        await one.prepare(None)


async def test_leases_that_are_still_renewed_are_not_taken() -> None:
    rig = AuditRig()
    with pytest.raises(ConfigError, match="still renewed, the first by theirs"):
        await importer(rig, _Kcl("TRIM_HORIZON", renewed=True)).prepare(None)
    assert rig.table.shards == {}


async def test_an_import_that_was_broken_off_can_be_made_again_unless_kcl_has_gone_on() -> None:
    rig = AuditRig()
    first, second = rig.put("e-1", "a"), rig.put("e-2", "a")
    one = importer(rig, _Kcl(first.sequence))
    takeover = await one.prepare(None)
    await rig.table.create_shard(takeover.imported.items[0])
    await one.write(takeover)
    rig.table.streams.clear()
    later = importer(rig, _Kcl(second.sequence))
    takeover = await later.prepare(None)
    with pytest.raises(ConfigError, match="broken off"):
        await later.write(takeover)


async def test_a_lease_of_no_use_is_said_before_anything_is_written() -> None:
    rig = AuditRig()
    with pytest.raises(ConfigError, match="--timestamp"):
        await importer(rig, _Kcl("AT_TIMESTAMP")).prepare(None)
    assert (rig.table.shards, rig.table.streams) == ({}, {})
