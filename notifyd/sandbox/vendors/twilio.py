"""Twilio Messages: POST a form to /2010-04-01/Accounts/{sid}/Messages.json, GET the same to look up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import basic, content_type, form_of

BODY_CHARS_MAX = 1600
VALIDITY_PERIOD_MAX_S = 36_000
_PAGE_SIZE_MAX = 1000
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_ALPHANUMERIC_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


def _error(code: int, message: str, status: int = 400, **headers: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return json_answer({"code": code, "message": message, "more_info": more, "status": status}, status, **headers)


class Twilio:
    """`senders`: numbers of the account; None: every number and name."""

    name = "twilio"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error(21211, "Invalid 'To' Phone Number"),
        Refusal.GONE: _error(21610, "Attempt to send to unsubscribed recipient"),
        Refusal.MESSAGE: _error(21602, "Message body is required."),
        Refusal.TOO_LARGE: _error(
            21617, f"The concatenated message body exceeds the {BODY_CHARS_MAX} character limit"
        ),
        Refusal.CREDENTIALS: _error(20003, "Authenticate", 401),
        Refusal.SENDER: _error(21606, "The 'From' phone number provided is not a valid message-capable number"),
        Refusal.THROTTLED: _error(20429, "Too Many Requests", 429, retry_after="1"),
        Refusal.QUOTA: _error(63038, "Account exceeded the daily messages limit", 429),
        Refusal.UNAVAILABLE: _error(20500, "Internal Server Error", 500),
    }

    def __init__(
        self, *, account_sid: str, auth_token: str, clock: Clock, senders: set[str] | None = None
    ) -> None:
        self.unsubscribed: set[str] = set()
        self.senders = senders
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._clock = clock
        self._numbers = count(1)
        self._path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"

    def receive(self, request: Request, inbox: Inbox[Message]) -> Taken | Answer:
        if basic(request) != (self._account_sid, self._auth_token):
            raise Refused(self.refusals[Refusal.CREDENTIALS])
        if request.path == f"/2010-04-01/Accounts/{self._account_sid}.json":
            return json_answer({"sid": self._account_sid, "status": "active", "type": "Full"})
        if request.path != self._path:
            raise Refused(_error(20404, f"The requested resource {request.path} was not found", 404))
        if request.method == "GET":
            return self._listed(form_of(request.query), inbox)
        if request.method != "POST":
            raise Refused(_error(20004, "Method not allowed", 405))
        return self._send(request)

    def _send(self, request: Request) -> Taken:
        if content_type(request) != "application/x-www-form-urlencoded":
            raise Refused(_error(20001, "Unsupported content type", 415))
        form = form_of(request.body)
        for flaw in self._flaws(form):
            raise Refused(flaw)
        now = datetime.fromtimestamp(self._clock.now_s(), UTC)
        sid = f"SM{next(self._numbers):032x}"
        resource = {
            "account_sid": self._account_sid,
            "api_version": "2010-04-01",
            "body": form["Body"],
            "date_created": format_datetime(now),
            "date_sent": None,
            "date_updated": format_datetime(now),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "queued" if "From" in form else "accepted",
            "to": form["To"],
            "uri": f"/2010-04-01/Accounts/{self._account_sid}/Messages/{sid}.json",
        }
        content = {"resource": resource, "form": form}
        message = Message(
            address=form["To"],
            delivery_id=_delivery_id(form),
            text=form["Body"],
            message_id=sid,
            content=content,
        )
        return Taken([message], json_answer(resource, 201))

    def _flaws(self, form: Mapping[str, str]) -> Iterator[Answer]:
        """In the order in which Twilio looks."""
        to, body = form.get("To", ""), form.get("Body", "")
        sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
        if not to:
            yield _error(21604, "A 'To' phone number is required.")
        if not sender and not service:
            yield _error(21603, "A 'From' phone number is required.")
        if not body:
            yield self.refusals[Refusal.MESSAGE]
        if not _E164.fullmatch(to):
            yield _error(21211, f"Invalid 'To' Phone Number: {to}")
        if to in self.unsubscribed:
            yield self.refusals[Refusal.GONE]
        if sender and not self._is_ours(sender):
            yield self.refusals[Refusal.SENDER]
        if service and not _MESSAGING_SERVICE.fullmatch(service):
            yield _error(21701, "The Messaging Service does not exist")
        if len(body) > BODY_CHARS_MAX:
            yield self.refusals[Refusal.TOO_LARGE]
        yield from _option_flaws(form)

    def _is_ours(self, sender: str) -> bool:
        if self.senders is not None:
            return sender in self.senders
        return bool(_E164.fullmatch(sender) or _ALPHANUMERIC_SENDER.fullmatch(sender))

    def _listed(self, asked: Mapping[str, str], inbox: Inbox[Message]) -> Answer:
        """Newest first. To, From, and DateSent, DateSent>, DateSent< by UTC day or time."""
        size = asked.get("PageSize", "50")
        page = asked.get("Page", "0")
        if not (size.isdecimal() and page.isdecimal() and 1 <= int(size) <= _PAGE_SIZE_MAX):
            raise Refused(_error(20001, "Invalid PageSize or Page"))
        found = [message for message in reversed(inbox.messages) if _is_asked(message, asked)]
        start = int(page) * int(size)
        shown = found[start : start + int(size)]
        more = urlencode({**asked, "Page": int(page) + 1}) if start + len(shown) < len(found) else None
        return json_answer(
            {
                "messages": list(_resources(shown)),
                "page": int(page),
                "page_size": int(size),
                "start": start,
                "end": max(start, start + len(shown) - 1),
                "uri": self._path,
                "first_page_uri": f"{self._path}?{urlencode({**asked, 'Page': 0})}",
                "next_page_uri": f"{self._path}?{more}" if more else None,
                "previous_page_uri": None,
            }
        )


def _delivery_id(form: Mapping[str, str]) -> str:
    """A message has no field for it: what of the sender's comes back is the StatusCallback with its query."""
    return form_of(urlsplit(form.get("StatusCallback", "")).query).get("delivery_id", "")


def _option_flaws(form: Mapping[str, str]) -> Iterator[Answer]:
    validity = form.get("ValidityPeriod", "1")
    if not validity.isdecimal() or not 1 <= int(validity) <= VALIDITY_PERIOD_MAX_S:
        yield _error(21624, "Invalid ValidityPeriod value")
    if not form.get("StatusCallback", "https://").startswith(("https://", "http://")):
        yield _error(21609, "The StatusCallback URL is not a valid URL.")


def _resources(messages: Iterable[Message]) -> Iterable[dict[str, Any]]:
    for message in messages:
        sent = format_datetime(datetime.fromtimestamp(message.time_s, UTC))
        yield {**message.content["resource"], "status": "sent", "date_sent": sent}


def _is_asked(message: Message, asked: Mapping[str, str]) -> bool:
    if "To" in asked and message.address != asked["To"]:
        return False
    if "From" in asked and message.content["resource"]["from"] != asked["From"]:
        return False
    sent = datetime.fromtimestamp(message.time_s, UTC)
    for name, text in asked.items():
        if not name.startswith("DateSent"):
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refused(_error(20001, f"Invalid {name}: {text}")) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        match name:
            case "DateSent" if sent.date() != moment.date():
                return False
            case "DateSent>" if sent < moment:
                return False
            case "DateSent<" if sent > moment:
                return False
    return True
