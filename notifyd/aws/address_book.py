"""Takes dead addresses out of the contacts table."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.aws.contact_changes import Change, suppression, without_device
from notifyd.core.dead_address import DeadAddress, Removal
from notifyd.core.unreadable import UNREADABLE
from notifyd.core.user import DEVICE_PLATFORMS
from notifyd.errors import AwsError, NoAnswer
from notifyd.wire.batch_get import AwsCaller

_TARGET = "DynamoDB_20120810."
# Reading and these writes may be repeated: a second removal finds nothing to remove.
_ATTEMPTS_MAX = 3
# So often an item may change between the look and the write; the address will answer "gone" again.
_LOOKS_MAX = 3


class _Answer(msgspec.Struct, rename="pascal"):
    item: dict[str, Any] = {}


_ANSWERS = msgspec.json.Decoder(_Answer)


class DynamoDbAddressBook:
    def __init__(self, caller: AwsCaller, *, contacts: str, timeout_s: float) -> None:
        self._caller = caller
        self._contacts = contacts
        self._timeout_s = timeout_s

    async def remove(self, dead: DeadAddress) -> Removal:
        if dead.channel not in DEVICE_PLATFORMS:
            return Removal.SUPPRESSED if await self._apply(dead.user_id, suppression(dead)) else Removal.KEPT
        for _ in range(_LOOKS_MAX):
            tokens = await self._tokens(dead.user_id)
            change = without_device(tokens, dead)
            if change is None:
                break
            if await self._apply(dead.user_id, change):
                return Removal.REMOVED
        return Removal.KEPT

    async def _tokens(self, user_id: str) -> dict[str, Any]:
        asked = {
            "TableName": self._contacts,
            "Key": {"user_id": {"S": user_id}},
            "ConsistentRead": True,
            "ProjectionExpression": "#tokens",
            "ExpressionAttributeNames": {"#tokens": "device_tokens"},
        }
        answer = await self._call("GetItem", asked)
        try:
            tokens = _ANSWERS.decode(answer).item.get("device_tokens", {})
        except UNREADABLE as unreadable:
            raise NoAnswer(f"GetItem: unreadable answer of {len(answer)} bytes") from unreadable
        return tokens if isinstance(tokens, dict) else {}

    async def _apply(self, user_id: str, change: Change) -> bool:
        """False: the item is no longer as it was seen."""
        asked = {
            "TableName": self._contacts,
            "Key": {"user_id": {"S": user_id}},
            "UpdateExpression": change.update,
            "ConditionExpression": change.condition,
            "ExpressionAttributeNames": change.names,
            "ExpressionAttributeValues": change.values,
        }
        try:
            await self._call("UpdateItem", asked)
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    async def _call(self, operation: str, asked: dict[str, Any]) -> bytes:
        return await self._caller.call(
            _TARGET + operation,
            msgspec.json.encode(asked),
            timeout_s=self._timeout_s,
            attempts_max=_ATTEMPTS_MAX,
        )
