"""A DLQ as a person looks through it: received, and either deleted or shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.aws.operation import read_answer
from notifyd.aws.retry_queue import unpack
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.errors import AwsError
from notifyd.wire.aws_call import AwsService

_TARGET = "AmazonSQS."
_ENTRIES_MAX = 10
# Long enough to look through a full queue; what is not released shows again by itself then.
_HIDDEN_S = 600
# Where the queue's own redrive policy put it: received over and over, and never brought to an end.
_RECEIVED_TOO_OFTEN = "received_too_often"


class Held(msgspec.Struct, frozen=True):
    """A message in hand, hidden from others; None: its body is none of ours."""

    receipt: str
    message: DeadMessage | None


class _Message(msgspec.Struct):
    ReceiptHandle: str
    Body: str
    Attributes: dict[str, str] = {}


class _Received(msgspec.Struct):
    Messages: list[_Message] | None = None


class _Entry(msgspec.Struct):
    Code: str = ""


class _Changed(msgspec.Struct):
    Failed: list[_Entry] = []


_RECEIVED = msgspec.json.Decoder(_Received)
_CHANGED = msgspec.json.Decoder(_Changed)


class SqsDeadLetterBox:
    """Every call raises AwsError or TransportError; what was in hand then shows again by itself."""

    def __init__(self, url: str, service: AwsService, *, timeout_s: float) -> None:
        self._url = url
        self._service = service
        self._timeout_s = timeout_s

    async def receive(self) -> list[Held]:
        """Up to ten; empty: nothing more is to be had now."""
        body = {
            "MaxNumberOfMessages": _ENTRIES_MAX,
            "VisibilityTimeout": _HIDDEN_S,
            "WaitTimeSeconds": 1,
            "MessageSystemAttributeNames": ["SentTimestamp"],
        }
        answer = await self._call("ReceiveMessage", body, timeout_s=1 + self._timeout_s)
        messages = read_answer("ReceiveMessage", answer, _RECEIVED).Messages or []
        return [Held(message.ReceiptHandle, _read(message)) for message in messages]

    async def delete(self, receipts: Sequence[str]) -> None:
        """AwsError also where some of them stay: nobody may be told that they are gone."""
        operation = "DeleteMessageBatch"
        kept = await self._in_batches(operation, [{"ReceiptHandle": receipt} for receipt in receipts])
        if kept:
            what = f"{len(kept)} of {len(receipts)} messages stay on the queue"
            raise AwsError(operation, kept[0].Code, what, status=200)

    async def release(self, receipts: Sequence[str]) -> None:
        """Shows them to others at once. What SQS does not release is gone, or shows again by itself."""
        entries = [{"ReceiptHandle": receipt, "VisibilityTimeout": 0} for receipt in receipts]
        await self._in_batches("ChangeMessageVisibilityBatch", entries)

    async def _in_batches(self, operation: str, entries: Sequence[dict[str, Any]]) -> list[_Entry]:
        """The entries that failed."""
        failed: list[_Entry] = []
        for start in range(0, len(entries), _ENTRIES_MAX):
            chunk = [
                {"Id": str(index), **entry} for index, entry in enumerate(entries[start : start + _ENTRIES_MAX])
            ]
            answer = await self._call(operation, {"Entries": chunk}, timeout_s=self._timeout_s)
            failed += read_answer(operation, answer, _CHANGED).Failed
        return failed

    async def _call(self, operation: str, body: dict[str, Any], *, timeout_s: float) -> bytes:
        encoded = msgspec.json.encode({"QueueUrl": self._url, **body})
        return await self._service.call(_TARGET + operation, encoded, timeout_s=timeout_s)


def _read(message: _Message) -> DeadMessage | None:
    try:
        dead = unpack(message.Body, DeadMessage)
    except ValueError:
        return _from_retry_queue(message)
    return dead


def _from_retry_queue(message: _Message) -> DeadMessage | None:
    """What SQS itself moved there is the retry message as it was."""
    try:
        delivery = unpack(message.Body, RetryMessage)
    except ValueError:
        return None
    at_s = int(message.Attributes.get("SentTimestamp", "0")) / 1000
    return DeadMessage(_RECEIVED_TOO_OFTEN, at_s, delivery.position, delivery=delivery)
