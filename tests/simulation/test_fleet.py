"""The fleet in its short form: the promises, on fewer workers."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from tests.simulation.fleet import fleet
from tests.support.virtual_time import VirtualLoop


def test_a_fleet_shares_its_shards_evenly_and_reads_every_one_whoever_dies_or_comes() -> None:
    with capture_logs(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(fleet(45, 6, 2, lambda _: None))
    assert [f"{one.name}: {one.value}" for one in result.broken] == []
