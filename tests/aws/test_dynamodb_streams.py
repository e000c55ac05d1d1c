"""What no emulator plays: many shards and children, expiry, trimming, throttling, empty pages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from notifyd.aws.dynamodb_streams import DynamoDbStreamSource
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.errors import AwsError, Throttled, TrimmedData
from notifyd.ports import Page, ShardReader
from tests.fakes.dynamodb_stream_service import DynamoDbService
from tests.fakes.stream_service import Refusal
from tests.fakes.system import FakeClock


@pytest.fixture
def dynamodb(clock: FakeClock) -> DynamoDbService:
    return DynamoDbService(clock)


@pytest.fixture
def source(dynamodb: DynamoDbService, clock: FakeClock) -> DynamoDbStreamSource:
    return DynamoDbStreamSource("orders", dynamodb.service(), dynamodb.service(), clock, batch_size=3)


@pytest.fixture
def shard(dynamodb: DynamoDbService) -> str:
    return dynamodb.open_shard()


def put(dynamodb: DynamoDbService, shard: str, *numbers: int) -> list[Position]:
    return [dynamodb.put(shard, {"id": {"N": str(number)}}) for number in numbers]


def numbers(page: Page) -> list[int]:
    changes: list[dict[str, Any]] = [msgspec.json.decode(record.body)["dynamodb"] for record in page.records]
    return [int(change["NewImage"]["id"]["N"]) for change in changes]


async def read(reader: ShardReader, pages: int) -> list[int]:
    return [number for _ in range(pages) for number in numbers(await reader.read())]


async def test_every_page_of_the_shard_tree_is_listed(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource
) -> None:
    dynamodb.shards_per_page = 2
    root = dynamodb.open_shard()
    children = dynamodb.split(root)
    others = [dynamodb.open_shard() for _ in range(2)]

    listed = await source.list_shards()

    assert [(shard.shard_id, shard.parents, shard.closed) for shard in listed] == [
        (root, (), True),
        *((child, (root,), False) for child in children),
        *((other, (), False) for other in others),
    ]


async def test_a_record_stays_whole_and_gives_its_place_and_time(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, clock: FakeClock
) -> None:
    clock.advance(0.7)
    position = dynamodb.put(shard, {"id": {"N": "1"}, "text": {"S": "żółw"}})

    page = await source.reader(shard, TrimHorizon()).read()

    (record,) = page.records
    assert record.position == position
    assert record.arrival_s == int(clock.now_s())
    assert page.behind_s == pytest.approx(0.7)
    assert msgspec.json.decode(record.body) == dynamodb.shards[shard].records[0]


async def test_the_name_is_the_tables_and_outlives_its_stream(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    put(dynamodb, shard, 1)
    before = source.name
    await source.list_shards()
    dynamodb.stream_label = "2025-01-01T00:00:00.000"

    await source.list_shards()

    assert source.name == before == "dynamodb:orders"
    assert numbers(await source.reader(shard, TrimHorizon()).read()) == [1]


async def test_a_reader_stays_with_the_stream_that_it_began(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, clock: FakeClock
) -> None:
    reader = source.reader(shard, TrimHorizon())
    await reader.read()
    dynamodb.stream_label = "2025-01-01T00:00:00.000"
    await source.list_shards()
    clock.advance(901.0)
    await reader.read()

    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        await reader.read()


async def test_an_expired_iterator_goes_on_after_the_last_record_handed_out(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, clock: FakeClock
) -> None:
    put(dynamodb, shard, *range(5))
    reader = source.reader(shard, TrimHorizon())
    first = await read(reader, 1)

    clock.advance(901.0)

    assert first == [0, 1, 2]
    assert await read(reader, 3) == [3, 4]


async def test_reading_goes_on_behind_the_checkpoint(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    positions = put(dynamodb, shard, *range(5))

    assert await read(source.reader(shard, After(positions[1])), 2) == [2, 3, 4]


async def test_a_page_that_its_bytes_filled_is_neither_the_end_nor_the_tip(
    dynamodb: DynamoDbService, shard: str, clock: FakeClock
) -> None:
    for number in range(300):
        dynamodb.put(shard, {"id": {"N": str(number)}, "text": {"S": "x" * 5_000}})
    reader = DynamoDbStreamSource("orders", dynamodb.service(), dynamodb.service(), clock).reader(
        shard, TrimHorizon()
    )

    pages = [await reader.read() for _ in range(2)]

    assert 150 < len(pages[0].records) < 250
    assert not any(page.ended or page.caught_up for page in pages)
    assert [number for page in pages for number in numbers(page)] == list(range(300))


async def test_a_time_to_start_at_reads_from_the_horizon(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, clock: FakeClock
) -> None:
    put(dynamodb, shard, 1)

    assert source.resolve_latest(clock.now_s()) == TrimHorizon()
    assert await read(source.reader(shard, AtTimestamp(clock.now_s() + 60.0)), 1) == [1]


@pytest.mark.parametrize("code", ["LimitExceededException", "ProvisionedThroughputExceededException"])
@pytest.mark.parametrize("operation", ["GetRecords", "GetShardIterator"])
async def test_a_throttled_read_keeps_its_place(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, operation: str, code: str
) -> None:
    put(dynamodb, shard, *range(5))
    reader = source.reader(shard, TrimHorizon())
    dynamodb.refuse(operation, Refusal(code))

    with pytest.raises(Throttled):
        await reader.read()

    assert await read(reader, 2) == [0, 1, 2, 3, 4]


async def test_a_checkpoint_that_was_trimmed_is_a_gap(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    positions = put(dynamodb, shard, *range(5))
    dynamodb.trim(shard, 3)

    with pytest.raises(TrimmedData, match=positions[0].text()):
        await source.reader(shard, After(positions[0])).read()


@pytest.mark.parametrize("start", [TrimHorizon(), None], ids=["horizon", "checkpoint"])
async def test_records_that_are_trimmed_under_a_live_iterator_are_a_gap(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, start: Checkpoint | None
) -> None:
    positions = put(dynamodb, shard, *range(9))
    reader = source.reader(shard, start or After(positions[0]))
    await reader.read()
    dynamodb.trim(shard, 8)

    with pytest.raises(TrimmedData):
        await reader.read()
    with pytest.raises(TrimmedData):
        await reader.read()


async def test_empty_pages_of_an_open_shard_are_not_its_end(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    put(dynamodb, shard, 1)
    dynamodb.shards[shard].empty_pages = 4
    reader = source.reader(shard, TrimHorizon())

    pages = [await reader.read() for _ in range(5)]

    assert not any(page.ended for page in pages)
    assert [numbers(page) for page in pages] == [[], [], [], [], [1]]


async def test_a_closed_shard_ends_and_stays_ended(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    put(dynamodb, shard, 1)
    dynamodb.split(shard)
    reader = source.reader(shard, TrimHorizon())

    pages = [await reader.read(), await reader.read()]

    assert [(numbers(page), page.ended) for page in pages] == [([1], True), ([], True)]


async def test_an_empty_closed_shard_ends_at_once(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    dynamodb.split(shard)

    assert (await source.reader(shard, TrimHorizon()).read()).ended


async def test_a_finished_shard_is_not_asked_for_again(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    assert (await source.reader(shard, ShardEnd()).read()).ended
    assert dynamodb.asked == []


async def test_a_record_without_a_time_counts_as_of_now(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str, clock: FakeClock
) -> None:
    put(dynamodb, shard, 1)
    del dynamodb.shards[shard].records[0]["dynamodb"]["ApproximateCreationDateTime"]

    page = await source.reader(shard, TrimHorizon()).read()

    assert page.records[0].arrival_s == clock.now_s()


async def test_an_unreadable_record_keeps_the_readers_place(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    put(dynamodb, shard, 1, 2)
    change = dynamodb.shards[shard].records[1]["dynamodb"]
    sequence = change.pop("SequenceNumber")
    reader = source.reader(shard, TrimHorizon())

    with pytest.raises(Exception, match="unreadable stream record"):
        await reader.read()
    change["SequenceNumber"] = sequence

    assert await read(reader, 1) == [1, 2]


async def test_a_stream_holds_data_although_empty_pages_come_first(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    assert not await source.holds_data()

    put(dynamodb, shard, 1)
    dynamodb.shards[shard].empty_pages = 4

    assert await source.holds_data()


async def test_a_throttle_does_not_make_a_stream_look_empty(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource, shard: str
) -> None:
    put(dynamodb, shard, 1)
    dynamodb.refuse("GetRecords", *[Refusal("LimitExceededException")] * 20)

    assert await source.holds_data()


async def test_a_table_without_a_stream_says_how_to_switch_it_on(
    dynamodb: DynamoDbService, source: DynamoDbStreamSource
) -> None:
    dynamodb.stream_label = None

    with pytest.raises(AwsError, match="switch it on with NEW_IMAGE"):
        await source.list_shards()
