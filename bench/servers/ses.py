"""SES v2 as senders see it: takes every mail after a set latency, and tallies it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.servers.http import Answer, Request, refusal
from bench.servers.tally import Tally

BULK_MAX = 50
_PATHS = {
    "/v2/email/outbound-bulk-emails": "SendBulkEmail",
    "/v2/email/outbound-emails": "SendEmail",
    "/v2/email/account": "GetAccount",
}
_IDENTITY_PATH = "/v2/email/identities/"
_ACCOUNT = msgspec.json.encode(
    {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendingEnabled": True,
        "SendQuota": {"Max24HourSend": -1.0, "MaxSendRate": 1e6, "SentLast24Hours": 0.0},
    }
)
_IDENTITY = msgspec.json.encode(
    {"IdentityType": "DOMAIN", "VerifiedForSendingStatus": True, "VerificationStatus": "SUCCESS"}
)


class _Tag(msgspec.Struct, gc=False):
    Name: str
    Value: str


class _Entry(msgspec.Struct, gc=False):
    ReplacementEmailContent: msgspec.Raw
    ReplacementTags: list[_Tag]


class _Bulk(msgspec.Struct, gc=False):
    BulkEmailEntries: list[_Entry]


class _Single(msgspec.Struct, gc=False):
    Content: msgspec.Raw
    EmailTags: list[_Tag]


_BULK = msgspec.json.Decoder(_Bulk)
_SINGLE = msgspec.json.Decoder(_Single)
_TAKEN = b'{"Status":"SUCCESS","MessageId":"0102018f-bench"}'
# By the count of mails.
_ALL_TAKEN = [b'{"BulkEmailEntryResults":[%b]}' % b",".join([_TAKEN] * count) for count in range(BULK_MAX + 1)]


def ses_operation(path: str) -> str | None:
    """The operation behind a path of SES's API; None: it is none of SES's."""
    if path.startswith(_IDENTITY_PATH):
        return "GetEmailIdentity"
    return _PATHS.get(path)


class Ses:
    def __init__(self, tally: Tally, latency_s: float, now_s: Callable[[], float]) -> None:
        self._tally = tally
        self._latency_s = latency_s
        self._now_s = now_s

    def answer(self, operation: str, request: Request) -> Answer:
        match operation:
            case "SendBulkEmail":
                return self._send_bulk(request.body)
            case "SendEmail":
                return self._send(request.body)
            case "GetAccount":
                return _json(_ACCOUNT)
            case _:
                return _json(_IDENTITY)

    def _send_bulk(self, body: bytes) -> Answer:
        entries = _BULK.decode(body).BulkEmailEntries
        if len(entries) > BULK_MAX:
            return refusal("BadRequestException", f"{len(entries)} destinations; at most {BULK_MAX}")
        accepted_at_s = self._now_s() + self._latency_s
        for entry in entries:
            self._tally.accept(entry.ReplacementEmailContent, _delivery_id(entry.ReplacementTags), accepted_at_s)
        return _json(_ALL_TAKEN[len(entries)], self._latency_s)

    def _send(self, body: bytes) -> Answer:
        mail = _SINGLE.decode(body)
        self._tally.accept(mail.Content, _delivery_id(mail.EmailTags), self._now_s() + self._latency_s)
        return _json(b'{"MessageId":"0102018f-bench"}', self._latency_s)


def _delivery_id(tags: list[_Tag]) -> str:
    for tag in tags:
        if tag.Name == "delivery_id":
            return tag.Value
    return ""


def _json(body: bytes, delay_s: float = 0.0) -> Answer:
    return Answer(body, content_type="application/json", delay_s=delay_s)
