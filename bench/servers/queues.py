"""SQS and SNS as the daemon sees them when all goes well: queues that stay empty, alerts that are counted."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from bench.servers.http import Answer, Request, refusal

_XML = "text/xml"


class Sqs:
    """Messages are counted and not kept: a bench in which something is retried says so and has failed."""

    def __init__(self) -> None:
        self.messages = 0

    def answer(self, operation: str, request: Request) -> Answer:
        asked: dict[str, Any] = msgspec.json.decode(request.body)
        match operation:
            case "GetQueueUrl":
                return _json({"QueueUrl": f"http://127.0.0.1/123456789012/{asked['QueueName']}"})
            case "GetQueueAttributes":
                return _json({"Attributes": {"ApproximateNumberOfMessages": "0", "VisibilityTimeout": "60"}})
            case "ReceiveMessage":
                return _json({}, delay_s=float(asked.get("WaitTimeSeconds", 0)))
            case "SendMessageBatch":
                self.messages += len(asked["Entries"])
                return _json({"Successful": [_sent(entry) for entry in asked["Entries"]], "Failed": []})
            case "DeleteMessageBatch":
                return _json({"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []})
            case _:
                return refusal("UnknownOperationException", f"no {operation} here")


class Sns:
    def __init__(self) -> None:
        self.published = 0

    def answer(self, request: Request) -> Answer:
        action = sns_operation(request)
        if action == "Publish":
            self.published += 1
            return _xml(action, "<MessageId>bench</MessageId>")
        if action == "CreateTopic":
            name = parse_qs(request.body.decode())["Name"][0]
            return _xml(action, f"<TopicArn>arn:aws:sns:eu-central-1:123456789012:{name}</TopicArn>")
        return _xml(action, "")


def sns_operation(request: Request) -> str:
    return parse_qs(request.body.decode()).get("Action", [""])[0]


def _sent(entry: dict[str, Any]) -> dict[str, str]:
    return {"Id": entry["Id"], "MessageId": "bench", "MD5OfMessageBody": ""}


def _json(said: dict[str, Any], delay_s: float = 0.0) -> Answer:
    return Answer(msgspec.json.encode(said), delay_s=delay_s)


def _xml(action: str, inside: str) -> Answer:
    namespace = "http://sns.amazonaws.com/doc/2010-03-31/"
    body = (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{inside}</{action}Result>'
        f"<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(body.encode(), content_type=_XML)
