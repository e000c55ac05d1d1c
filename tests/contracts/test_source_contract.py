"""One suite over the source in memory, and both adapters over services in memory and over an embedded AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import msgspec
import pytest

from notifyd.aws.dynamodb_streams import DynamoDbStreamSource
from notifyd.aws.kinesis import KinesisSource
from notifyd.aws.session import AwsSession
from notifyd.core.event import Record
from notifyd.core.sequence import After, Checkpoint, ShardEnd, TrimHorizon
from notifyd.errors import AwsError, Throttled, TrimmedData
from notifyd.ports import Source
from tests.fakes.dynamodb_stream_service import DynamoDbService
from tests.fakes.kinesis_service import KinesisService
from tests.fakes.stream_service import Refusal
from tests.fakes.streams import FakeSource
from tests.fakes.system import FakeClock

# More than any page here, fewer than make the embedded AWS slow.
MANY = 7
BATCH_SIZE = 3
PAGES_MAX = 50


class Stage(Protocol):
    """A stream and what happens to it. Texts are what its records carry; all of one put go into one shard."""

    source: Source

    async def put(self, *texts: str) -> None: ...
    def text(self, record: Record) -> str: ...


class PlayedStage(Stage, Protocol):
    """A stage whose one shard can also be ended, trimmed and refused."""

    def split(self) -> None: ...
    def trim(self, records: int) -> None: ...
    def throttle_next_read(self) -> None: ...


class MemoryStage:
    def __init__(self, clock: FakeClock) -> None:
        self._stream = FakeSource(clock, page_max=BATCH_SIZE)
        self.source: Source = self._stream

    async def put(self, *texts: str) -> None:
        for text in texts:
            self._stream.put(text.encode())

    def text(self, record: Record) -> str:
        return bytes(record.body).decode()

    def split(self) -> None:
        self._stream.split("shard-0")

    def trim(self, records: int) -> None:
        self._stream.trim("shard-0", records)

    def throttle_next_read(self) -> None:
        self._stream.fail_next("shard-0", Throttled("GetRecords", "ThrottlingException", "slower", status=400))


class KinesisStage:
    def __init__(self, clock: FakeClock) -> None:
        self._service = KinesisService(clock)
        self._shard = self._service.open_shard()
        self.source: Source = KinesisSource("orders", self._service.service(), clock, batch_size=BATCH_SIZE)

    async def put(self, *texts: str) -> None:
        for text in texts:
            self._service.put(self._shard, text.encode())

    def text(self, record: Record) -> str:
        return bytes(record.body).decode()

    def split(self) -> None:
        self._service.split(self._shard)

    def trim(self, records: int) -> None:
        self._service.trim(self._shard, records)

    def throttle_next_read(self) -> None:
        self._service.refuse("GetRecords", Refusal("ProvisionedThroughputExceededException"))


class DynamoDbStage:
    def __init__(self, clock: FakeClock) -> None:
        self._service = DynamoDbService(clock)
        self._shard = self._service.open_shard()
        aws = self._service.service()
        self.source: Source = DynamoDbStreamSource("orders", aws, aws, clock, batch_size=BATCH_SIZE)

    async def put(self, *texts: str) -> None:
        for text in texts:
            self._service.put(self._shard, {"id": {"S": text}})

    def text(self, record: Record) -> str:
        return _id_of(record)

    def split(self) -> None:
        self._service.split(self._shard)

    def trim(self, records: int) -> None:
        self._service.trim(self._shard, records)

    def throttle_next_read(self) -> None:
        self._service.refuse("GetRecords", Refusal("LimitExceededException"))


class AwsKinesisStage:
    def __init__(self, aws: AwsSession, stream: str, source: Source) -> None:
        self._aws = aws
        self._stream = stream
        self.source = source

    @classmethod
    async def made(cls, aws: AwsSession, stream: str, clock: FakeClock) -> AwsKinesisStage:
        async with aws.client("kinesis") as kinesis:
            await kinesis.create_stream(StreamName=stream, ShardCount=1)
        return cls(aws, stream, KinesisSource(stream, await aws.lean("kinesis"), clock, batch_size=BATCH_SIZE))

    async def put(self, *texts: str) -> None:
        async with self._aws.client("kinesis") as kinesis:
            for text in texts:  # not PutRecords: the order within one call is nowhere promised
                await kinesis.put_record(StreamName=self._stream, Data=text.encode(), PartitionKey=text)

    def text(self, record: Record) -> str:
        return bytes(record.body).decode()


class AwsDynamoDbStage:
    def __init__(self, aws: AwsSession, table: str, source: Source) -> None:
        self._aws = aws
        self._table = table
        self.source = source

    @classmethod
    async def made(cls, aws: AwsSession, table: str, clock: FakeClock) -> AwsDynamoDbStage:
        async with aws.client("dynamodb") as dynamodb:
            await dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
        streams, tables = await aws.lean("dynamodbstreams"), await aws.lean("dynamodb")
        return cls(aws, table, DynamoDbStreamSource(table, streams, tables, clock, batch_size=BATCH_SIZE))

    async def put(self, *texts: str) -> None:
        async with self._aws.client("dynamodb") as dynamodb:
            for text in texts:
                await dynamodb.put_item(TableName=self._table, Item={"id": {"S": text}})

    def text(self, record: Record) -> str:
        return _id_of(record)


def _id_of(record: Record) -> str:
    whole: dict[str, Any] = msgspec.json.decode(record.body)
    return str(whole["dynamodb"]["NewImage"]["id"]["S"])


PLAYED: dict[str, Callable[[FakeClock], PlayedStage]] = {
    "memory": MemoryStage,
    "kinesis": KinesisStage,
    "dynamodb": DynamoDbStage,
}
ON_AWS: dict[str, Callable[[AwsSession, str, FakeClock], Awaitable[Stage]]] = {
    "aws-kinesis": AwsKinesisStage.made,
    "aws-dynamodb": AwsDynamoDbStage.made,
}


@pytest.fixture(params=PLAYED)
def played(request: pytest.FixtureRequest, clock: FakeClock) -> PlayedStage:
    return PLAYED[request.param](clock)


@pytest.fixture(params=[*PLAYED, *(pytest.param(name, marks=pytest.mark.aws) for name in ON_AWS)])
def behind(request: pytest.FixtureRequest) -> tuple[str, AwsSession | None]:
    """Which stage, and the AWS that it stands on."""
    return request.param, request.getfixturevalue("aws") if request.param in ON_AWS else None


@pytest.fixture
async def stage(behind: tuple[str, AwsSession | None], clock: FakeClock, prefix: str) -> Stage:
    name, aws = behind
    return PLAYED[name](clock) if aws is None else await ON_AWS[name](aws, f"{prefix}-events", clock)


async def first_shard(stage: Stage) -> str:
    return (await stage.source.list_shards())[0].shard_id


async def read_to_the_tip(stage: Stage, start: Checkpoint) -> list[Record]:
    reader = stage.source.reader(await first_shard(stage), start)
    records: list[Record] = []
    for _ in range(PAGES_MAX):
        page = await reader.read()
        assert len(page.records) <= BATCH_SIZE
        records += page.records
        if page.caught_up:
            return records
    pytest.fail(f"still no tip after {PAGES_MAX} pages")


def texts(stage: Stage, records: Sequence[Record]) -> list[str]:
    return [stage.text(record) for record in records]


WORDS = [f"word-{number}" for number in range(MANY)]


async def test_a_stream_keeps_its_records_for_a_day_at_least(stage: Stage) -> None:
    assert await stage.source.retention_s() >= 24 * 3600.0


async def test_a_new_stream_lists_an_open_shard_and_holds_nothing(stage: Stage) -> None:
    shards = await stage.source.list_shards()

    assert [(shard.parents, shard.closed) for shard in shards] == [((), False)]
    assert not await stage.source.holds_data()


async def test_a_stream_with_a_record_holds_data(stage: Stage) -> None:
    await stage.put("word")

    assert await stage.source.holds_data()


async def test_the_name_does_not_change(stage: Stage) -> None:
    before = stage.source.name
    await stage.put("word")
    await stage.source.list_shards()

    assert stage.source.name == before


async def test_from_the_horizon_every_record_comes_in_order_over_all_pages(stage: Stage) -> None:
    await stage.put(*WORDS)

    records = await read_to_the_tip(stage, TrimHorizon())

    assert texts(stage, records) == WORDS
    assert all(later.position.is_after(sooner.position) for sooner, later in pairwise(records))


@pytest.mark.parametrize("settled", [1, BATCH_SIZE, MANY - 1, MANY])
async def test_behind_a_checkpoint_come_all_later_records_and_only_those(stage: Stage, settled: int) -> None:
    await stage.put(*WORDS)
    records = await read_to_the_tip(stage, TrimHorizon())

    later = await read_to_the_tip(stage, After(records[settled - 1].position))

    assert texts(stage, later) == WORDS[settled:]


async def test_a_reader_at_the_tip_sees_what_comes_next(stage: Stage) -> None:
    await stage.put("first")
    reader = stage.source.reader(await first_shard(stage), TrimHorizon())
    assert texts(stage, (await reader.read()).records) == ["first"]

    await stage.put("second")

    assert texts(stage, (await reader.read()).records) == ["second"]


async def test_reading_twice_gives_the_same_positions(stage: Stage) -> None:
    await stage.put(*WORDS)

    once = await read_to_the_tip(stage, TrimHorizon())
    twice = await read_to_the_tip(stage, TrimHorizon())

    assert [record.position for record in once] == [record.position for record in twice]


async def test_the_resolved_latest_loses_nothing_that_comes_after(stage: Stage, clock: FakeClock) -> None:
    start = stage.source.resolve_latest(clock.now_s())
    await stage.put("after")

    assert texts(stage, await read_to_the_tip(stage, start)) == ["after"]


async def test_a_finished_shard_ends_at_once(stage: Stage) -> None:
    page = await stage.source.reader(await first_shard(stage), ShardEnd()).read()

    assert (page.records, page.ended) == ([], True)


async def test_a_shard_that_is_not_in_the_stream_is_refused(stage: Stage) -> None:
    with pytest.raises(AwsError):
        await stage.source.reader("shardId-00000000000000009999-00000000", TrimHorizon()).read()


async def test_a_split_shard_ends_after_its_last_record_and_lists_its_children(played: PlayedStage) -> None:
    await played.put(*WORDS)
    parent = await first_shard(played)
    reader = played.source.reader(parent, TrimHorizon())
    played.split()

    pages = [await reader.read() for _ in range(MANY // BATCH_SIZE + 1)]

    assert [page.ended for page in pages] == [False, False, True]
    assert texts(played, [record for page in pages for record in page.records]) == WORDS
    shards = await played.source.list_shards()
    assert [(shard.parents, shard.closed) for shard in shards] == [
        ((), True),
        ((parent,), False),
        ((parent,), False),
    ]


async def test_an_empty_split_shard_ends_at_once(played: PlayedStage) -> None:
    played.split()

    assert (await played.source.reader(await first_shard(played), TrimHorizon()).read()).ended


async def test_records_trimmed_behind_the_checkpoint_are_a_gap(played: PlayedStage) -> None:
    await played.put(*WORDS)
    records = await read_to_the_tip(played, TrimHorizon())
    played.trim(3)

    with pytest.raises(TrimmedData, match=records[0].position.text()):
        await played.source.reader(await first_shard(played), After(records[0].position)).read()


async def test_from_the_horizon_trimmed_records_are_not_missed(played: PlayedStage) -> None:
    await played.put(*WORDS)
    played.trim(3)

    assert texts(played, await read_to_the_tip(played, TrimHorizon())) == WORDS[3:]


async def test_a_throttled_read_loses_nothing(played: PlayedStage) -> None:
    await played.put("first", "second")
    reader = played.source.reader(await first_shard(played), TrimHorizon())
    played.throttle_next_read()

    with pytest.raises(Throttled):
        await reader.read()

    assert texts(played, (await reader.read()).records) == ["first", "second"]
