"""SQS as the daemon sees it: queues that stay empty while all goes well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from bench.servers.http import Answer, Request, refusal
from notifyd.aws.blueprint import Blueprint

ENTRIES_MAX = 10
CALL_BYTES_MAX = 1024 * 1024
_ARN = "arn:aws:sqs:eu-central-1:123456789012:{name}"


class _Message(msgspec.Struct):
    body: str
    visible_at_s: float


class Sqs:
    """`messages`: how many were ever handed over; `waiting`: how many of them are not deleted yet."""

    def __init__(self, plan: Blueprint, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._queues = {queue.name: queue for queue in plan.queues}
        self._held: dict[str, dict[str, _Message]] = {name: {} for name in self._queues}
        self.messages = 0

    @property
    def waiting(self) -> int:
        return sum(map(len, self._held.values()))

    def answer(self, operation: str, request: Request) -> Answer:
        asked: dict[str, Any] = msgspec.json.decode(request.body)
        name = asked["QueueName"] if operation == "GetQueueUrl" else asked["QueueUrl"].rpartition("/")[2]
        match operation:
            case "GetQueueUrl":
                answer = self._url(name)
            case "GetQueueAttributes":
                answer = self._attributes(name)
            case "ReceiveMessage":
                answer = self._receive(self._held[name], asked)
            case "SendMessageBatch":
                answer = self._send(self._held[name], asked["Entries"])
            case "DeleteMessageBatch":
                answer = _too_much(asked["Entries"]) or _delete(self._held[name], asked["Entries"])
            case "ChangeMessageVisibility":
                answer = self._hide(self._held[name], asked)
            case _:
                answer = refusal("UnknownOperationException", f"no {operation} here")
        return answer

    def _hide(self, queue: dict[str, _Message], asked: dict[str, Any]) -> Answer:
        message = queue.get(asked["ReceiptHandle"])
        if message is not None:
            message.visible_at_s = self._now_s() + asked["VisibilityTimeout"]
        return _json({})

    def _send(self, queue: dict[str, _Message], entries: list[dict[str, Any]]) -> Answer:
        refused = _too_much(entries)
        if refused is not None:
            return refused
        for entry in entries:
            self.messages += 1
            visible_at_s = self._now_s() + entry.get("DelaySeconds", 0)
            queue[f"receipt-{self.messages}"] = _Message(entry["MessageBody"], visible_at_s)
        return _json({"Successful": [_sent(entry) for entry in entries], "Failed": []})

    def _receive(self, queue: dict[str, _Message], asked: dict[str, Any]) -> Answer:
        """What is visible now; where nothing is, an empty answer when the wait is over."""
        now_s = self._now_s()
        visible = [receipt for receipt, message in queue.items() if message.visible_at_s <= now_s]
        if not visible:
            return _json({}, delay_s=float(asked.get("WaitTimeSeconds", 0)))
        taken = visible[: min(asked.get("MaxNumberOfMessages", 1), ENTRIES_MAX)]
        for receipt in taken:
            queue[receipt].visible_at_s = now_s + asked["VisibilityTimeout"]
        messages = [{"MessageId": one, "ReceiptHandle": one, "Body": queue[one].body} for one in taken]
        return _json({"Messages": messages})

    def _url(self, name: str) -> Answer:
        if name not in self._queues:
            return refusal("AWS.SimpleQueueService.NonExistentQueue", f"no queue {name}")
        return _json({"QueueUrl": f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}"})

    def _attributes(self, name: str) -> Answer:
        attributes = {
            "QueueArn": _ARN.format(name=name),
            "ApproximateNumberOfMessages": str(len(self._held[name])),
        }
        dead_letters = self._queues[name].dead_letters
        if dead_letters is not None:
            policy = {
                "deadLetterTargetArn": _ARN.format(name=dead_letters),
                "maxReceiveCount": 1000,
            }
            attributes["RedrivePolicy"] = msgspec.json.encode(policy).decode()
        return _json({"Attributes": attributes})


def _too_much(entries: list[dict[str, Any]]) -> Answer | None:
    if not entries:
        return refusal("AWS.SimpleQueueService.EmptyBatchRequest", "no entries")
    if len(entries) > ENTRIES_MAX:
        return refusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", f"{len(entries)} entries")
    if sum(len(entry.get("MessageBody", "").encode()) for entry in entries) > CALL_BYTES_MAX:
        return refusal("AWS.SimpleQueueService.BatchRequestTooLong", f"more than {CALL_BYTES_MAX} bytes")
    return None


def _delete(queue: dict[str, _Message], entries: list[dict[str, Any]]) -> Answer:
    for entry in entries:
        queue.pop(entry["ReceiptHandle"], None)
    return _json({"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})


def _sent(entry: dict[str, Any]) -> dict[str, str]:
    return {"Id": entry["Id"], "MessageId": "bench", "MD5OfMessageBody": ""}


def _json(said: dict[str, Any], delay_s: float = 0.0) -> Answer:
    return Answer(msgspec.json.encode(said), delay_s=delay_s)
