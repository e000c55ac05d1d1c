"""What DynamoDB gives in several pages is read to its end. The embedded AWS has no answer that long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from notifyd.aws.control_table import DynamoDbControlTable
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.events_table import EventsTable
from notifyd.aws.kcl_table import KclTable
from notifyd.aws.lease_items import shard_item
from notifyd.aws.lease_table import DynamoDbLeaseTable
from notifyd.aws.log_items import item_of
from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.sequence import Position, TrimHorizon
from notifyd.core.window import Progress
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.scripted_aws import ScriptedAws

Item = dict[str, dict[str, Any]]
POSITION = "kinesis:events/shardId-1/7:0"
NOTHING = Progress(None, 0.0, None, b"", "", {})


def paged(pages: list[list[Any]], key_of: Callable[[int], Item]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A page for each start key; each but the last says where the next begins."""
    keys = [key_of(number) for number in range(1, len(pages))]

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        start = body.get("ExclusiveStartKey")
        number = 0 if start is None else keys.index(start) + 1
        more = {"LastEvaluatedKey": keys[number]} if number < len(keys) else {}
        return {"Items": pages[number], **more}

    return answer


async def test_the_log_finds_every_row_of_an_event_whose_rows_fill_several_pages() -> None:
    rows = [
        LogRow("e1", f"DELIVERY{number}", 1, RowKind.ACCEPTED, POSITION, float(number), 0) for number in range(5)
    ]
    items = [msgspec.to_builtins(item_of(row, row.row)) for row in rows]
    aws = ScriptedAws()
    aws.answers["Query"] = paged(
        [items[:2], [], items[2:]], lambda number: {"event_id": {"S": "e1"}, "row": {"S": f"row {number}"}}
    )
    log = DynamoDbDeliveryLog("log", aws.service, clock=FakeClock(), entropy=FakeEntropy(), timeout_s=5)
    assert await log.rows_of_event("e1") == rows


async def test_every_shard_is_found_on_every_page_of_the_lease_table() -> None:
    """An item that a scan missed would be taken for one that was lost."""
    shards = [ShardItem("kinesis:events", f"shardId-{number}", TrimHorizon(), NOTHING) for number in range(5)]
    items = [shard_item(shard) for shard in shards]
    aws = ScriptedAws()
    aws.answers["Scan"] = paged([[], items[:2], [], items[2:], []], lambda number: {"key": {"S": str(number)}})
    scan = await DynamoDbLeaseTable("leases", aws.service, timeout_s=5).scan()
    assert scan.shards == shards
    assert all(body["ConsistentRead"] for _, body in aws.asked)


async def test_every_lease_is_found_on_every_page_of_a_kcl_table() -> None:
    leases = [
        {"leaseKey": {"S": f"shardId-{number}"}, "leaseCounter": {"N": "1"}, "checkpoint": {"S": "TRIM_HORIZON"}}
        for number in range(3)
    ]
    aws = ScriptedAws()
    aws.answers["Scan"] = paged([leases[:1], [], leases[1:]], lambda number: {"leaseKey": {"S": str(number)}})
    found = await KclTable("kcl", aws.service, timeout_s=5).leases()
    assert [lease.key for lease in found] == ["shardId-0", "shardId-1", "shardId-2"]


async def test_the_workers_reports_are_found_on_every_page() -> None:
    reports = [
        {"key": {"S": f"worker#{name}"}, "at": {"N": "1.000"}, "report": {"S": "[]"}} for name in ("one", "two")
    ]
    aws = ScriptedAws()
    aws.answers["Scan"] = paged([[report] for report in reports], lambda number: {"key": {"S": str(number)}})
    found = await DynamoDbControlTable("control", aws.service, timeout_s=5).reports()
    assert [report.worker_id for report in found] == ["one", "two"]


async def test_a_table_of_events_is_walked_over_every_page() -> None:
    items = [{"id": {"S": f"e{number}"}} for number in range(3)]
    aws = ScriptedAws()
    aws.answers["DescribeTable"] = lambda _: {"Table": {"KeySchema": [{"AttributeName": "id"}]}}
    aws.answers["Scan"] = paged([items[:2], items[2:]], lambda number: {"id": {"S": f"e{number}"}})
    table = EventsTable("events", aws.service, FakeClock(), timeout_s=5)
    walked = [
        msgspec.json.decode(record.body)["dynamodb"]["Keys"]
        async for page in table.pages(Position("1"), items_per_s=1_000)
        for record in page
    ]
    assert walked == items
