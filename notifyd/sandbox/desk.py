"""A vendor's desk: what comes in is judged, befallen by faults, counted and kept. Knows no wire."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Vendor
from notifyd.sandbox.faults import Fault, Garbage, GoAway, Refuse, ResetStream, Respond, UnknownFault
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.sink import Sink

_orders = msgspec.json.Decoder(list[Fault])
_GARBAGE = Answer(200, {"content-type": "text/html"}, b"<html>It works!</html>")


class Reply(NamedTuple):
    """`fault`: what the wire does with the answer instead of sending it."""

    answer: Answer
    fault: Fault | None = None


class Desk(Sink[Message, Fault, Fault]):
    """One vendor."""

    def __init__(
        self, vendor: Vendor, *, clock: Clock, journal: Path | None = None, speaks_http2: bool = False
    ) -> None:
        super().__init__(Inbox(journal, clock=clock), clock=clock, orders=_orders, as_told=self._known)
        self.vendor = vendor
        self._speaks_http2 = speaks_http2

    @property
    def name(self) -> str:
        return self.vendor.name

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
        if fault.retry_after_s is None:
            return answer
        ends_at_s = int(self._clock.now_s()) + fault.retry_after_s
        pauses = {"retry-after": str(fault.retry_after_s), "x-ratelimit-reset": str(ends_at_s)}
        told = {name: pause for name, pause in pauses.items() if name in answer.headers}
        return answer._replace(headers={**answer.headers, **told})

    def _known(self, fault: Fault) -> Fault:
        if isinstance(fault, Refuse) and fault.refusal not in self.vendor.refusals:
            known = ", ".join(self.vendor.refusals)
            raise UnknownFault(f"{self.name} has no refusal {fault.refusal}; it has {known}")
        if isinstance(fault, GoAway | ResetStream) and not self._speaks_http2:
            raise UnknownFault(f"{self.name} speaks HTTP/1.1, which has no {type(fault).__name__}; take Cut")
        return fault
