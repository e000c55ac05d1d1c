from __future__ import annotations

from typing import Any

import msgspec
import pytest
from aiohttp import ClientConnectionError, ClientSession
from botocore.exceptions import ClientError

from bench.servers.http import Request
from bench.servers.process import Counted
from bench.servers.queues import CALL_BYTES_MAX, ENTRIES_MAX
from bench.servers.sinks import Sinks, operation
from tests.bench.conftest import Client, serving

ID_1, ID_2 = "A" * 26, "B" * 26


@pytest.fixture
def sinks() -> Sinks:
    return Sinks("bench", latency_s=0.0)


def bulk(*mails: tuple[int, str]) -> dict[str, Any]:
    """SendBulkEmail of (event number, delivery id) pairs."""
    return {
        "FromEmailAddress": "bench@bench.example",
        "DefaultContent": {"Template": {"TemplateContent": {"Subject": "{{s}}"}, "TemplateData": "{}"}},
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": ["a@bench.example"]},
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {
                        "ReplacementTemplateData": f'{{"s":"bench-mark:{number}:1700000000000;\\n"}}'
                    }
                },
                "ReplacementTags": [{"Name": "delivery_id", "Value": delivery_id}],
            }
            for number, delivery_id in mails
        ],
    }


async def test_each_mail_is_accepted_and_counted(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        answer = await client.send_bulk_email(**bulk((0, ID_1), (700_000, ID_2)))
    assert [result["Status"] for result in answer["BulkEmailEntryResults"]] == ["SUCCESS", "SUCCESS"]
    stats = sinks.control("stats", b"")
    assert (stats["accepted"], stats["unique"], stats["duplicates"], stats["bad_ids"]) == (2, 2, 0, 0)
    assert sum(stats["latencies"].values()) == 2


async def test_a_mail_that_comes_again_is_a_duplicate(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        await client.send_bulk_email(**bulk((4, ID_1)))
        await client.send_bulk_email(**bulk((4, ID_1)))
    stats = sinks.control("stats", b"")
    assert (stats["accepted"], stats["unique"], stats["duplicates"]) == (2, 1, 1)


@pytest.mark.parametrize("second", [ID_1, "", "short"])
async def test_an_id_that_two_events_share_or_that_is_none_is_bad(
    sinks: Sinks, client_of: Client, second: str
) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        await client.send_bulk_email(**bulk((1, ID_1), (2, second)))
    assert sinks.control("stats", b"")["bad_ids"] == 1


async def test_a_bulk_of_more_than_50_is_refused_and_not_counted(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        with pytest.raises(ClientError, match="BadRequestException"):
            await client.send_bulk_email(**bulk(*((number, ID_1) for number in range(51))))
    assert sinks.control("stats", b"")["accepted"] == 0


async def test_a_new_window_forgets_the_latencies_and_not_what_was_seen(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        await client.send_bulk_email(**bulk((1, ID_1)))
        sinks.control("window", b"")
        await client.send_bulk_email(**bulk((1, ID_1)))
    stats = sinks.control("stats", b"")
    assert (stats["accepted"], stats["unique"], stats["duplicates"]) == (1, 1, 1)


async def test_the_account_may_send_as_fast_as_the_bench_can(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sesv2") as client:
        account = await client.get_account()
    assert account["ProductionAccessEnabled"]
    assert account["SendQuota"]["MaxSendRate"] >= 100_000


async def test_queues_take_messages_and_stay_empty(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sqs") as client:
        url = (await client.get_queue_url(QueueName="bench-retry-email"))["QueueUrl"]
        assert "Messages" not in await client.receive_message(QueueUrl=url, WaitTimeSeconds=0)
        answer = await client.delete_message_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "r"}])
        assert [entry["Id"] for entry in answer["Successful"]] == ["1"]


async def test_alerts_are_counted(sinks: Sinks, client_of: Client) -> None:
    async with client_of(sinks.answer, "sns") as client:
        await client.publish(TopicArn="arn:aws:sns:eu-central-1:123456789012:bench-alerts", Message="m")
    assert sinks.control("stats", b"")["alerts"] == 1


async def test_a_message_is_there_again_after_its_visibility_until_it_is_deleted(
    sinks: Sinks, client_of: Client
) -> None:
    async with client_of(sinks.answer, "sqs") as client:
        url = (await client.get_queue_url(QueueName="bench-retry-email"))["QueueUrl"]
        entries = [{"Id": "0", "MessageBody": "now"}, {"Id": "1", "MessageBody": "later", "DelaySeconds": 900}]
        await client.send_message_batch(QueueUrl=url, Entries=entries)

        async def receive(visibility_s: int) -> list[dict[str, Any]]:
            answer = await client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=visibility_s, WaitTimeSeconds=0
            )
            return list(answer.get("Messages", []))

        [first] = await receive(0)
        [again] = await receive(60)
        assert first["Body"] == again["Body"] == "now"
        assert await receive(60) == []
        await client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=0
        )
        [hidden] = await receive(60)
        await client.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": hidden["ReceiptHandle"]}]
        )
    stats = sinks.control("stats", b"")
    assert (stats["queued"], stats["waiting"]) == (2, 1)


@pytest.mark.parametrize(
    ("bodies", "why"),
    [
        (["x"] * (ENTRIES_MAX + 1), "TooManyEntriesInBatchRequest"),
        (["x" * (CALL_BYTES_MAX // 2)] * 3, "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_sqs_would_not_take_is_refused_whole(sinks: Sinks, bodies: list[str], why: str) -> None:
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    asked = {"QueueUrl": "https://sqs.example/bench-retry-email", "Entries": entries}
    answer = sinks.answer(Request("POST", "/", "AmazonSQS.SendMessageBatch", msgspec.json.encode(asked)))
    assert (answer.status, why in answer.body.decode()) == (400, True)
    assert sinks.control("stats", b"")["queued"] == 0


async def test_who_is_away_does_nothing_and_answers_nothing(sinks: Sinks) -> None:
    counted = Counted(sinks, operation)
    headers, asked = {"x-amz-target": "AmazonSQS.GetQueueUrl"}, {"QueueName": "bench-retry-email"}
    async with serving(counted) as url, ClientSession(headers=headers) as session:
        told(counted, away=True)
        with pytest.raises(ClientConnectionError):
            await session.post(url, json=asked)
        told(counted, away=False)
        assert (await session.post(url, json=asked)).status == 200
    assert counted(Request("POST", "/_bench/stats", "", b"")).body.count(b"GetQueueUrl") == 1


def told(counted: Counted, *, away: bool) -> None:
    counted(Request("POST", "/_bench/away", "", msgspec.json.encode({"away": away})))
