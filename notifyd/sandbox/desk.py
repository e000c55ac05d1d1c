"""A vendor's desk: what comes in is judged, befallen by faults, counted and kept. Knows no wire."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Vendor
from notifyd.sandbox.faults import Fault, FaultPlan, Garbage, GoAway, Refuse, ResetStream, Respond, UnknownFault
from notifyd.sandbox.inbox import Inbox, Message

_GARBAGE = Answer(200, {"content-type": "text/html"}, b"<html>It works!</html>")


class Reply(NamedTuple):
    """`fault`: what the wire does with the answer instead of sending it."""

    answer: Answer
    fault: Fault | None = None


class Counts(msgspec.Struct):
    """`requests` that would send, whatever became of them; `accepted` and `duplicates`: messages."""

    requests: int
    accepted: int
    refused: int
    duplicates: int


class Desk:
    """One vendor. `latency_s`: how long an answer takes."""

    def __init__(
        self, vendor: Vendor, *, clock: Clock, journal: Path | None = None, speaks_http2: bool = False
    ) -> None:
        self.vendor = vendor
        self.inbox: Inbox[Message] = Inbox(journal, clock=clock)
        self.latency_s = 0.0
        self.requests = 0
        self.refused = 0
        self._clock = clock
        self._faults: FaultPlan[Fault] = FaultPlan(clock)
        self._speaks_http2 = speaks_http2

    @property
    def name(self) -> str:
        return self.vendor.name

    @property
    def counts(self) -> Counts:
        return Counts(self.requests, self.inbox.accepted, self.refused, self.inbox.duplicates)

    def misbehave(self, *faults: Fault) -> None:
        """From the next request that sends on. Raises UnknownFault."""
        for fault in faults:
            self._check(fault)
        self._faults.add(*faults)

    def order(self, faults: bytes) -> None:
        """`misbehave` in JSON: a list. Raises msgspec.DecodeError, UnknownFault."""
        self.misbehave(*msgspec.json.decode(faults, type=list[Fault]))

    def behave(self) -> None:
        """From now on, without latency."""
        self._faults.clear()
        self.latency_s = 0.0

    def empty(self) -> None:
        """As if nothing had come yet."""
        self.inbox.empty()
        self.requests = self.refused = 0

    @property
    def is_prompt(self) -> bool:
        """Nothing has to be waited for between request and answer: `judge` and `Inbox.keep` are all of it."""
        return not self.latency_s and not self.inbox.keeps_journal

    async def handle(self, *requests: Request) -> list[Reply]:
        """What is taken is in the journal before the answers are on their way."""
        judged = [self.judge(request) for request in requests]
        await self.inbox.accept([message for _, messages in judged for message in messages])
        if self.latency_s:
            await self._clock.sleep(self.latency_s)
        return [reply for reply, _ in judged]

    def judge(self, request: Request) -> tuple[Reply, list[Message]]:
        """The reply, and what is to be accepted before it goes out."""
        try:
            outcome = self.vendor.receive(request, self.inbox)
        except Refused as refused:
            self.requests += 1
            self.refused += 1
            return Reply(refused.answer), []
        if isinstance(outcome, Answer):
            return Reply(outcome), []
        self.requests += 1
        fault = self._faults.next()
        for message in outcome.messages:
            message.provider = self.name
        match fault:
            case None:
                return Reply(outcome.answer), outcome.messages
            case Refuse():
                self.refused += 1
                return Reply(self._refusal(fault, request)), []
            case Respond():
                answer = Answer(fault.status, fault.headers, fault.body.encode())
                reply = Reply(answer)
            case Garbage(raw=False):
                reply = Reply(_GARBAGE)
            case _:
                reply = Reply(outcome.answer, fault)
        return reply, outcome.messages if fault.taken else []

    def _refusal(self, fault: Refuse, request: Request) -> Answer:
        known = self.vendor.refusals[fault.refusal]
        answer = known if isinstance(known, Answer) else known(request)
        if fault.retry_after_s is None or "retry-after" not in answer.headers:
            return answer
        return answer._replace(headers={**answer.headers, "retry-after": str(fault.retry_after_s)})

    def _check(self, fault: Fault) -> None:
        if isinstance(fault, Refuse) and fault.refusal not in self.vendor.refusals:
            known = ", ".join(self.vendor.refusals)
            raise UnknownFault(f"{self.name} has no refusal {fault.refusal}; it has {known}")
        if isinstance(fault, GoAway | ResetStream) and not self._speaks_http2:
            raise UnknownFault(f"{self.name} speaks HTTP/1.1, which has no {type(fault).__name__}; take Cut")
