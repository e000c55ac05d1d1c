"""`python -m bench.peer.async_kinesis`: the same path where async-kinesis reads and aiobotocore does the rest.

Its consumer puts every shard's records into one queue, decoded. A round of batches is taken from there, sent at
once and awaited; then the pages whose last record was in it are checkpointed. The consumer's options are those at
which it is quickest within Kinesis' limits.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

import uvloop
from aiobotocore.session import get_session
from kinesis import Consumer, MemoryCheckPointer

from bench.peer.command import configure_logs, options_of
from bench.peer.notifier import Clients, Notifier, notifier_of
from bench.peer.record import BATCH, count_read
from bench.peer.sources import PAGE_RECORDS_MAX, Arrived

# As many batches at once as the others have: one for each of the bench's shards.
_ROUND = 20 * BATCH
# Kinesis' limit, of one shard.
_READS_PER_S = 5
# For so long the queue is empty before a round that is not full begins.
_IDLE_S = 0.05


class LeaseCheckPointer(MemoryCheckPointer):  # type: ignore[misc]  # it publishes no types
    """Writes where the other peers do, and only when told to: what comes with the package takes aioboto3, and
    writes a page down when the item after it is taken from the queue, sent or not.
    """

    def __init__(self, notifier: Notifier) -> None:
        super().__init__(name="bench")
        self._notifier = notifier
        self._due: dict[str, str] = {}

    async def checkpoint(self, shard_id: str, sequence: str) -> None:
        self._due[shard_id] = sequence
        await super().checkpoint(shard_id, sequence)

    async def write(self) -> None:
        due, self._due = self._due, {}
        async with asyncio.TaskGroup() as group:
            for shard_id, sequence in due.items():
                group.create_task(self._notifier.checkpoint(shard_id, sequence))


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        clients = Clients(get_session(), stack)
        notifier = await notifier_of(options, clients, await clients.open("dynamodb"))
        checkpoints = LeaseCheckPointer(notifier)
        consumer = Consumer(
            options.name,
            session=get_session(),
            record_limit=PAGE_RECORDS_MAX,
            shard_fetch_rate=_READS_PER_S,
            # It sleeps between its passes anyway; this one would be slept for each empty shard in turn.
            sleep_time_no_records=0,
            use_list_shards=True,
            idle_timeout=_IDLE_S,
            checkpointer=checkpoints,
        )
        async with consumer:
            while not stop.is_set():
                await _notify(notifier, await _round(consumer))
                await checkpoints.write()


async def _round(consumer: Consumer) -> list[Arrived]:
    events: list[Arrived] = []
    with contextlib.suppress(StopAsyncIteration):
        while len(events) < _ROUND:
            events.append(Arrived(await anext(consumer)))
    return events


async def _notify(notifier: Notifier, events: list[Arrived]) -> None:
    count_read(len(events))
    async with asyncio.TaskGroup() as group:
        for start in range(0, len(events), BATCH):
            group.create_task(notifier.notify(events[start : start + BATCH]))


def main() -> None:
    options = options_of(__doc__, sources=["kinesis"], providers=["ses", "apns"])
    configure_logs()
    uvloop.run(run(options))


if __name__ == "__main__":
    main()
