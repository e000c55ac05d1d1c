"""How a stand-in misbehaves when told to. As JSON: {"kind": "Cut", "taken": true, "times": 3}.

A fault befalls requests that would have been taken, and only those. Which ones:

    Cut()                               the next one
    Cut(times=3)                        the next three
    Cut(share=0.3, duration_s=60)       three of ten, for a minute
    Cut(share=0.3, times=100)           three of ten, until it has befallen a hundred
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded: the same requests every time
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from notifyd.sandbox.clients import Clock

_Share = Annotated[float, Meta(gt=0, le=1)]


class BaseFault(msgspec.Struct, tag_field="kind", kw_only=True, frozen=True):
    """Without `times` and `duration_s`: once."""

    times: Annotated[int, Meta(ge=1)] | None = None
    share: _Share = 1.0
    duration_s: Annotated[float, Meta(gt=0)] | None = None

    def befalling_as(self, other: F) -> F:
        """`other` for the requests that this one would befall."""
        return msgspec.structs.replace(other, times=self.times, share=self.share, duration_s=self.duration_s)


F = TypeVar("F", bound=BaseFault)


class UnknownFault(ValueError):
    """Not a way in which the stand-in can misbehave; the text names those that it has."""


class Refusal(StrEnum):
    """Whose fault a refusal is; a vendor has its own answer for each that it knows."""

    ADDRESS = "address"
    """No such recipient: malformed, or of another sender."""
    GONE = "gone"
    """The recipient was good once: unregistered, opted out, archived."""
    MESSAGE = "message"
    TOO_LARGE = "too_large"
    CREDENTIALS = "credentials"
    SENDER = "sender"
    """Sender, topic or number that the account may not use."""
    THROTTLED = "throttled"
    QUOTA = "quota"
    UNAVAILABLE = "unavailable"
    IN_200 = "in_200"
    """A failure that only the body tells, below HTTP 200."""


class Refuse(BaseFault, tag=True, frozen=True):
    """The vendor's own way of saying no; nothing is taken. `retry_after_s` where the vendor names a pause."""

    refusal: Refusal
    retry_after_s: Annotated[int, Meta(ge=0)] | None = None


class Respond(BaseFault, tag=True, frozen=True):
    """Exactly the answer given here, whatever the vendor would have said."""

    status: Annotated[int, Meta(ge=200, le=599)]
    headers: dict[str, str] = {}
    body: str = ""
    taken: bool = False


class Silence(BaseFault, tag=True, frozen=True):
    """Takes the message (or not) and never answers."""

    taken: bool = True


class Cut(BaseFault, tag=True, frozen=True):
    """Takes the message (or not) and resets the connection instead of answering."""

    taken: bool = True


class Garbage(BaseFault, tag=True, frozen=True):
    """Takes the message (or not) and answers 200 with what is no JSON; `raw`: with what is no HTTP at all."""

    taken: bool = True
    raw: bool = False


class Drip(BaseFault, tag=True, frozen=True):
    """Takes the message (or not) and answers a few bytes a second; HTTP/2: the whole connection from then on."""

    taken: bool = True
    bytes_per_s: Annotated[float, Meta(gt=0)] = 1.0


class GoAway(BaseFault, tag=True, frozen=True):
    """HTTP/2: ends the connection with GOAWAY. `taken`: this stream is below its last_stream_id, is processed and
    answered; else it and what comes after it was not processed.
    """

    taken: bool = False
    error_code: int = 0
    reason: str = ""
    """APNs says it in the debug data, as {"reason": …}."""


class ResetStream(BaseFault, tag=True, frozen=True):
    """HTTP/2: RST_STREAM instead of an answer. REFUSED_STREAM (7), not taken: safe to send again."""

    taken: bool = False
    error_code: int = 7


Fault = Refuse | Respond | Silence | Cut | Garbage | Drip | GoAway | ResetStream


class _Ordered(msgspec.Struct, Generic[F]):
    fault: F
    left: float
    until_s: float


class FaultPlan(Generic[F]):
    """What was ordered, in that order: the first that is due befalls the request."""

    def __init__(self, clock: Clock, *, seed: int = 0) -> None:
        self._clock = clock
        self._random = Random(seed)  # noqa: S311 - no secret is made of it
        self._ordered: list[_Ordered[F]] = []

    def add(self, *faults: F) -> None:
        now_s = self._clock.now_s()
        for fault in faults:
            once = fault.times is None and fault.duration_s is None
            times = 1 if once else fault.times
            self._ordered.append(
                _Ordered(
                    fault,
                    left=float("inf") if times is None else times,
                    until_s=float("inf") if fault.duration_s is None else now_s + fault.duration_s,
                )
            )

    def clear(self) -> None:
        self._ordered.clear()

    def next(self, concerns: Callable[[F], bool] = lambda _: True) -> F | None:
        """The fault that befalls this request; its `concerns` says which kinds can."""
        if not self._ordered:
            return None
        now_s = self._clock.now_s()
        self._ordered = [ordered for ordered in self._ordered if ordered.left > 0 and now_s < ordered.until_s]
        for ordered in self._ordered:
            fault = ordered.fault
            if concerns(fault) and (fault.share == 1.0 or self._random.random() < fault.share):
                ordered.left -= 1
                return fault
        return None
