"""Gauges go on whatever one reading of them meets: nothing else would tell that they stand still."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from notifyd.errors import NoAnswer
from notifyd.flow.gauges import keep_gauges
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time


@pytest.mark.parametrize(
    ("error", "event"),
    [(NoAnswer("SQS is away"), "queue_depths_unknown"), (RuntimeError("a bug"), "gauges_failed")],
)
@in_virtual_time
async def test_a_reading_that_fails_is_told_and_the_next_one_follows(error: Exception, event: str) -> None:
    world = World()
    world.retry.faults.refuse("depth", error)
    worker = await world.worker()
    with capture_logs() as lines:
        gauges = asyncio.create_task(keep_gauges(worker.engine, worker.metrics, world.clock))
        await world.clock.sleep(90)
        gauges.cancel()
    await worker.stopped()

    assert [line["event"] for line in lines if line["log_level"] != "info"] == [event]
    assert world.retry.faults.calls.count("depth") > 1
    assert f"notifyd_slots_max {world.settings.slots_max}.0" in worker.metrics.text().decode()
