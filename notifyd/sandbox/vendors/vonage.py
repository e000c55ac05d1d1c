"""Vonage SMS: POST /sms/json. Everything is said below HTTP 200, by a status for each part of the message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count

from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import Malformed, basic, content_type, decode_json, form_of

CLIENT_REF_CHARS_MAX = 40
TTL_MS_MIN, TTL_MS_MAX = 20_000, 604_800_000
_TEXT_CHARS_MAX = 3200
# E.164 without its +.
_NUMBER = re.compile(r"[1-9]\d{6,14}")
_SENDER = re.compile(r"\d{1,15}|[A-Za-z0-9 ]{1,11}")
_TYPES = frozenset({"text", "binary", "wappush", "unicode", "vcal", "vcard"})


def _error(status: int, text: str) -> Answer:
    return json_answer({"message-count": "1", "messages": [{"status": str(status), "error-text": text}]})


class Vonage:
    name = "vonage"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error(3, "Invalid value for parameter: to"),
        Refusal.GONE: _error(33, "Number De-activated"),
        Refusal.MESSAGE: _error(6, "Unroutable message - rejected"),
        Refusal.TOO_LARGE: _error(12, "Message too long - rejected"),
        Refusal.CREDENTIALS: _error(4, "Bad Credentials"),
        Refusal.SENDER: _error(15, "Illegal Sender Address - rejected"),
        Refusal.THROTTLED: _error(1, "Throughput Rate Exceeded - please wait [ 250 ] and retry"),
        Refusal.QUOTA: _error(9, "Partner quota exceeded"),
        Refusal.UNAVAILABLE: json_answer({"error-code": "503"}, 503),
        Refusal.IN_200: _error(5, "Internal Error"),
    }

    def __init__(self, *, api_key: str, api_secret: str) -> None:
        self._account = (api_key, api_secret)
        self._numbers = count(1)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if request.path == "/account/get-balance":
            self._authorize(request, form_of(request.query))
            return json_answer({"value": 10.0, "autoReload": False})
        if request.path != "/sms/json" or request.method != "POST":
            raise Refused(json_answer({"error-code": "404"}, 404))
        form = _form(request)
        self._authorize(request, form)
        for flaw in _flaws(form):
            raise Refused(flaw)
        message_id = f"{next(self._numbers):016X}"
        part = {
            "to": form["to"],
            "message-id": message_id,
            "status": "0",
            "remaining-balance": "10.00",
            "message-price": "0.03330000",
            "network": "26201",
        }
        if "client-ref" in form:
            part["client-ref"] = form["client-ref"]
        shown = {name: value for name, value in form.items() if not name.startswith("api_")}
        message = Message(
            address=form["to"],
            delivery_id=form.get("client-ref", ""),
            text=form["text"],
            message_id=message_id,
            content={"form": shown},
        )
        return Taken([message], json_answer({"message-count": "1", "messages": [part]}))

    def _authorize(self, request: Request, form: Mapping[str, str]) -> None:
        """By Basic, or by api_key and api_secret in the form."""
        shown = (form.get("api_key", ""), form.get("api_secret", ""))
        if not any(shown):
            shown = basic(request)
        if not all(shown):
            raise Refused(_error(2, "Missing api_key"))
        if shown != self._account:
            raise Refused(self.refusals[Refusal.CREDENTIALS])


def _form(request: Request) -> dict[str, str]:
    match content_type(request):
        case "application/x-www-form-urlencoded":
            return form_of(request.body)
        case "application/json":
            try:
                values = decode_json(request.body, dict[str, str | int])
            except Malformed as malformed:
                raise Refused(_error(3, malformed.what)) from malformed
            return {name: str(value) for name, value in values.items()}
        case _:
            raise Refused(json_answer({"error-code": "415"}, 415))


def _flaws(form: Mapping[str, str]) -> Iterator[Answer]:
    for name in ("from", "to", "text"):
        if not form.get(name):
            yield _error(2, f"Missing {name} param")
    if not _NUMBER.fullmatch(form["to"]):
        yield _error(3, "Invalid value for parameter: to")
    if not _SENDER.fullmatch(form["from"]):
        yield _error(15, "Illegal Sender Address - rejected")
    if len(form.get("client-ref", "")) > CLIENT_REF_CHARS_MAX:
        yield _error(3, "Invalid value for parameter: client-ref")
    if form.get("type", "text") not in _TYPES:
        yield _error(3, "Invalid value for parameter: type")
    if len(form["text"]) > _TEXT_CHARS_MAX:
        yield _error(12, "Message too long - rejected")
    ttl = form.get("ttl", str(TTL_MS_MIN))
    if not ttl.isdecimal() or not TTL_MS_MIN <= int(ttl) <= TTL_MS_MAX or int(ttl) % 1000:
        yield _error(3, "Invalid value for parameter: ttl")
