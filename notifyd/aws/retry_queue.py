"""Retry queues and DLQs on SQS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from notifyd.aws.operation import read_answer
from notifyd.core.channel import Channel
from notifyd.core.packed_text import pack_text, unpack_text
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.errors import AwsError, TransportError
from notifyd.ports import Clock, Received
from notifyd.wire.aws_call import AwsService

_TARGET = "AmazonSQS."
_ENTRIES_MAX = 10
_DELAY_MAX_S = 900
# SendMessageBatch's bound on all bodies together, with room for the attributes of the call.
_CALL_BYTES_MAX = 1_000_000
# Above this the event's envelope is compressed; SQS bills by 64 KB.
_PLAIN_BYTES_MAX = 8_192
_COMPRESSED = "z:"
# JSON may hold U+FFFE and U+FFFF, XML may not, and SQS refuses what XML may not.
_ESCAPED = ((b"\xef\xbf\xbe", b"\\ufffe"), (b"\xef\xbf\xbf", b"\\uffff"))

_log = structlog.get_logger(__name__)

M = TypeVar("M", RetryMessage, DeadMessage)


class _Refused(msgspec.Struct):
    """`SenderFault`: the same entry will be refused again."""

    Code: str = ""
    Message: str = ""
    SenderFault: bool = False


class _Sent(msgspec.Struct):
    Successful: list[dict[str, Any]] = []
    Failed: list[_Refused] = []


class _Message(msgspec.Struct):
    ReceiptHandle: str
    Body: str


class _ReceivedAnswer(msgspec.Struct):
    Messages: list[_Message] | None = None


class _Attributes(msgspec.Struct):
    Attributes: dict[str, str] = {}


_SENT = msgspec.json.Decoder(_Sent)
_RECEIVED = msgspec.json.Decoder(_ReceivedAnswer)
_ATTRIBUTES = msgspec.json.Decoder(_Attributes)


class SqsRetryQueue:
    """Implements `ports.RetryQueue` for one channel."""

    def __init__(
        self, url: str, service: AwsService, *, clock: Clock, visibility_s: int, timeout_s: float
    ) -> None:
        self._url = url
        self._service = service
        self._clock = clock
        self._visibility_s = visibility_s
        self._timeout_s = timeout_s

    async def put(self, messages: Sequence[RetryMessage]) -> list[bool]:
        now_s = self._clock.now_s()
        delays = [max(0, min(_DELAY_MAX_S, round(message.not_before_s - now_s))) for message in messages]
        return await put_all(self._service, self._url, messages, delays, timeout_s=self._timeout_s)

    async def receive(self, wait_s: float) -> list[Received]:
        """A body that cannot be read is left to the queue's own redrive, which moves it to the DLQ."""
        started_at_s = self._clock.elapsed_s()
        body = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": _ENTRIES_MAX,
            "VisibilityTimeout": self._visibility_s,
            "WaitTimeSeconds": round(wait_s),
        }
        answer = await self._call("ReceiveMessage", body, timeout_s=wait_s + self._timeout_s)
        received: list[Received] = []
        for message in read_answer("ReceiveMessage", answer, _RECEIVED).Messages or []:
            try:
                retry = unpack(message.Body, RetryMessage)
            except ValueError:
                continue
            received.append(Received(retry, message.ReceiptHandle, started_at_s + self._visibility_s))
        return received

    async def delete(self, receipts: Sequence[str]) -> list[bool]:
        deleted: list[bool] = []
        for start in range(0, len(receipts), _ENTRIES_MAX):
            chunk = receipts[start : start + _ENTRIES_MAX]
            entries = [{"Id": str(i), "ReceiptHandle": receipt} for i, receipt in enumerate(chunk)]
            answer = await self._call("DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries})
            done = {entry["Id"] for entry in read_answer("DeleteMessageBatch", answer, _SENT).Successful}
            deleted += [str(i) in done for i in range(len(chunk))]
        return deleted

    async def hide(self, receipt: str, seconds: float) -> None:
        body = {
            "QueueUrl": self._url,
            "ReceiptHandle": receipt,
            "VisibilityTimeout": max(0, min(43_200, round(seconds))),
        }
        await self._call("ChangeMessageVisibility", body)

    async def depth(self) -> int:
        """Messages visible, delayed and in flight, roughly."""
        return await queue_depth(self._service, self._url, timeout_s=self._timeout_s)

    async def _call(self, operation: str, body: dict[str, Any], *, timeout_s: float | None = None) -> bytes:
        return await self._service.call(
            _TARGET + operation, msgspec.json.encode(body), timeout_s=timeout_s or self._timeout_s
        )


class SqsDeadLetters:
    """Implements `ports.DeadLetters` over the DLQ of each channel and that of events (key None)."""

    def __init__(self, urls: Mapping[Channel | None, str], service: AwsService, *, timeout_s: float) -> None:
        self._urls = urls
        self._service = service
        self._timeout_s = timeout_s

    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        delays = [0] * len(messages)
        return await put_all(self._service, self._urls[channel], messages, delays, timeout_s=self._timeout_s)

    async def depth(self, channel: Channel | None) -> int:
        return await queue_depth(self._service, self._urls[channel], timeout_s=self._timeout_s)


async def put_all(
    service: AwsService, url: str, messages: Sequence[M], delays_s: Sequence[int], *, timeout_s: float
) -> list[bool]:
    """SendMessageBatch, split by entries and bytes; which were taken, in order. Raises where none was."""
    taken: list[bool] = []
    for entries in _calls(messages, delays_s):
        try:
            taken += await _put_batch(service, url, entries, timeout_s)
        except (AwsError, TransportError):
            if not any(taken):
                raise
            # Who heard of nothing but the error would put again what an earlier call took.
            break
    return taken + [False] * (len(messages) - len(taken))


def _calls(messages: Sequence[M], delays_s: Sequence[int]) -> Iterator[list[dict[str, Any]]]:
    entries: list[dict[str, Any]] = []
    size_bytes = 0
    for message, delay_s in zip(messages, delays_s, strict=True):
        body = pack(message)
        body_bytes = len(body.encode())
        if entries and (len(entries) == _ENTRIES_MAX or size_bytes + body_bytes > _CALL_BYTES_MAX):
            yield entries
            entries, size_bytes = [], 0
        entries.append({"Id": str(len(entries)), "MessageBody": body, "DelaySeconds": delay_s})
        size_bytes += body_bytes
    if entries:
        yield entries


async def _put_batch(service: AwsService, url: str, entries: list[dict[str, Any]], timeout_s: float) -> list[bool]:
    body = msgspec.json.encode({"QueueUrl": url, "Entries": entries})
    answer = await service.call(_TARGET + "SendMessageBatch", body, timeout_s=timeout_s)
    sent = read_answer("SendMessageBatch", answer, _SENT)
    for refused in sent.Failed[:1]:
        _log.warning(
            "messages_refused",
            queue=url,
            messages=len(sent.Failed),
            code=refused.Code,
            reason=refused.Message,
            will_be_again=refused.SenderFault,
        )
    done = {entry["Id"] for entry in sent.Successful}
    return [entry["Id"] in done for entry in entries]


async def queue_depth(service: AwsService, url: str, *, timeout_s: float) -> int:
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    body = msgspec.json.encode({"QueueUrl": url, "AttributeNames": names})
    answer = await service.call(_TARGET + "GetQueueAttributes", body, timeout_s=timeout_s, attempts_max=2)
    attributes = read_answer("GetQueueAttributes", answer, _ATTRIBUTES).Attributes
    return sum(int(attributes.get(name, 0)) for name in names)


def pack(message: RetryMessage | DeadMessage) -> str:
    """As JSON, or compressed where that is shorter: base85 makes what compresses badly longer than it was."""
    plain = msgspec.json.encode(message)
    for refused, escaped in _ESCAPED:
        plain = plain.replace(refused, escaped)
    if len(plain) <= _PLAIN_BYTES_MAX:
        return plain.decode()
    compressed = _COMPRESSED + pack_text(plain)
    return compressed if len(compressed) < len(plain) else plain.decode()


def unpack(body: str, kind: type[M]) -> M:
    """Raises ValueError for a body that is none of ours."""
    plain: str | bytes = body
    if body.startswith(_COMPRESSED):
        plain = unpack_text(body.removeprefix(_COMPRESSED))
    try:
        return msgspec.json.decode(plain, type=kind)
    except RecursionError:
        raise ValueError("nested deeper than any message") from None
