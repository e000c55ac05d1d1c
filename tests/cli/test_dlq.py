"""`notifyd dlq …` on real queues: looked through without loss, redriven once, dropped for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from notifyd.aws.dead_letter_box import SqsDeadLetterBox
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.resources import queue_url
from notifyd.aws.retry_queue import SqsDeadLetters, SqsRetryQueue
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.errors import AwsError
from notifyd.names import Names
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.system import SystemClock, SystemEntropy
from tests.cli.shell import Shell, write_config
from tests.support.scripted_aws import ScriptedAws

pytestmark = pytest.mark.aws


class Ground:
    """The queues and the log of one prefix, as `notifyd init` makes them."""

    def __init__(self, shell: Shell, dead: SqsDeadLetters, retry: SqsRetryQueue, log: DynamoDbDeliveryLog) -> None:
        self.shell = shell
        self.dead = dead
        self.retry = retry
        self.log = log

    async def dlq(self, *args: str) -> tuple[int, Any]:
        code, out, error = await self.shell("dlq", *args, "--json")
        assert out, error
        return code, json.loads(out)

    async def listed(self, *args: str) -> list[str]:
        code, said = await self.dlq("list", *args)
        assert (code, said["unreadable"]) == (0, 0)
        return sorted(one["delivery"] or one["reason"] for one in said["messages"])


@pytest.fixture
async def ground(embedded_aws: EmbeddedAws, aws: AwsSession, tmp_path: Path, prefix: str) -> Ground:
    shell = Shell(embedded_aws, write_config(tmp_path, prefix))
    assert (await shell("init"))[0] == 0
    names, clock = Names(prefix), SystemClock()
    service = await aws.lean("sqs")
    async with aws.client("sqs") as sqs:
        urls = {
            channel: await queue_url(sqs, names.dead_letter_queue(channel)) for channel in (Channel.EMAIL, None)
        }
        retry_url = await queue_url(sqs, names.retry_queue(Channel.EMAIL))
    assert retry_url is not None
    dead = SqsDeadLetters({channel: url or "" for channel, url in urls.items()}, service, timeout_s=5)
    retry = SqsRetryQueue(retry_url, service, clock=clock, visibility_s=30, timeout_s=5)
    log = DynamoDbDeliveryLog(
        names.log, await aws.lean("dynamodb"), clock=clock, entropy=SystemEntropy(), timeout_s=5
    )
    return Ground(shell, dead, retry, log)


def _dead(number: int, reason: str = "attempts", type_name: str = "paid", **changes: Any) -> DeadMessage:
    now_s = SystemClock().now_s()
    delivery = RetryMessage(
        delivery_id=f"D{number}",
        event_id=f"E{number}",
        position=f"s/1/{number}",
        user_id=f"u{number}",
        type_name=type_name,
        channel=Channel.EMAIL,
        address=f"u{number}@example.com",
        attempt=4,
        arrival_s=now_s - 100,
        deadline_at_s=now_s + 3600,
        not_before_s=now_s,
        event={"id": f"E{number}"},
    )
    return DeadMessage(reason, now_s, f"s/1/{number}", delivery=msgspec.structs.replace(delivery, **changes))


async def test_looking_through_takes_nothing_away(ground: Ground) -> None:
    await ground.dead.put(Channel.EMAIL, [_dead(number) for number in range(25)])
    await ground.dead.put(None, [DeadMessage("malformed", 0.0, "s/1/99", body_base64="e30=")])
    everything = sorted([f"D{number}" for number in range(25)] + ["malformed"])
    assert await ground.listed() == everything
    assert await ground.listed() == everything
    assert await ground.listed("--channel", "events") == ["malformed"]
    assert len(await ground.listed("--limit", "7")) == 7
    code, out, _ = await ground.shell("dlq", "show", "--delivery", "D3")
    assert code == 0
    assert json.loads(out)["message"]["delivery"]["address"] == "u3@example.com"
    assert (await ground.shell("dlq", "show", "--delivery", "nobody"))[0] == 1


async def test_a_redrive_hands_over_what_may_be_sent_and_keeps_the_rest(ground: Ground) -> None:
    now_s = SystemClock().now_s()
    await ground.log.append(
        [
            LogRow("E1", "D1", 5, RowKind.ACCEPTED, "s/1/1", now_s, int(now_s) + 999),
            LogRow("E2", "D2", 5, RowKind.UNKNOWN, "s/1/2", now_s, int(now_s) + 999),
        ]
    )
    late = _dead(3, deadline_at_s=now_s - 1)
    await ground.dead.put(Channel.EMAIL, [_dead(0), _dead(1), _dead(2), late, _dead(4, type_name="other")])
    code, said = await ground.dlq("redrive", "--type", "paid")
    assert code == 1
    assert said == {
        "fates": {"redriven": 1, "accepted_since": 1, "in_doubt": 1, "past_deadline": 1},
        "refused": 0,
    }
    [received] = await ground.retry.receive(1)
    assert (received.message.delivery_id, received.message.attempt) == ("D0", 4)
    assert await ground.listed() == ["D2", "D3", "D4"]

    code, said = await ground.dlq("redrive", "--type", "paid", "--force", "--deadline-s", "600")
    assert (code, said["fates"]) == (0, {"redriven": 2})
    redriven = {one.message.delivery_id: one.message for one in await ground.retry.receive(1)}
    assert (redriven["D2"].in_doubt, redriven["D2"].attempt) == (True, 6)
    assert redriven["D3"].deadline_at_s > now_s + 500
    assert await ground.listed() == ["D4"]


async def test_a_drop_is_for_good_and_of_what_was_meant_alone(ground: Ground) -> None:
    await ground.dead.put(Channel.EMAIL, [_dead(1), _dead(2, reason="deadline")])
    assert await ground.dlq("drop", "--reason", "deadline", "--yes") == (0, {"dropped": 1})
    assert await ground.listed() == ["D1"]


async def test_what_sqs_keeps_is_not_told_as_deleted() -> None:
    aws = ScriptedAws()
    asked: list[str] = []

    def delete(body: dict[str, Any]) -> dict[str, Any]:
        asked.extend(entry["ReceiptHandle"] for entry in body["Entries"])
        kept = [entry["Id"] for entry in body["Entries"] if entry["ReceiptHandle"] == "r3"]
        return {"Failed": [{"Id": one, "Code": "InternalError", "SenderFault": False} for one in kept]}

    aws.answers["DeleteMessageBatch"] = delete
    box = SqsDeadLetterBox("url", aws.service, timeout_s=5)
    receipts = [f"r{number}" for number in range(12)]
    with pytest.raises(AwsError, match="InternalError: 1 of 12 messages stay"):
        await box.delete(receipts)
    assert asked == receipts
    await box.delete(["r4"])


async def test_a_body_that_is_none_of_ours_is_counted_and_stays(
    ground: Ground, aws: AwsSession, prefix: str
) -> None:
    async with aws.client("sqs") as sqs:
        url = await queue_url(sqs, Names(prefix).dead_letter_queue(Channel.EMAIL))
        assert url is not None
        await sqs.send_message(QueueUrl=url, MessageBody="hello")
    code, said = await ground.dlq("list")
    assert (code, said) == (0, {"messages": [], "unreadable": 1})
    box = SqsDeadLetterBox(url, await aws.lean("sqs"), timeout_s=5)
    assert [one.message for one in await box.receive()] == [None]
