"""`python -m bench.peer.batched_aiobotocore`: a careful asyncio build of the same path on aiobotocore and aioapns.

Everything that helps on these clients is used: uvloop, batches of the services' sizes, a task a shard, one client
a service with a pool as large as its use, the daemon's cache time, compiled templates, metric children bound
once, one log line a batch, no validation of parameters. It has no ledger, no claims, no retries of its own, no
rate limit: the daemon does more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

import uvloop
from aiobotocore.session import get_session

from bench.peer.command import configure_logs, options_of
from bench.peer.notifier import Clients, Notifier, notifier_of
from bench.peer.record import BATCH, Recorder, count_read
from bench.peer.sources import DynamodbStreams, Kinesis, Source

# Kinesis' limit of a shard: five reads a second.
POLL_S = 0.2
SOURCES = ("kinesis", "dynamodb")
PROVIDERS = ("ses", "apns")


class Peer:
    def __init__(self, source: Source, notifier: Notifier) -> None:
        self._source = source
        self._notifier = notifier
        self._stop = asyncio.Event()

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        async with asyncio.TaskGroup() as group:
            for shard_id in await self._source.shard_ids():
                group.create_task(self._read_shard(shard_id))

    async def _read_shard(self, shard_id: str) -> None:
        iterator = await self._source.iterator(shard_id)
        elapsed_s = asyncio.get_running_loop().time
        while not self._stop.is_set():
            page = await self._source.read(shard_id, iterator)
            next_read_s = elapsed_s() + POLL_S
            count_read(len(page.events))
            for start in range(0, len(page.events), BATCH):
                await self._notifier.notify(page.events[start : start + BATCH])
            if page.events:
                await self._notifier.checkpoint(shard_id, page.last_sequence)
            left_s = next_read_s - elapsed_s()
            if left_s > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), left_s)
            iterator = page.next_iterator


async def run(
    options: argparse.Namespace, *, validates: bool = False, recorder: type[Recorder] = Recorder
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = Clients(get_session(), stack, validates=validates)
        dynamodb = await clients.open("dynamodb")
        source: Source
        if options.source == "kinesis":
            source = Kinesis(await clients.open("kinesis"), options.name)
        else:
            described = await dynamodb.describe_table(TableName=options.name)
            source = DynamodbStreams(await clients.open("dynamodbstreams"), described["Table"]["LatestStreamArn"])
        await Peer(source, await notifier_of(options, clients, dynamodb, recorder)).run()


def main() -> None:
    options = options_of(__doc__, sources=SOURCES, providers=PROVIDERS)
    configure_logs()
    uvloop.run(run(options))


if __name__ == "__main__":
    main()
