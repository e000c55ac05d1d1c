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
import time
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from prometheus_client import Counter, Histogram

from bench.peer.mail import SesSender
from bench.peer.notice import TYPE_NAME, Notice, Sender
from bench.peer.people import People
from bench.peer.push import ApnsSender
from bench.peer.sources import DynamodbStreams, Envelope, Kinesis, Source

BATCH = 50
LOG_ROWS_A_CALL_MAX = 25
POLL_S = 0.2
LOG_TTL_S = 14 * 86_400

_READ = Counter("peer_records", "Records read.")
_DELIVERIES = Counter("peer_deliveries", "Deliveries.", ["channel", "provider", "outcome"])
_LATENCIES_S = Histogram("peer_source_to_accepted_seconds", "Produced to accepted.", ["channel"])


class Peer:
    def __init__(self, source: Source, dynamodb: Any, sender: Sender, people: People, prefix: str) -> None:
        self._source = source
        self._dynamodb = dynamodb
        self._sender = sender
        self._people = people
        self._accepted = _DELIVERIES.labels(sender.channel, sender.provider, "accepted")
        self._latency_s = _LATENCIES_S.labels(sender.channel)
        self._log_table = f"{prefix}-log"
        self._lease_table = f"{prefix}-leases"
        self._log = structlog.get_logger()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop.set)
        async with asyncio.TaskGroup() as group:
            for shard_id in await self._source.shard_ids():
                group.create_task(self._read_shard(shard_id))

    async def _read_shard(self, shard_id: str) -> None:
        iterator = await self._source.iterator(shard_id)
        while not self._stop.is_set():
            page = await self._source.read(iterator)
            _READ.inc(len(page.events))
            for start in range(0, len(page.events), BATCH):
                await self._notify(shard_id, page.events[start : start + BATCH])
            if page.events:
                await self._checkpoint(shard_id, page.last_sequence)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), POLL_S)
            iterator = page.next_iterator

    async def _notify(self, shard_id: str, events: list[Envelope]) -> None:
        people = await self._people.look_up(event["detail"]["user_id"] for event in events)
        notices: list[Notice] = []
        for event in events:
            person = people[event["detail"]["user_id"]]
            if person.wants("payments"):
                notices += self._sender.notices(event, person.contact)
        accepted = await self._sender.send(notices)
        now_s = time.time_ns() / 1e9
        for notice, _ in accepted:
            self._latency_s.observe(now_s - notice.event["detail"]["produced_at_ms"] / 1000)
        self._accepted.inc(len(accepted))
        await self._record(accepted, now_s)
        self._log.info("batch", shard=shard_id, events=len(events), accepted=len(accepted))

    async def _record(self, accepted: list[tuple[Notice, str]], now_s: float) -> None:
        rows = [{"PutRequest": {"Item": self._log_row(notice, sent_as, now_s)}} for notice, sent_as in accepted]
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(rows), LOG_ROWS_A_CALL_MAX):
                part = rows[start : start + LOG_ROWS_A_CALL_MAX]
                group.create_task(self._dynamodb.batch_write_item(RequestItems={self._log_table: part}))

    async def _checkpoint(self, shard_id: str, sequence: str) -> None:
        await self._dynamodb.put_item(
            TableName=self._lease_table, Item={"key": {"S": shard_id}, "checkpoint": {"S": sequence}}
        )

    def _log_row(self, notice: Notice, provider_id: str, now_s: float) -> dict[str, dict[str, str]]:
        """With the daemon's attributes."""
        return {
            "event_id": {"S": notice.event["id"]},
            "row": {"S": f"{notice.delivery_id}#1#accepted#{notice.event['id']}"},
            "delivery_id": {"S": notice.delivery_id},
            "attempt": {"N": "1"},
            "kind": {"S": "accepted"},
            "at": {"N": f"{now_s:.3f}"},
            "expires_at": {"N": str(int(now_s) + LOG_TTL_S)},
            "user_id": {"S": notice.event["detail"]["user_id"]},
            "type": {"S": TYPE_NAME},
            "channel": {"S": self._sender.channel},
            "address_hint": {"S": f"{notice.address[:1]}…{notice.address[-4:]}"},
            "provider": {"S": self._sender.provider},
            "provider_id": {"S": provider_id},
        }


async def run(options: argparse.Namespace) -> None:
    session = get_session()
    # Validation of parameters is the one thing that this client lets one switch off: the requests are known good.
    reads = AioConfig(max_pool_connections=100, parameter_validation=False)
    sends = AioConfig(max_pool_connections=100, parameter_validation=False, retries={"total_max_attempts": 1})
    async with contextlib.AsyncExitStack() as stack:

        async def client(service: str, config: AioConfig) -> Any:
            return await stack.enter_async_context(session.create_client(service, config=config))

        dynamodb = await client("dynamodb", reads)
        source: Source
        if options.source == "kinesis":
            source = Kinesis(await client("kinesis", reads), options.name)
        else:
            described = await dynamodb.describe_table(TableName=options.name)
            source = DynamodbStreams(await client("dynamodbstreams", reads), described["Table"]["LatestStreamArn"])
        people = People(dynamodb, options.prefix, asyncio.get_running_loop().time)
        sender: Sender
        if options.provider == "ses":
            sender = SesSender(await client("sesv2", sends))
        else:
            settings = msgspec.json.decode(options.settings)
            key = await asyncio.to_thread(Path(settings["key"].removeprefix("file:")).read_text)
            sender = await ApnsSender.connect(settings, key)
        await Peer(source, dynamodb, sender, people, options.prefix).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=["kinesis", "dynamodb"], required=True)
    parser.add_argument("--name", default="bench-events")
    parser.add_argument("--prefix", default="bench")
    parser.add_argument("--provider", choices=["ses", "apns"], default="ses")
    parser.add_argument("--settings", default="{}", help="the provider's, in JSON")
    structlog.configure(
        processors=[structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
