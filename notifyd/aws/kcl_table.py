"""The lease table of a KCL application, read."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.aws.lease_items import Item
from notifyd.aws.operation import read_answer
from notifyd.core.kcl import KclLease
from notifyd.errors import DamagedItem
from notifyd.wire.aws_call import AwsService


class _Scanned(msgspec.Struct, rename="pascal"):
    items: list[Item] = []
    last_evaluated_key: Item | None = None


_SCANNED = msgspec.json.Decoder(_Scanned)


class KclTable:
    def __init__(self, table: str, service: AwsService, *, timeout_s: float) -> None:
        self._table = table
        self._service = service
        self._timeout_s = timeout_s

    async def leases(self) -> list[KclLease]:
        """Raises DamagedItem for an item that is no lease; AwsError or TransportError."""
        found: list[KclLease] = []
        body: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
        while True:
            answer = await self._service.call(
                "DynamoDB_20120810.Scan", msgspec.json.encode(body), timeout_s=self._timeout_s, attempts_max=3
            )
            page = read_answer("Scan", answer, _SCANNED)
            found += [_lease(item) for item in page.items]
            if page.last_evaluated_key is None:
                return found
            body["ExclusiveStartKey"] = page.last_evaluated_key


def _lease(item: Item) -> KclLease:
    key = str(item.get("leaseKey", {}).get("S", ""))
    try:
        return KclLease(
            key=item["leaseKey"]["S"],
            counter=int(item["leaseCounter"]["N"]),
            checkpoint=item["checkpoint"]["S"],
            owner=item.get("leaseOwner", {}).get("S", ""),
            sub_sequence=int(item.get("checkpointSubSequenceNumber", {}).get("N", "0")),
        )
    except (KeyError, ValueError) as fault:
        raise DamagedItem(key, f"is no lease of KCL's: {fault}") from None
