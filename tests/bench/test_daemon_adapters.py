from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from bench.servers.dynamodb import Dynamodb
from bench.servers.people import People
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.lease_table import DynamoDbLeaseTable
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.sequence import Position, TrimHorizon
from notifyd.core.window import Progress
from notifyd.ports import ShardWrite
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from tests.bench.conftest import serving
from tests.fakes.system import FakeClock, FakeEntropy

SOURCE = "kinesis:bench-events"
NOTHING_YET = Progress(None, 0.0, None, b"", "", {})
SOMETHING = Progress(Position("12"), 5.0, Position("19"), b"\x01\x02", "13:0", {"read": 3, "expanded": 3})


@pytest.fixture
async def dynamodb() -> AsyncIterator[AwsService]:
    clock, entropy = FakeClock(), FakeEntropy()
    async with (
        serving(Dynamodb("bench", 0.0, People()).answer) as url,
        AwsSession(
            "eu-central-1",
            clock=clock,
            entropy=entropy,
            endpoint_url=url,
            static=Credentials("AKIDBENCH", "bench"),
        ) as session,
    ):
        yield await session.lean("dynamodb")


async def test_the_daemon_takes_a_lease_and_is_fenced_as_on_dynamodb(dynamodb: AwsService) -> None:
    table = DynamoDbLeaseTable("bench-leases", dynamodb, timeout_s=5.0)
    assert await table.create_stream(StreamItem(SOURCE, TrimHorizon()))
    assert not await table.create_stream(StreamItem(SOURCE, TrimHorizon()))
    await table.create_shard(ShardItem(SOURCE, "shard-1", TrimHorizon(), NOTHING_YET, commit_id="c0"))
    await table.beat(Heartbeat("w1", 1))
    [seen] = (await table.scan()).shards

    taken = await table.take(seen, "w1", "c1")
    assert taken is not None
    assert (taken.lease_owner, taken.epoch) == ("w1", 1)
    assert await table.take(seen, "w2", "c2") is None

    write = ShardWrite(taken.key, "w1", 1, "c1", "c3", SOMETHING)
    assert await table.write(write) is None
    standing = await table.write(msgspec.structs.replace(write, commit_id="c4"))
    assert standing is not None
    assert standing.commit_id == "c3"
    scan = await table.scan()
    assert [item.progress for item in scan.shards] == [SOMETHING]
    assert [beat.worker_id for beat in scan.heartbeats] == ["w1"]
    await table.remove_worker("w1")
    assert (await table.scan()).heartbeats == []


async def test_the_daemon_finds_the_log_rows_that_it_wrote(dynamodb: AwsService) -> None:
    log = DynamoDbDeliveryLog("bench-log", dynamodb, clock=FakeClock(), entropy=FakeEntropy(), timeout_s=5.0)
    rows = [
        LogRow(
            event_id="evt-1",
            delivery_id=f"{number:026d}",
            attempt=1,
            kind=RowKind.ACCEPTED,
            position=f"{SOURCE}/shard-1/{number}:0",
            at_s=5.0,
            expires_at_s=9,
            channel=Channel.EMAIL,
        )
        for number in range(30)
    ]
    await log.append(rows)
    assert await log.rows_of_event("evt-1") == rows
    assert await log.rows_of_event("evt-2") == []
