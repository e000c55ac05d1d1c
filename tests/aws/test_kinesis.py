"""What no emulator plays: expiry, trimming, throttling, paging, aggregates, children."""

from __future__ import annotations

import pytest

from notifyd.aws.kinesis import KinesisSource
from notifyd.core.sequence import After, AtTimestamp, Position, ShardEnd, TrimHorizon
from notifyd.errors import AwsError, Throttled, TrimmedData
from notifyd.ports import Page, ShardInfo, ShardReader
from tests.aws.kpl_encoder import Put, aggregate
from tests.fakes.kinesis_service import KinesisService
from tests.fakes.stream_service import HASH_KEYS, Refusal
from tests.fakes.system import FakeClock

DAY_S = 24 * 3600.0
PAGES_MAX = 100


@pytest.fixture
def kinesis(clock: FakeClock) -> KinesisService:
    return KinesisService(clock)


@pytest.fixture
def source(kinesis: KinesisService, clock: FakeClock) -> KinesisSource:
    return KinesisSource("orders", kinesis.service(), clock, batch_size=3)


@pytest.fixture
def shard(kinesis: KinesisService) -> str:
    return kinesis.open_shard()


def bodies(page: Page) -> list[bytes]:
    return [bytes(record.body) for record in page.records]


async def read_all(reader: ShardReader) -> list[bytes]:
    """To the tip or the end; an expired iterator's empty page is no tip."""
    read: list[bytes] = []
    for _ in range(PAGES_MAX):
        page = await reader.read()
        read += bodies(page)
        if page.caught_up:
            return read
    pytest.fail(f"still no tip after {PAGES_MAX} pages")


async def test_every_page_of_the_shard_tree_is_listed(kinesis: KinesisService, source: KinesisSource) -> None:
    kinesis.shards_per_page = 2
    root = kinesis.open_shard()
    left, right = kinesis.split(root)
    kinesis.close_shard(left)
    kinesis.close_shard(right)
    merged = kinesis.open_shard((left, right))
    others = [kinesis.open_shard() for _ in range(3)]

    listed = await source.list_shards()

    assert [(shard.shard_id, shard.parents, shard.closed) for shard in listed] == [
        (root, (), True),
        (left, (root,), True),
        (right, (root,), True),
        (merged, (left, right), False),
        *((other, (), False) for other in others),
    ]


async def test_a_listing_rides_out_a_throttled_page(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.refuse("ListShards", Refusal("LimitExceededException"), Refusal("LimitExceededException"))

    assert await source.list_shards() == [
        ShardInfo(shard, first_sequence=kinesis.shards[shard].first_sequence),
    ]


async def test_a_listing_whose_token_expired_on_the_way_begins_again(
    kinesis: KinesisService, source: KinesisSource
) -> None:
    kinesis.shards_per_page = 2
    shards = [kinesis.open_shard() for _ in range(5)]
    kinesis.token_life_s = -1.0
    with pytest.raises(AwsError, match="ExpiredNextTokenException"):
        await source.list_shards()
    kinesis.token_life_s = 300.0

    assert [shard.shard_id for shard in await source.list_shards()] == shards


async def test_reading_from_a_time_begins_with_what_arrived_then(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    kinesis.put(shard, b"before")
    clock.advance(1.0)
    latest = source.resolve_latest(clock.now_s())
    kinesis.put(shard, b"at")

    assert latest == AtTimestamp(clock.now_s())
    assert await read_all(source.reader(shard, latest)) == [b"at"]


async def test_a_time_to_start_at_that_is_still_to_come_for_kinesis_is_waited_for(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    reader = source.reader(shard, AtTimestamp(clock.now_s() + 2.0))
    kinesis.put(shard, b"before")
    with pytest.raises(AwsError, match="in the future"):
        await reader.read()

    clock.advance(2.0)
    kinesis.put(shard, b"at")

    assert await read_all(reader) == [b"at"]


async def test_an_expired_iterator_goes_on_after_the_last_record_handed_out(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    for number in range(5):
        kinesis.put(shard, b"%d" % number)
    reader = source.reader(shard, TrimHorizon())
    first = bodies(await reader.read())

    clock.advance(301.0)

    assert first == [b"0", b"1", b"2"]
    assert bodies(await reader.read()) == []
    assert await read_all(reader) == [b"3", b"4"]


async def test_an_iterator_that_expires_before_the_first_record_begins_at_the_start_again(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    reader = source.reader(shard, AtTimestamp(clock.now_s()))
    await reader.read()
    clock.advance(301.0)
    kinesis.put(shard, b"meanwhile")

    await reader.read()

    assert await read_all(reader) == [b"meanwhile"]


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException"]
)
@pytest.mark.parametrize("operation", ["GetRecords", "GetShardIterator"])
async def test_a_throttled_read_keeps_its_place(
    kinesis: KinesisService, source: KinesisSource, shard: str, operation: str, code: str
) -> None:
    for number in range(5):
        kinesis.put(shard, b"%d" % number)
    reader = source.reader(shard, TrimHorizon())
    kinesis.refuse(operation, Refusal(code))

    with pytest.raises(Throttled):
        await reader.read()

    assert await read_all(reader) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_read_is_asked_for_once(kinesis: KinesisService, source: KinesisSource, shard: str) -> None:
    kinesis.refuse("GetRecords", Refusal("InternalFailure"))

    with pytest.raises(AwsError):
        await source.reader(shard, TrimHorizon()).read()

    assert [operation for operation, _ in kinesis.asked].count("GetRecords") == 1


async def test_a_closed_shard_ends_with_its_last_record_and_stays_ended(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.put(shard, b"last")
    kinesis.split(shard)
    reader = source.reader(shard, TrimHorizon())

    page, again = await reader.read(), await reader.read()

    assert (bodies(page), page.ended) == ([b"last"], True)
    assert (bodies(again), again.ended) == ([], True)


async def test_an_empty_closed_shard_ends_at_once(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.split(shard)

    assert (await source.reader(shard, TrimHorizon()).read()).ended


async def test_a_closed_shard_read_up_to_its_last_record_before_ends(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    last = kinesis.put(shard, b"last")
    kinesis.split(shard)

    page = await source.reader(shard, After(last)).read()

    assert (page.records, page.ended) == ([], True)


async def test_a_finished_shard_is_not_asked_for_again(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    page = await source.reader(shard, ShardEnd()).read()

    assert page.ended
    assert kinesis.asked == []


async def test_empty_pages_are_neither_the_end_nor_the_tip(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.put(shard, b"behind a hole")
    kinesis.shards[shard].empty_pages = 3
    reader = source.reader(shard, TrimHorizon())

    pages = [await reader.read() for _ in range(4)]

    assert [(page.ended, page.caught_up) for page in pages] == [(False, False)] * 3 + [(False, True)]
    assert bodies(pages[3]) == [b"behind a hole"]


async def test_empty_pages_in_front_of_the_checkpoint_are_passed(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    checkpoint = kinesis.put(shard, b"settled")
    kinesis.put(shard, b"next")
    kinesis.shards[shard].empty_pages = 3

    assert await read_all(source.reader(shard, After(checkpoint))) == [b"next"]


@pytest.mark.parametrize("trimmed", [2, 4], ids=["some", "all"])
async def test_a_checkpoint_that_was_trimmed_is_a_gap(
    kinesis: KinesisService, source: KinesisSource, shard: str, trimmed: int
) -> None:
    positions = [kinesis.put(shard, b"%d" % number) for number in range(4)]
    kinesis.trim(shard, trimmed)

    with pytest.raises(TrimmedData, match=positions[0].text()):
        await source.reader(shard, After(positions[0])).read()


async def test_a_checkpoint_that_was_trimmed_from_a_closed_shard_is_a_gap(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    checkpoint = kinesis.put(shard, b"0")
    kinesis.trim(shard, 1)
    kinesis.split(shard)

    with pytest.raises(TrimmedData):
        await source.reader(shard, After(checkpoint)).read()


async def test_the_oldest_record_as_checkpoint_is_no_gap(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    positions = [kinesis.put(shard, b"%d" % number) for number in range(4)]
    kinesis.trim(shard, 1)

    assert await read_all(source.reader(shard, After(positions[1]))) == [b"2", b"3"]


async def test_a_sequence_number_that_kinesis_refuses_is_a_gap(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.put(shard, b"of the stream made anew")
    refusal = Refusal("InvalidArgumentException", "StartingSequenceNumber 7 did not come from this stream")
    kinesis.refuse("GetShardIterator", refusal)

    with pytest.raises(TrimmedData, match="7:0"):
        await source.reader(shard, After(Position("7"))).read()


async def test_a_checkpoint_behind_which_only_empty_pages_come_is_looked_for_from_the_horizon_once(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    positions = [kinesis.put(shard, b"%d" % number) for number in range(5)]
    kinesis.shards[shard].empty_pages = 25
    reader = source.reader(shard, After(positions[3]))

    assert await read_all(reader) == [b"4"]
    clock.advance(301.0)
    await reader.read()
    await reader.read()

    asked = [
        request["ShardIteratorType"] for operation, request in kinesis.asked if operation == "GetShardIterator"
    ]
    assert asked == ["AT_SEQUENCE_NUMBER", "TRIM_HORIZON", "AT_SEQUENCE_NUMBER"]


async def test_a_quiet_shard_whose_last_record_was_trimmed_while_it_was_watched_has_no_gap(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    kinesis.put(shard, b"long ago")
    reader = source.reader(shard, TrimHorizon())
    await reader.read()
    for _ in range(7):
        clock.advance(DAY_S / 6 - 1.0)
        await reader.read()
        await reader.read()
    kinesis.trim(shard, 1)
    clock.advance(301.0)
    kinesis.put(shard, b"new")
    await reader.read()

    assert await read_all(reader) == [b"new"]


async def test_a_shard_that_left_the_stream_says_so(source: KinesisSource) -> None:
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        await source.reader("shardId-gone", TrimHorizon()).read()


async def test_the_user_records_of_an_aggregate_come_with_its_sequence_number(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    before = kinesis.put(shard, b"before")
    together = kinesis.put(shard, aggregate([Put("a", b"0"), Put("b", b"1"), Put("a", b"2")]))

    page = await source.reader(shard, TrimHorizon()).read()

    assert [record.position for record in page.records] == [
        before,
        *(Position(together.sequence, sub) for sub in range(3)),
    ]
    assert [record.partition_key for record in page.records] == ["key", "a", "b", "a"]
    assert bodies(page) == [b"before", b"0", b"1", b"2"]


@pytest.mark.parametrize("sub_sequence", range(3))
async def test_reading_goes_on_inside_an_aggregate(
    kinesis: KinesisService, source: KinesisSource, shard: str, sub_sequence: int
) -> None:
    together = kinesis.put(shard, aggregate([Put("a", b"0"), Put("b", b"1"), Put("a", b"2")]))
    kinesis.put(shard, b"3")
    checkpoint = After(Position(together.sequence, sub_sequence))

    assert await read_all(source.reader(shard, checkpoint)) == [b"0", b"1", b"2", b"3"][sub_sequence + 1 :]


async def test_user_records_of_another_shard_are_left_out_and_still_counted_in_sub_sequences(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    left, _ = kinesis.split(shard)
    ours, theirs = "0", str(HASH_KEYS - 1)
    put = kinesis.put(left, aggregate([Put("a", b"0", theirs), Put("a", b"1", ours), Put("a", b"2", theirs)]))
    kinesis.put(left, b"3")

    page = await source.reader(left, TrimHorizon()).read()

    assert bodies(page) == [b"1", b"3"]
    assert page.records[0].position == Position(put.sequence, 1)
    assert await read_all(source.reader(left, After(page.records[0].position))) == [b"3"]


async def test_an_aggregate_of_strays_alone_stops_nothing(
    kinesis: KinesisService, source: KinesisSource, shard: str, clock: FakeClock
) -> None:
    left, _ = kinesis.split(shard)
    kinesis.put(left, b"0")
    for _ in range(2):
        kinesis.put(left, aggregate([Put("a", b"stray", str(HASH_KEYS - 1))]))
    reader = source.reader(left, TrimHorizon())
    first = bodies(await reader.read())
    clock.advance(301.0)
    kinesis.put(left, b"1")
    await reader.read()

    assert (first, await read_all(reader)) == ([b"0"], [b"1"])


@pytest.mark.parametrize(
    ("records", "record_bytes", "limit"),
    [
        (3_000, 100, 10_000),
        (6_000, 1_000, 1_000),
        (40, 350_000, 1),
        (40, 2**20, 3),
        (25, 2**20, 10_000),
        (3, 9_500_000, 1),
    ],
)
async def test_a_backlog_is_read_as_fast_as_the_shard_allows_and_never_throttled(
    clock: FakeClock, records: int, record_bytes: int, limit: int
) -> None:
    kinesis = KinesisService(clock, throttles=True)
    shard = kinesis.open_shard()
    for _ in range(records):
        kinesis.put(shard, bytes(record_bytes))
    reader = KinesisSource("orders", kinesis.service(), clock, batch_size=limit).reader(shard, TrimHorizon())
    came, pages, began_s = 0, 0, clock.elapsed_s()

    while came < records:
        page = await reader.read()
        came, pages = came + len(page.records), pages + 1
        clock.advance(page.next_read_s)

    least_s = max(records * record_bytes / (2 * 2**20), pages * 0.2)
    assert clock.elapsed_s() - began_s <= least_s + 0.2


async def test_a_page_of_10_mib_wants_five_seconds(kinesis: KinesisService, clock: FakeClock, shard: str) -> None:
    for _ in range(11):
        kinesis.put(shard, bytes(2**20))
    reader = KinesisSource("orders", kinesis.service(), clock, batch_size=10_000).reader(shard, TrimHorizon())

    page = await reader.read()

    assert (len(page.records), page.next_read_s) == (10, 5.0)


async def test_iterators_that_expire_at_once_are_asked_for_no_faster_than_pages(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    """As where Kinesis itself is overloaded."""
    kinesis.refuse("GetRecords", Refusal("ExpiredIteratorException"))

    assert (await source.reader(shard, TrimHorizon()).read()).next_read_s == 0.2


async def test_an_unreadable_page_is_read_again(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.put(shard, b"0")
    stored = kinesis.shards[shard].records[0]
    data, stored["Data"] = stored["Data"], "no base64!"
    reader = source.reader(shard, TrimHorizon())

    with pytest.raises(Exception, match="unreadable answer"):
        await reader.read()
    stored["Data"] = data

    assert await read_all(reader) == [b"0"]


async def test_a_stream_holds_data_as_soon_as_one_shard_does(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    first, second = shard, kinesis.open_shard()
    kinesis.close_shard(first)
    assert not await source.holds_data()

    kinesis.put(second, b"0")
    kinesis.shards[second].empty_pages = 3

    assert await source.holds_data()


async def test_trimmed_data_is_no_data(kinesis: KinesisService, source: KinesisSource, shard: str) -> None:
    kinesis.put(shard, b"0")
    kinesis.trim(shard, 1)

    assert not await source.holds_data()


async def test_a_shard_that_stays_unclear_counts_as_one_with_data(
    kinesis: KinesisService, source: KinesisSource, shard: str
) -> None:
    kinesis.put(shard, b"0")
    kinesis.shards[shard].empty_pages = 1_000_000

    assert await source.holds_data()
    assert len(kinesis.asked) < 20
