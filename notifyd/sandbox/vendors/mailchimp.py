"""Mailchimp Transactional (Mandrill) 1.0: /messages/send, /messages/search, /metadata/list, /users/ping.

Errors of the call are HTTP 500 with a name; what becomes of each recipient stands below HTTP 200.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Mail, Message
from notifyd.sandbox.vendors._forms import Malformed, decode_json

_SEARCH_MAX = 1000
_ADDRESS = re.compile(r"[^@\s]{1,64}@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
_METADATA_QUERY = re.compile(r'u_(?P<name>\w+):"?(?P<value>[^"\s]*)"?')


class To(msgspec.Struct):
    email: str
    name: str = ""
    type: str = "to"


class RecipientMetadata(msgspec.Struct):
    rcpt: str
    values: dict[str, str | int]


class Content(msgspec.Struct):
    to: Annotated[list[To], Meta(min_length=1, max_length=1000)]
    from_email: str
    from_name: str = ""
    subject: str = ""
    text: str = ""
    html: str | None = None
    headers: dict[str, str] = {}
    tags: list[Annotated[str, Meta(max_length=50)]] = []
    metadata: dict[str, str | int] = {}
    recipient_metadata: list[RecipientMetadata] = []

    def metadata_of(self, address: str) -> dict[str, str]:
        values = dict(self.metadata)
        for one in self.recipient_metadata:
            if one.rcpt == address:
                values |= one.values
        return {name: str(value) for name, value in values.items()}


class Send(msgspec.Struct):
    key: str
    message: Content


class _Keyed(msgspec.Struct):
    key: str


class Search(_Keyed):
    query: str = "*"
    senders: list[str] = []
    limit: int = 100


def _error(name: str, code: int, message: str, status: int = 500) -> Answer:
    return json_answer({"status": "error", "code": code, "name": name, "message": message}, status)


def _each(status: str, **fields: str) -> Callable[[Request], Answer]:
    """That status for each recipient asked for."""

    def answer(request: Request) -> Answer:
        asked = decode_json(request.body, Send).message.to
        return json_answer([{"email": to.email, "status": status, "_id": "0" * 32, **fields} for to in asked])

    return answer


class Mailchimp:
    """`rejected`: address → why it is on the account's deny list (hard-bounce, unsub, spam, …). `indexed`: the
    metadata that the search knows.
    """

    name = "mailchimp"
    refusals: Mapping[Refusal, Answer | Callable[[Request], Answer]] = {
        Refusal.ADDRESS: _each("invalid"),
        Refusal.GONE: _each("rejected", reject_reason="hard-bounce"),
        Refusal.MESSAGE: _error("ValidationError", -2, "You must specify a message value"),
        Refusal.CREDENTIALS: _error("Invalid_Key", -1, "Invalid API key"),
        Refusal.SENDER: _each("rejected", reject_reason="unsigned"),
        Refusal.THROTTLED: _error("TooManyRequests", -99, "Too many requests", 429),
        Refusal.QUOTA: _each("queued", queued_reason="hourly-quota"),
        Refusal.UNAVAILABLE: _error("ServiceUnavailable", -99, "The subsystem is down for maintenance", 503),
        Refusal.IN_200: _each("rejected", reject_reason="rule"),
    }

    def __init__(self, *, api_key: str) -> None:
        self.rejected: dict[str, str] = {}
        self.indexed = {"delivery_id"}
        self._api_key = api_key
        self._numbers = count(1)

    def receive(self, request: Request, inbox: Inbox[Message]) -> Taken | Answer:
        """Calls may end with .json."""
        if request.method != "POST":
            raise Refused(_error("GeneralError", -99, "POST only", 405))
        try:
            match request.path.removesuffix(".json"):
                case "/api/1.0/users/ping":
                    self._authorize(decode_json(request.body, _Keyed).key)
                    return json_answer("PONG!")
                case "/api/1.0/metadata/list":
                    self._authorize(decode_json(request.body, _Keyed).key)
                    return json_answer([{"name": name, "state": "active"} for name in sorted(self.indexed)])
                case "/api/1.0/messages/search":
                    return self._found(decode_json(request.body, Search), inbox)
                case "/api/1.0/messages/send":
                    return self._send(decode_json(request.body, Send))
        except Malformed as malformed:
            field = ".".join(filter(None, (malformed.path, malformed.name)))
            what = f"You must specify a {field} value" if malformed.name else f"{field}: {malformed.what}"
            raise Refused(_error("ValidationError", -2, what)) from malformed
        raise Refused(_error("Unknown_Method", -99, f'Invalid method "{request.path}"'))

    def _authorize(self, key: str) -> None:
        if key != self._api_key:
            raise Refused(_error("Invalid_Key", -1, "Invalid API key"))

    def _send(self, send: Send) -> Taken:
        self._authorize(send.key)
        content = send.message
        if not _ADDRESS.fullmatch(content.from_email):
            raise Refused(_error("ValidationError", -2, "The from_email is not a valid address"))
        taken: list[Message] = []
        results: list[dict[str, Any]] = []
        for to in content.to:
            message_id = f"{next(self._numbers):032x}"
            result = {"email": to.email, "_id": message_id, "status": "sent", "reject_reason": None}
            if not _ADDRESS.fullmatch(to.email):
                result["status"] = "invalid"
            elif to.email in self.rejected:
                result |= {"status": "rejected", "reject_reason": self.rejected[to.email]}
            else:
                taken.append(_mail(content, to, message_id))
            results.append(result)
        return Taken(taken, json_answer(results))

    def _found(self, search: Search, inbox: Inbox[Message]) -> Answer:
        """`query`: *, or u_NAME:VALUE for metadata, as Mailchimp's search has it."""
        self._authorize(search.key)
        if not 1 <= search.limit <= _SEARCH_MAX:
            raise Refused(_error("ValidationError", -2, f"limit must be 1 to {_SEARCH_MAX}"))
        wanted = _METADATA_QUERY.fullmatch(search.query)
        mails = (mail for mail in reversed(inbox.messages) if isinstance(mail, Mail))
        found = [
            {
                "ts": int(mail.time_s),
                "_id": mail.message_id,
                "sender": mail.sender,
                "subject": mail.subject,
                "email": mail.address,
                "tags": mail.content["tags"],
                "state": "sent",
                "opens": 0,
                "clicks": 0,
                "metadata": mail.tags,
            }
            for mail in mails
            if wanted is None
            or (wanted["name"] in self.indexed and mail.tags.get(wanted["name"]) == wanted["value"])
        ]
        return json_answer(found[: search.limit])


def _mail(content: Content, to: To, message_id: str) -> Mail:
    """The delivery id is the metadata of that name, the recipient's before the message's."""
    metadata = content.metadata_of(to.email)
    return Mail(
        address=to.email,
        delivery_id=metadata.get("delivery_id", ""),
        subject=content.subject,
        text=content.text,
        html=content.html,
        sender=content.from_email,
        headers=content.headers,
        tags=metadata,
        message_id=message_id,
        content={"tags": content.tags},
    )
