"""SQS and SNS as the daemon sees them when all goes well: queues that stay empty, alerts that are counted."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from bench.servers.http import Answer, Request, refusal
from notifyd.aws.blueprint import Blueprint

_ARN = "arn:aws:{service}:eu-central-1:123456789012:{name}"


class Sqs:
    """Messages are counted and not kept: a bench in which something is retried says so and has failed."""

    def __init__(self, plan: Blueprint) -> None:
        self._queues = {queue.name: queue for queue in plan.queues}
        self.messages = 0

    def answer(self, operation: str, request: Request) -> Answer:
        asked: dict[str, Any] = msgspec.json.decode(request.body)
        match operation:
            case "GetQueueUrl":
                return self._url(asked["QueueName"])
            case "GetQueueAttributes":
                return self._attributes(asked["QueueUrl"].rpartition("/")[2])
            case "ReceiveMessage":
                return _json({}, delay_s=float(asked.get("WaitTimeSeconds", 0)))
            case "SendMessageBatch":
                self.messages += len(asked["Entries"])
                return _json({"Successful": [_sent(entry) for entry in asked["Entries"]], "Failed": []})
            case "DeleteMessageBatch":
                return _json({"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []})
            case _:
                return refusal("UnknownOperationException", f"no {operation} here")

    def _url(self, name: str) -> Answer:
        if name not in self._queues:
            return refusal("AWS.SimpleQueueService.NonExistentQueue", f"no queue {name}")
        return _json({"QueueUrl": f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}"})

    def _attributes(self, name: str) -> Answer:
        attributes = {"QueueArn": _ARN.format(service="sqs", name=name), "ApproximateNumberOfMessages": "0"}
        dead_letters = self._queues[name].dead_letters
        if dead_letters is not None:
            policy = {
                "deadLetterTargetArn": _ARN.format(service="sqs", name=dead_letters),
                "maxReceiveCount": 1000,
            }
            attributes["RedrivePolicy"] = msgspec.json.encode(policy).decode()
        return _json({"Attributes": attributes})


class Query:
    """SNS and STS: calls as forms, answers as XML."""

    def __init__(self, plan: Blueprint) -> None:
        self._topic_arn = _ARN.format(service="sns", name=plan.topic)
        self.published = 0

    def answer(self, request: Request) -> Answer:
        action = query_action(request)
        match action:
            case "Publish":
                self.published += 1
                return _xml(action, "<MessageId>bench</MessageId>")
            case "ListTopics":
                topic = f"<member><TopicArn>{self._topic_arn}</TopicArn></member>"
                return _xml(action, f"<Topics>{topic}</Topics>")
            case "GetCallerIdentity":
                return _xml(action, "<Account>123456789012</Account><UserId>bench</UserId><Arn>arn:bench</Arn>")
            case _:
                return _xml(action, "")


def query_action(request: Request) -> str:
    return parse_qs(request.body.decode()).get("Action", [""])[0]


def _sent(entry: dict[str, Any]) -> dict[str, str]:
    return {"Id": entry["Id"], "MessageId": "bench", "MD5OfMessageBody": ""}


def _json(said: dict[str, Any], delay_s: float = 0.0) -> Answer:
    return Answer(msgspec.json.encode(said), delay_s=delay_s)


def _xml(action: str, inside: str) -> Answer:
    body = (
        f"<{action}Response><{action}Result>{inside}</{action}Result>"
        f"<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(body.encode(), content_type="text/xml")
