"""Gauges that are cheaper to read now and then than to keep up to date."""

from __future__ import annotations

import structlog

from notifyd.errors import AwsError, TransportError
from notifyd.flow.engine import Engine
from notifyd.ports import Clock
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_INTERVAL_S = 1.0
_QUEUES_EVERY = 15
# After a reading that failed, so that one that always does fills no log.
_PAUSE_S = 15.0


async def keep_gauges(engine: Engine, metrics: Metrics, clock: Clock) -> None:
    """Once a second; the queues' depths, which cost a call each, every fifteen."""
    turn = 0
    while True:
        try:
            _read(engine, metrics)
            if turn % _QUEUES_EVERY == 0:
                await _read_queues(engine, metrics)
        except Exception:
            # A bug here is no reason to end what delivers, and one that nobody hears of leaves gauges that stand.
            log.exception("gauges_failed")
            await clock.sleep(_PAUSE_S)
        turn += 1
        await clock.sleep(_INTERVAL_S)


def _read(engine: Engine, metrics: Metrics) -> None:
    metrics.slots_in_use.set(engine.slots.used)
    metrics.slots_max.set(engine.slots.slots_max)
    metrics.claims_waiting.set(engine.slots.waiting_count)
    events = deliveries = 0
    for run in engine.keeper.runs.values():
        if run.iterator_age_s is not None:
            metrics.iterator_age.set(run.iterator_age_s, run.item.source, run.item.shard_id)
        events += run.residue
        deliveries += run.deliveries_residue
    metrics.residue.set(events, "events")
    metrics.residue.set(deliveries, "deliveries")


async def _read_queues(engine: Engine, metrics: Metrics) -> None:
    outside = engine.outside
    try:
        for channel, queue in outside.retry_queues.items():
            metrics.retry_depth.set(await queue.depth(), channel)
        for dlq in (None, *outside.providers):
            metrics.dead_letters.set(await outside.dead_letters.depth(dlq), dlq or "events")
    except (AwsError, TransportError) as error:
        log.warning("queue_depths_unknown", error=str(error))
