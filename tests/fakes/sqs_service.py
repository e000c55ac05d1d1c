"""A queue of SQS in memory behind the real adapter: its limits, its partial failures, its repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from notifyd.errors import AwsError
from notifyd.ports import Clock
from tests.support.scripted_aws import ScriptedAws

ENTRIES_MAX = 10
BATCH_BYTES_MAX = 2**20
_DELAY_MAX_S = 900
_VISIBILITY_MAX_S = 43_200

Asked = dict[str, Any]
Fails = Callable[[str, int], bool]
Repeats = Callable[[int], bool]


@dataclass
class _Message:
    """`receipt`: of its last receive; older ones no longer hide or delete it."""

    body: str
    visible_at_s: float
    receipt: str = ""


class SqsService:
    """`fails(operation, n)`: whether its n-th entry fails, by no fault of its own. `repeats(n)`: whether the n-th
    message comes again though its deletion was acknowledged. A receive does not wait.
    """

    def __init__(self, clock: Clock, *, message_bytes_max: int = 2**20, in_flight_max: int = 120_000) -> None:
        self.fails: Fails = lambda _operation, _number: False
        self.repeats: Repeats = lambda _number: False
        self._clock = clock
        self._message_bytes_max = message_bytes_max
        self._in_flight_max = in_flight_max
        self._messages: dict[int, _Message] = {}
        self._numbers = count(1)
        self._entries: dict[str, count[int]] = {}
        aws = ScriptedAws()
        aws.answers = {
            "SendMessageBatch": lambda asked: self._each("SendMessageBatch", asked, self._send),
            "DeleteMessageBatch": lambda asked: self._each("DeleteMessageBatch", asked, self._delete),
            "ReceiveMessage": self._receive,
            "ChangeMessageVisibility": self._hide,
            "GetQueueAttributes": self._depth,
        }
        self.service = aws.service

    @property
    def bodies(self) -> list[str]:
        """Waiting, delayed or in hand."""
        return [message.body for message in self._messages.values()]

    def _each(self, operation: str, asked: Asked, do: Callable[[Asked], str]) -> Asked:
        entries = asked["Entries"]
        if not 0 < len(entries) <= ENTRIES_MAX:
            raise _refusal(operation, "TooManyEntriesInBatchRequest", f"{len(entries)} entries")
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise _refusal(operation, "BatchEntryIdsNotDistinct", "an Id stands twice")
        if sum(len(entry.get("MessageBody", "").encode()) for entry in entries) > BATCH_BYTES_MAX:
            raise _refusal(operation, "BatchRequestTooLong", f"more than {BATCH_BYTES_MAX} bytes")
        numbers = self._entries.setdefault(operation, count())
        successful: list[Asked] = []
        failed: list[Asked] = []
        for entry in entries:
            if self.fails(operation, next(numbers)):
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            elif code := do(entry):
                failed.append({"Id": entry["Id"], "Code": code, "Message": code, "SenderFault": True})
            else:
                successful.append({"Id": entry["Id"]})
        return {"Successful": successful, "Failed": failed}

    def _send(self, entry: Asked) -> str:
        body = entry["MessageBody"]
        if not 0 < len(body.encode()) <= self._message_bytes_max or not 0 <= entry["DelaySeconds"] <= _DELAY_MAX_S:
            return "InvalidParameterValue"
        if any(map(_is_invalid, body)):
            return "InvalidMessageContents"
        self._messages[next(self._numbers)] = _Message(body, self._clock.elapsed_s() + entry["DelaySeconds"])
        return ""

    def _receive(self, asked: Asked) -> Asked:
        now_s = self._clock.elapsed_s()
        in_flight = sum([bool(one.receipt) and one.visible_at_s > now_s for one in self._messages.values()])
        if in_flight >= self._in_flight_max:
            raise _refusal("ReceiveMessage", "OverLimit", f"{in_flight} in flight")
        visible = [number for number, message in self._messages.items() if message.visible_at_s <= now_s]
        received = []
        for number in visible[: asked["MaxNumberOfMessages"]]:
            message = self._messages[number]
            message.visible_at_s = now_s + asked["VisibilityTimeout"]
            message.receipt = f"{number}/{next(self._numbers)}"
            received.append({"ReceiptHandle": message.receipt, "Body": message.body})
        return {"Messages": received} if received else {}

    def _delete(self, entry: Asked) -> str:
        """Of a receipt that a later receive replaced, a standard queue says that it worked."""
        number = int(entry["ReceiptHandle"].partition("/")[0])
        message = self._messages.get(number)
        if message is not None and message.receipt == entry["ReceiptHandle"]:
            del self._messages[number]
            if self.repeats(number):
                self._messages[next(self._numbers)] = _Message(message.body, self._clock.elapsed_s())
        return ""

    def _hide(self, asked: Asked) -> Asked:
        message = self._messages.get(int(asked["ReceiptHandle"].partition("/")[0]))
        if not 0 <= asked["VisibilityTimeout"] <= _VISIBILITY_MAX_S:
            raise _refusal("ChangeMessageVisibility", "InvalidParameterValue", "beyond 12 hours")
        if (
            message is None
            or message.receipt != asked["ReceiptHandle"]
            or message.visible_at_s <= self._clock.elapsed_s()
        ):
            raise _refusal("ChangeMessageVisibility", "MessageNotInflight", "no longer hidden")
        message.visible_at_s = self._clock.elapsed_s() + asked["VisibilityTimeout"]
        return {}

    def _depth(self, _asked: Asked) -> Asked:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self._messages))}}


def _is_invalid(character: str) -> bool:
    """What XML may not hold."""
    return character in "\ufffe\uffff" or (character < " " and character not in "\t\n\r")


def _refusal(operation: str, code: str, message: str) -> AwsError:
    return AwsError(operation, code, message, status=400)
