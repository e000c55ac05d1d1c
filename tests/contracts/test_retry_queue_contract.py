"""One suite over the queues in memory and on SQS's API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import shake_128
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from notifyd.aws.retry_queue import SqsDeadLetters, SqsRetryQueue, _calls, pack, put_all, unpack
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.packed_text import PLAIN_BYTES_MAX, pack_text
from notifyd.core.retry_message import Attempted, DeadMessage, RetryMessage
from notifyd.errors import AwsError, NoAnswer
from notifyd.ports import DeadLetters, RetryQueue
from notifyd.system import SystemClock
from tests.fakes.queues import FakeDeadLetters, FakeRetryQueue
from tests.fakes.sqs_service import SqsService
from tests.fakes.system import FakeClock
from tests.support.scripted_aws import ScriptedAws

VISIBILITY_S = 2
Pass = Callable[[float], Awaitable[None]]


class Rig(msgspec.Struct):
    """`passes`: lets so many seconds pass."""

    queue: RetryQueue
    dead: DeadLetters
    passes: Pass
    now_s: Callable[[], float]


@pytest.fixture(params=["memory", "strict", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | str:
    session: AwsSession | str = request.getfixturevalue("aws") if request.param == "aws" else request.param
    return session


@pytest.fixture
async def rig(behind: AwsSession | str, prefix: str, clock: FakeClock) -> Rig:
    if behind == "memory":
        return Rig(FakeRetryQueue(clock, visibility_s=VISIBILITY_S), FakeDeadLetters(), clock.sleep, clock.now_s)
    if isinstance(behind, str):
        return _on_strict(clock)
    real = SystemClock()
    async with behind.client("sqs") as sqs:
        urls = [
            (await sqs.create_queue(QueueName=f"{prefix}-{name}"))["QueueUrl"]
            for name in ("retry", "dlq", "events")
        ]
    service = await behind.lean("sqs")
    dead = SqsDeadLetters({Channel.EMAIL: urls[1], None: urls[2]}, service, timeout_s=5)
    queue = SqsRetryQueue(urls[0], service, clock=real, visibility_s=VISIBILITY_S, timeout_s=5)
    return Rig(queue, dead, real.sleep, real.now_s)


def _on_strict(clock: FakeClock) -> Rig:
    """The adapters, over queues that hold SQS's limits."""
    retry, dlq, events = (SqsService(clock) for _ in range(3))
    queue = SqsRetryQueue("retry", retry.service, clock=clock, visibility_s=VISIBILITY_S, timeout_s=5)
    return Rig(queue, DeadLettersApart(dlq, events), clock.sleep, clock.now_s)


class DeadLettersApart:
    """A service each: in memory a queue has no URL."""

    def __init__(self, dlq: SqsService, events: SqsService) -> None:
        self._of = {
            channel: SqsDeadLetters({channel: "dlq"}, queue.service, timeout_s=5)
            for channel, queue in ((Channel.EMAIL, dlq), (None, events))
        }

    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        return await self._of[channel].put(channel, messages)

    async def depth(self, channel: Channel | None) -> int:
        return await self._of[channel].depth(channel)


def message(number: int = 1, not_before_s: float = 0.0, **changes: Any) -> RetryMessage:
    made = RetryMessage(
        delivery_id=f"DELIVERY{number}",
        event_id=f"evt-{number}",
        position="kinesis:events/shard-0/1:0",
        user_id="ünï",
        type_name="paid",
        channel=Channel.EMAIL,
        address="ann@example.com",
        attempt=2,
        arrival_s=1.5,
        deadline_at_s=2.5,
        not_before_s=not_before_s,
        event={"id": f"evt-{number}", "detail": {"text": 'a "quoted" \n <&> line', "n": [1, 2.5, None, True]}},
        story=(Attempted(1, 1.0, "deferred", "throttled", "ses", "slow down"),),
        in_doubt=True,
    )
    return msgspec.structs.replace(made, **changes)


async def all_of(queue: RetryQueue, number: int) -> list[RetryMessage]:
    found: list[RetryMessage] = []
    for _ in range(20):
        if len(found) >= number:
            break
        found += [received.message for received in await queue.receive(0)]
    return sorted(found, key=lambda each: each.delivery_id)


async def test_a_message_comes_as_it_was_put(rig: Rig) -> None:
    assert await rig.queue.put([message()]) == [True]
    [received] = await rig.queue.receive(1)
    assert received.message == message()


async def test_an_empty_queue_hands_out_nothing(rig: Rig) -> None:
    assert await rig.queue.receive(0) == []
    assert await rig.queue.put([]) == []


async def test_more_messages_than_fit_a_call_are_all_there(rig: Rig) -> None:
    messages = [message(number) for number in range(100, 125)]
    assert await rig.queue.put(messages) == [True] * 25
    assert await all_of(rig.queue, 25) == messages
    assert await rig.queue.depth() == 25


async def test_a_large_event_comes_as_it_was_put(rig: Rig) -> None:
    large = [message(number, event={"detail": {"text": f"{number} 👋 " * 20_000}}) for number in (1, 2, 3)]
    assert await rig.queue.put(large) == [True] * 3
    assert await all_of(rig.queue, 3) == large


async def test_text_that_a_queue_refuses_comes_all_the_same(rig: Rig) -> None:
    odd = [message(1, event={"detail": "\ufffe\uffff"}), message(2, event={"detail": "\u0000\u0001\u001f\u007f"})]
    assert await rig.queue.put(odd) == [True, True]
    assert await all_of(rig.queue, 2) == odd


async def test_a_message_that_is_due_later_comes_later(rig: Rig) -> None:
    await rig.queue.put([message(not_before_s=rig.now_s() + 2)])
    assert await rig.queue.receive(0) == []
    await rig.passes(2.2)
    assert len(await rig.queue.receive(1)) == 1


async def test_a_message_in_hand_is_hidden_and_comes_back_unless_it_is_deleted(rig: Rig) -> None:
    await rig.queue.put([message(1), message(2)])
    first = [received for _ in range(2) for received in await rig.queue.receive(0)]
    assert len(first) == 2
    assert await rig.queue.receive(0) == []
    gone = next(received for received in first if received.message.delivery_id == "DELIVERY1")
    assert await rig.queue.delete([gone.receipt]) == [True]
    await rig.passes(VISIBILITY_S + 0.3)
    [again] = await rig.queue.receive(1)
    assert again.message.delivery_id == "DELIVERY2"


async def test_a_hidden_message_stays_away_as_long_as_was_said(rig: Rig) -> None:
    await rig.queue.put([message()])
    [received] = await rig.queue.receive(1)
    await rig.queue.hide(received.receipt, 0)
    [received] = await rig.queue.receive(1)
    await rig.queue.hide(received.receipt, VISIBILITY_S + 2)
    await rig.passes(VISIBILITY_S + 0.3)
    assert await rig.queue.receive(0) == []


async def test_more_receipts_than_fit_a_call_are_all_deleted(rig: Rig) -> None:
    await rig.queue.put([message(number) for number in range(12)])
    received = [each for _ in range(12) for each in await rig.queue.receive(0)]
    assert await rig.queue.delete([each.receipt for each in received]) == [True] * 12
    assert await rig.queue.depth() == 0


async def test_each_dlq_gets_its_own(rig: Rig) -> None:
    dead = DeadMessage("attempts", 1.0, "a/b/1:0", delivery=message())
    malformed = DeadMessage("no JSON", 1.0, "a/b/2:0", body_base64="AA==" * 10_000, body_bytes=5)
    assert await rig.dead.put(Channel.EMAIL, [dead, dead]) == [True, True]
    assert await rig.dead.put(None, [malformed]) == [True]
    assert await rig.dead.depth(Channel.EMAIL) == 2
    assert await rig.dead.depth(None) == 1


@pytest.mark.aws
async def test_a_body_that_is_none_of_ours_is_left_to_the_redrive(aws: AwsSession, prefix: str) -> None:
    async with aws.client("sqs") as sqs:
        url = (await sqs.create_queue(QueueName=prefix))["QueueUrl"]
        for body in ("hello", "z:nonsense", '{"delivery_id": 1}', "z:"):
            await sqs.send_message(QueueUrl=url, MessageBody=body)
    queue = SqsRetryQueue(url, await aws.lean("sqs"), clock=SystemClock(), visibility_s=30, timeout_s=5)
    assert await queue.receive(0) == []
    assert await queue.depth() == 4


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_is_packed_can_be_unpacked_and_sqs_takes_it(detail: object) -> None:
    made = message(event={"detail": detail, "pad": "x" * 100})
    body = pack(made)
    assert unpack(body, RetryMessage) == made
    assert all(
        character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
        for character in body
    )


def test_what_compresses_badly_is_put_as_it_is_and_its_bytes_are_counted() -> None:
    noise = shake_128(b"noise").digest(600_000)
    text = "".join(chr(0x20 + byte % 0x5E) for byte in noise).replace("\\", "/").replace('"', "/")
    made = message(event={"text": text + "\ufffe"})
    body = pack(made)
    assert unpack(body, RetryMessage) == made
    assert len(body.encode()) < 601_000
    assert "\ufffe" not in body
    assert [len(entries) for entries in _calls([made, made], [0, 0])] == [1, 1]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no message",
        "z:no message",
        "z:é",
        "z:" + "0" * 20,
        '{"x": ' + "[" * 5_000 + "]" * 5_000 + "}",
        "z:" + pack_text(b" " * (PLAIN_BYTES_MAX + 1) + msgspec.json.encode(message(3))),
    ],
    ids=lambda body: body[:20],
)
async def test_a_body_of_somebody_else_s_keeps_nobody_from_the_messages_beside_it(body: str) -> None:
    aws = ScriptedAws()
    bodies = [pack(message(1)), body, pack(message(2))]
    aws.answers["ReceiveMessage"] = lambda _: {
        "Messages": [{"ReceiptHandle": str(number), "Body": each} for number, each in enumerate(bodies)]
    }
    queue = SqsRetryQueue("url", aws.service, clock=FakeClock(), visibility_s=VISIBILITY_S, timeout_s=5)
    assert [received.message for received in await queue.receive(0)] == [message(1), message(2)]


@settings(max_examples=8, deadline=None)
@given(refused=st.sets(st.integers(0, 24)))
def test_only_the_entries_that_were_refused_are_told_as_not_taken(refused: set[int]) -> None:
    aws = ScriptedAws()
    taken: list[int] = []

    def send_batch(body: dict[str, Any]) -> dict[str, Any]:
        entries = body["Entries"]
        assert len(entries) <= 10
        assert sum(len(entry["MessageBody"]) for entry in entries) <= 1_048_576
        numbers = {entry["Id"]: _number(entry["MessageBody"]) for entry in entries}
        kept = [entry["Id"] for entry in entries if numbers[entry["Id"]] not in refused]
        taken.extend(numbers[kept_id] for kept_id in kept)
        return {
            "Successful": [{"Id": kept_id} for kept_id in reversed(kept)],
            "Failed": [{"Id": entry["Id"]} for entry in entries if entry["Id"] not in kept],
        }

    aws.answers["SendMessageBatch"] = send_batch
    messages = [message(number, event=_LARGE if number < 5 else {}) for number in range(25)]
    answers = asyncio.run(put_all(aws.service, "url", messages, [0] * 25, timeout_s=5))
    assert [number for number, answer in enumerate(answers) if not answer] == sorted(refused)
    assert taken == [number for number in range(25) if number not in refused]


async def test_what_a_queue_refuses_is_told_in_its_own_words() -> None:
    """It is put again without end: only these say why."""
    aws = ScriptedAws()
    said = "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes."
    refusal = {"Id": "0", "Code": "InvalidParameterValue", "Message": said, "SenderFault": True}
    aws.answers["SendMessageBatch"] = lambda _: {"Successful": [{"Id": "1"}], "Failed": [refusal]}
    with capture_logs() as logs:
        assert await put_all(aws.service, "url", [message(1), message(2)], [0, 0], timeout_s=5) == [False, True]
    [told] = logs
    assert (told["queue"], told["messages"], told["reason"], told["will_be_again"]) == ("url", 1, said, True)


@given(failing=st.sets(st.integers(0, 24)))
async def test_only_the_receipts_that_stay_are_told_as_not_deleted(failing: set[int]) -> None:
    clock = FakeClock()
    sqs = SqsService(clock)
    queue = SqsRetryQueue("url", sqs.service, clock=clock, visibility_s=VISIBILITY_S, timeout_s=5)
    await queue.put([message(number) for number in range(25)])
    receipts = [received.receipt for _ in range(3) for received in await queue.receive(0)]
    sqs.fails = lambda operation, number: operation == "DeleteMessageBatch" and number in failing
    assert await queue.delete(receipts) == [number not in failing for number in range(25)]
    assert sorted(map(_number, sqs.bodies)) == sorted(failing)


async def test_a_receipt_whose_visibility_ran_out_hides_nothing_and_says_so() -> None:
    clock = FakeClock()
    queue = SqsRetryQueue("url", SqsService(clock).service, clock=clock, visibility_s=VISIBILITY_S, timeout_s=5)
    await queue.put([message()])
    [received] = await queue.receive(0)
    clock.advance(VISIBILITY_S + 1)
    with pytest.raises(AwsError, match="MessageNotInflight"):
        await queue.hide(received.receipt, 60)
    [_again] = await queue.receive(0)
    assert await queue.delete([received.receipt]) == [True]
    assert await queue.depth() == 1


async def test_what_one_call_took_is_not_put_again_because_the_next_one_failed() -> None:
    aws = ScriptedAws()
    calls: list[int] = []

    def send_batch(body: dict[str, Any]) -> dict[str, Any]:
        calls.append(len(body["Entries"]))
        if len(calls) == 2:
            raise NoAnswer("the connection was closed")
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]]}

    aws.answers["SendMessageBatch"] = send_batch
    messages = [message(number, event=_LARGE) for number in range(10)]
    taken = await put_all(aws.service, "url", messages, [0] * 10, timeout_s=5)
    assert taken == [number < calls[0] for number in range(10)]
    assert len(calls) == 2


async def test_a_first_call_that_fails_says_why() -> None:
    aws = ScriptedAws()

    def send_batch(_: dict[str, Any]) -> dict[str, Any]:
        raise NoAnswer("the connection was closed")

    aws.answers["SendMessageBatch"] = send_batch
    with pytest.raises(NoAnswer, match="was closed"):
        await put_all(aws.service, "url", [message()], [0], timeout_s=5)


def _number(body: str) -> int:
    return int(unpack(body, RetryMessage).delivery_id.removeprefix("DELIVERY"))


# Hardly compresses: four of them fill a call.
_LARGE = {"noise": "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(50_000))}
