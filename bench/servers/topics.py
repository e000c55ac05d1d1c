"""SNS and STS, which are asked by forms: SMS are taken after a set latency, alerts are counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qsl

from bench.servers.http import Answer, Request
from bench.servers.tally import Tally
from notifyd.aws.blueprint import Blueprint

_ATTRIBUTES_MAX = 10


class Sns:
    """`alerts`: how many were published to the topic."""

    def __init__(self, plan: Blueprint, tally: Tally, latency_s: float, now_s: Callable[[], float]) -> None:
        self._topic_arn = f"arn:aws:sns:eu-central-1:123456789012:{plan.topic}"
        self._tally = tally
        self._latency_s = latency_s
        self._now_s = now_s
        self.alerts = 0

    def answer(self, request: Request) -> Answer:
        form = _form(request.body)
        action = form.get("Action", "")
        match action:
            case "Publish" if "PhoneNumber" in form:
                self._tally.accept(form["Message"].encode(), _delivery_id(form), self._now_s() + self._latency_s)
                return _xml(action, "<MessageId>bench</MessageId>", self._latency_s)
            case "Publish":
                self.alerts += 1
                return _xml(action, "<MessageId>bench</MessageId>")
            case "ListTopics":
                topic = f"<member><TopicArn>{self._topic_arn}</TopicArn></member>"
                return _xml(action, f"<Topics>{topic}</Topics>")
            case "GetSMSSandboxAccountStatus":
                return _xml(action, "<IsInSandbox>false</IsInSandbox>")
            case "GetCallerIdentity":
                return _xml(action, "<Account>123456789012</Account><UserId>bench</UserId><Arn>arn:bench</Arn>")
            case _:
                return _xml(action, "")


def query_action(request: Request) -> str:
    return _form(request.body).get("Action", "")


# Asked for twice a request: to count it and to answer it.
@lru_cache(maxsize=1)
def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode()))


def _delivery_id(form: dict[str, str]) -> str:
    for number in range(1, _ATTRIBUTES_MAX + 1):
        name = f"MessageAttributes.entry.{number}"
        if form.get(f"{name}.Name") == "delivery_id":
            return form.get(f"{name}.Value.StringValue", "")
    return ""


def _xml(action: str, inside: str, delay_s: float = 0.0) -> Answer:
    body = (
        f"<{action}Response><{action}Result>{inside}</{action}Result>"
        f"<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(body.encode(), content_type="text/xml", delay_s=delay_s)
