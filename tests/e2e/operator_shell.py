"""An operator's shell on a stage: commands, and what she does to the tables by hand."""

from __future__ import annotations

import asyncio
from typing import Any

from notifyd.cli.demo.stage import Stage
from tests.support.shell import Ended, notifyd_here


async def notifyd(stage: Stage, *args: str) -> Ended:
    """`notifyd <args> -c <the stage's config>`."""
    return await asyncio.to_thread(notifyd_here, *args, "-c", stage.config, environ=stage.environment)


async def log_rows(stage: Stage, kind: str) -> list[dict[str, dict[str, Any]]]:
    async with stage.client("dynamodb") as dynamodb:
        answer = await dynamodb.scan(TableName=stage.names.log, ConsistentRead=True)
    return [item for item in answer["Items"] if item["kind"]["S"] == kind]


async def delete_row(stage: Stage, row: dict[str, dict[str, Any]]) -> None:
    async with stage.client("dynamodb") as dynamodb:
        await dynamodb.delete_item(TableName=stage.names.log, Key={"event_id": row["event_id"], "row": row["row"]})


async def shard_items(stage: Stage) -> list[dict[str, dict[str, Any]]]:
    async with stage.client("dynamodb") as dynamodb:
        answer = await dynamodb.scan(TableName=stage.names.leases, ConsistentRead=True)
    return [item for item in answer["Items"] if item["key"]["S"].startswith("shard#")]


async def put_shard_item(stage: Stage, item: dict[str, dict[str, Any]]) -> None:
    async with stage.client("dynamodb") as dynamodb:
        await dynamodb.put_item(TableName=stage.names.leases, Item=item)


async def delete_shard_item(stage: Stage, item: dict[str, dict[str, Any]]) -> None:
    async with stage.client("dynamodb") as dynamodb:
        await dynamodb.delete_item(TableName=stage.names.leases, Key={"key": item["key"]})
