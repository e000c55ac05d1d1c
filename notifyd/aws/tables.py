"""Makes a table of the blueprint, and adds to one that is there what it lacks: indexes, stream, time to live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from botocore.exceptions import ClientError

from notifyd.aws.blueprint import Table, TableIndex, attribute_definitions, key_schema, secondary_index
from notifyd.aws.waiting import Deadline

# Old images let a filter tell what a change was; notifyd itself reads new ones.
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


async def describe_table(dynamodb: Any, name: str) -> dict[str, Any] | None:
    """DynamoDB's description of the table; None where there is none."""
    try:
        answer = await dynamodb.describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    table: dict[str, Any] = answer["Table"]
    return table


async def create_table(dynamodb: Any, table: Table) -> bool:
    """Whether it was this call that made it; it need not be active yet."""
    if await describe_table(dynamodb, table.name) is not None:
        return False
    request: dict[str, Any] = {
        "TableName": table.name,
        "KeySchema": key_schema(table.key),
        "AttributeDefinitions": attribute_definitions(table),
        "BillingMode": "PAY_PER_REQUEST",
    }
    if table.indexes:
        request["GlobalSecondaryIndexes"] = [secondary_index(index) for index in table.indexes]
    if table.streamed:
        request["StreamSpecification"] = STREAM
    try:
        await dynamodb.create_table(**request)
    except ClientError as error:
        # Another `init` at the same moment.
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        return False
    return True


async def complete_table(dynamodb: Any, table: Table, deadline: Deadline) -> AsyncIterator[TableIndex]:
    """Waits until it is active and adds what it lacks; yields the indexes that were added."""
    there = await _active(dynamodb, table.name, deadline)
    if table.streamed and not there.get("StreamSpecification", {}).get("StreamEnabled"):
        await dynamodb.update_table(TableName=table.name, StreamSpecification=STREAM)
        await _active(dynamodb, table.name, deadline)
    names = {index["IndexName"] for index in there.get("GlobalSecondaryIndexes", [])}
    for index in table.indexes:
        if index.name not in names:
            # DynamoDB takes one new index at a time.
            await dynamodb.update_table(
                TableName=table.name,
                AttributeDefinitions=attribute_definitions(table),
                GlobalSecondaryIndexUpdates=[{"Create": secondary_index(index)}],
            )
            await _active(dynamodb, table.name, deadline)
            yield index
    if table.ttl_attribute:
        await _expire_by(dynamodb, table.name, table.ttl_attribute)


async def _expire_by(dynamodb: Any, name: str, attribute: str) -> None:
    answer = await dynamodb.describe_time_to_live(TableName=name)
    if answer["TimeToLiveDescription"]["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
        await dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
        )


async def _active(dynamodb: Any, name: str, deadline: Deadline) -> dict[str, Any]:
    """The description once the table and all its indexes are active."""

    async def ask() -> dict[str, Any] | None:
        there = await describe_table(dynamodb, name)
        return there if there and all(status == "ACTIVE" for status in _statuses(there)) else None

    return await deadline.until(f"table {name}", ask)


def _statuses(there: dict[str, Any]) -> list[str]:
    return [there["TableStatus"], *(index["IndexStatus"] for index in there.get("GlobalSecondaryIndexes", []))]
