"""A request and its answer, whichever HTTP version carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message


class Request(NamedTuple):
    """`headers`: by lower-case name. `query`: as it stands in the URL. `origin`: scheme, host and port asked.
    `connection`: a number for each of HTTP/2, where some vendors count by connection.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    origin: str = ""
    connection: int = 0


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Taken(NamedTuple):
    """What the vendor takes, and the answer that says so."""

    messages: list[Message]
    answer: Answer


class Refused(Exception):
    """Nothing was taken; `answer` says why, in the vendor's words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode(errors="replace") or str(answer.status))
        self.answer = answer


# A provider's own answer for each class of refusal that it knows; some repeat what was asked.
Refusals = Mapping[Refusal, Answer | Callable[[Request], Answer]]


class Vendor(Protocol):
    """One provider's API."""

    name: str

    @property
    def refusals(self) -> Refusals: ...
    def receive(self, request: Request, inbox: Inbox[Message]) -> Taken | Answer:
        """Taken for a request that sends, a bare Answer for one that asks; `inbox`: what was taken so far.

        Raises:
            Refused: as the vendor would.
        """
        ...


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """`headers`: with _ for -."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": "application/json", **named}, msgspec.json.encode(value))


def text_answer(text: str, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "text/html; charset=utf-8", **named}, text.encode())
