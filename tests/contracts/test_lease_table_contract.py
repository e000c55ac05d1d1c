"""One suite over the lease table in memory and on DynamoDB's API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from notifyd.aws.blueprint import Table
from notifyd.aws.lease_table import DynamoDbLeaseTable
from notifyd.aws.session import AwsSession
from notifyd.aws.tables import create_table
from notifyd.core.account import Accounted
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.core.sequence import AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Progress
from notifyd.errors import DamagedItem
from notifyd.ports import LeaseTable, ShardWrite
from tests.fakes.lease_table import FakeLeaseTable

NOTHING = Progress(None, 0.0, None, b"", "", Accounted().as_dict())
SEQUENCE = "49590338271490256608559692538361571095921575989136588898"
MOVED = Progress(
    checkpoint=Position(SEQUENCE, 3),
    checkpoint_arrival_s=1_700_000_000.123,
    claimed=Position(SEQUENCE, 9),
    unsettled=b"\x06\x00\x02",
    first_sequence=f"{SEQUENCE}:4",
    accounted=Accounted(5, [0, 1, 0, 0, 0, 4]).as_dict(),
    tip_at_s=1_700_000_005.5,
    claimed_to="9f3c0a1122334455",
)


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | None:
    session: AwsSession | None = request.getfixturevalue("aws") if request.param == "aws" else None
    return session


@pytest.fixture
async def table(behind: AwsSession | None, prefix: str) -> LeaseTable:
    return FakeLeaseTable() if behind is None else await _on_aws(behind, prefix)


async def _on_aws(aws: AwsSession, prefix: str) -> DynamoDbLeaseTable:
    async with aws.client("dynamodb") as dynamodb:
        await create_table(dynamodb, Table(prefix, (("key", "S"),)))
    return DynamoDbLeaseTable(prefix, await aws.lean("dynamodb"), timeout_s=5)


def shard(start: Checkpoint | None = None, **changes: Any) -> ShardItem:
    item = ShardItem("kinesis:events", "shardId-1", start or TrimHorizon(), NOTHING, parents=("shardId-0",))
    return msgspec.structs.replace(item, **changes)


def write_of(item: ShardItem, commit_id: str, progress: Progress = MOVED, **changes: Any) -> ShardWrite:
    write = ShardWrite(item.key, item.lease_owner, item.epoch, item.commit_id, commit_id, progress)
    return msgspec.structs.replace(write, **changes)


async def taken(table: LeaseTable, owner: str = "ann", item: ShardItem | None = None) -> ShardItem:
    await table.create_shard(item or shard())
    [seen] = (await table.scan()).shards
    taken = await table.take(seen, owner, f"first-{owner}")
    assert taken is not None
    return taken


async def the_shard(table: LeaseTable) -> ShardItem:
    [item] = (await table.scan()).shards
    return item


@pytest.mark.parametrize("start", [TrimHorizon(), AtTimestamp(1_700_000_000.5), ShardEnd()])
async def test_a_shard_stands_as_it_was_created(table: LeaseTable, start: Checkpoint) -> None:
    await table.create_shard(shard(start))
    assert await the_shard(table) == shard(start)


async def test_creating_what_is_there_changes_nothing(table: LeaseTable) -> None:
    held = await taken(table)
    await table.create_shard(shard())
    assert await the_shard(table) == held


async def test_a_stream_is_initialised_once(table: LeaseTable) -> None:
    first = StreamItem("kinesis:events", AtTimestamp(5.0), 5.0)
    assert await table.create_stream(first)
    assert not await table.create_stream(StreamItem("kinesis:events", TrimHorizon()))
    await table.note_listing("kinesis:events", b"\x00\xff listed")
    assert (await table.scan()).streams == {
        "kinesis:events": msgspec.structs.replace(first, listed=b"\x00\xff listed")
    }


async def test_heartbeats_are_written_over_and_removed(table: LeaseTable) -> None:
    await table.beat(Heartbeat("ann", 1))
    await table.beat(Heartbeat("ann", 2, leases_held=3))
    await table.beat(Heartbeat("bob", 1))
    await table.remove_worker("bob")
    await table.remove_worker("nobody")
    assert (await table.scan()).heartbeats == [Heartbeat("ann", 2, leases_held=3)]


async def test_a_take_moves_owner_and_epoch(table: LeaseTable) -> None:
    held = await taken(table)
    assert (held.lease_owner, held.epoch, held.commit_id) == ("ann", 1, "first-ann")
    assert await the_shard(table) == held


async def test_of_two_who_take_one_is_refused(table: LeaseTable) -> None:
    await table.create_shard(shard())
    seen = await the_shard(table)
    first = await table.take(seen, "ann", "first-ann")
    assert await table.take(seen, "bob", "first-bob") is None
    assert await the_shard(table) == first


async def test_a_shard_is_asked_for_once_and_its_owner_s_writes_leave_that_standing(table: LeaseTable) -> None:
    await table.create_shard(shard())
    taken = await table.take(shard(), "ann", "c1")
    assert taken is not None
    assert await table.request(taken, "bob")
    assert not await table.request(taken, "cid")
    await table.write(ShardWrite(taken.key, "ann", taken.epoch, "c1", "c2", taken.progress, release=True))
    [released] = (await table.scan()).shards
    assert (released.lease_owner, released.requested_by) == ("", "bob")
    again = await table.take(released, "bob", "c3")
    assert again is not None
    assert (again.lease_owner, again.requested_by) == ("bob", "")


async def test_the_listing_is_taken_over_by_one(table: LeaseTable) -> None:
    await table.create_stream(StreamItem("s", TrimHorizon()))
    seen = (await table.scan()).streams["s"]
    assert await table.lead(seen, "ann")
    assert not await table.lead(seen, "bob")
    assert (await table.scan()).streams["s"].leader == "ann"


async def test_a_take_sent_again_tells_that_it_was_applied(table: LeaseTable) -> None:
    await table.create_shard(shard())
    seen = await the_shard(table)
    first = await table.take(seen, "ann", "first-ann")
    assert await table.take(seen, "ann", "first-ann") == first


async def test_a_write_is_there_as_it_was_written(table: LeaseTable) -> None:
    held = await taken(table)
    assert await table.write(write_of(held, "second")) is None
    item = await the_shard(table)
    assert item.progress == MOVED
    assert (item.commit_id, item.lease_owner, item.epoch, item.parents) == ("second", "ann", 1, ("shardId-0",))


async def test_a_write_before_anything_is_settled_leaves_the_start_as_it_was(table: LeaseTable) -> None:
    held = await taken(table, item=shard(AtTimestamp(7.0)))
    claimed = msgspec.structs.replace(MOVED, checkpoint=None)
    await table.write(write_of(held, "second", claimed))
    item = await the_shard(table)
    assert item.start == AtTimestamp(7.0)
    assert item.progress == claimed


async def test_a_late_copy_of_an_earlier_write_is_refused(table: LeaseTable) -> None:
    held = await taken(table)
    first = write_of(held, "second")
    await table.write(first)
    second = write_of(msgspec.structs.replace(held, commit_id="second"), "third", NOTHING)
    await table.write(second)
    before = await the_shard(table)
    assert await table.write(first) == before
    assert await the_shard(table) == before


async def test_a_refused_write_shows_the_item_as_it_stands(table: LeaseTable) -> None:
    held = await taken(table)
    stolen = await table.take(held, "bob", "first-bob")
    assert await table.write(write_of(held, "second")) == stolen


async def test_a_write_sent_again_shows_its_own_commit_id(table: LeaseTable) -> None:
    held = await taken(table)
    write = write_of(held, "second", release=True)
    assert await table.write(write) is None
    standing = await table.write(write)
    assert standing is not None
    assert (standing.commit_id, standing.lease_owner) == ("second", "")


async def test_a_shard_s_end_stays_and_its_account_with_it(table: LeaseTable) -> None:
    held = await taken(table)
    await table.write(write_of(held, "second", finished=True, release=True))
    item = await the_shard(table)
    assert item.is_finished
    assert item.lease_owner == ""
    assert item.progress.accounted == MOVED.accounted


async def test_a_write_on_an_item_that_is_gone_says_so(table: LeaseTable) -> None:
    held = msgspec.structs.replace(shard(), lease_owner="ann", epoch=1, commit_id="first")
    with pytest.raises(DamagedItem, match="gone"):
        await table.write(write_of(held, "second"))
    with pytest.raises(DamagedItem, match="gone"):
        await table.take(held, "ann", "second")


async def test_a_shard_is_removed_only_as_it_was_seen(table: LeaseTable) -> None:
    held = await taken(table)
    assert await table.write(write_of(held, "second", finished=True, release=True)) is None
    await table.remove_shard(held)
    seen = await the_shard(table)
    await table.remove_shard(seen)
    assert (await table.scan()).shards == []
    await table.remove_shard(seen)


async def test_more_items_than_fit_a_page_are_all_there(table: LeaseTable) -> None:
    shards = [shard(shard_id=f"shardId-{number}") for number in range(60)]
    for item in shards:
        await table.create_shard(item)
    scan = await table.scan()
    assert {item.key for item in scan.shards} == {item.key for item in shards}


@pytest.mark.aws
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": {"N": "99"}}, "format 99"),
        ({"claimed": {"S": "here"}}, "position"),
        ({"epoch": {"S": "one"}}, "is missing"),
        ({"checkpoint": {"S": "LATEST"}}, "position"),
    ],
)
async def test_a_damaged_item_stands_aside_with_its_reason(
    aws: AwsSession, prefix: str, change: dict[str, Any], why: str
) -> None:
    table = await _on_aws(aws, prefix)
    held = await taken(table)
    [(name, value)] = change.items()
    async with aws.client("dynamodb") as dynamodb:
        await dynamodb.update_item(
            TableName=prefix,
            Key={"key": {"S": held.key}},
            UpdateExpression="SET #n = :v",
            ExpressionAttributeNames={"#n": name},
            ExpressionAttributeValues={":v": value},
        )
    scan = await table.scan()
    assert scan.shards == []
    [damage] = scan.damaged
    assert damage.key == held.key
    assert why in damage.why
    with pytest.raises(DamagedItem, match=why):
        await table.write(write_of(msgspec.structs.replace(held, commit_id="another"), "second"))
