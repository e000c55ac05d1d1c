"""What the providers over HTTP/1.1 share: one delivery a request, one request an attempt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Annotated

from pydantic import AfterValidator, PositiveFloat, PositiveInt

from notifyd.config_sections import Section
from notifyd.config_values import CaFile, wrong
from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome, Reason, Rejected
from notifyd.errors import Fault, TransportError
from notifyd.ports import Limits, Tell, tell_nobody
from notifyd.providers._base import NO_UNICODE, Unasked, answer_timeout_s
from notifyd.providers._each_alone import batch_max_of, sent_each_alone
from notifyd.providers._http_answer import quoted, unanswered
from notifyd.wire.http1_target import target_of
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_to import transport_to

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
# An answer is a few lines of JSON; a page of a look-up is the largest.
ANSWER_BYTES_MAX = 1024 * 1024


def _checked_origin(url: str) -> str:
    """Without the URL in the fault: somebody may have written a password into it."""
    origin = url.removesuffix("/")
    try:
        target = target_of(origin)
    except ValueError:
        target = None
    if target is None or target.origin != origin:
        raise wrong("is no origin", "write https://host or https://host:port")
    if not target.tls and target.host not in {"127.0.0.1", "::1", "localhost"}:
        raise wrong("would carry credentials in the clear", "write https://, or http:// to loopback")
    return origin


Origin = Annotated[str, AfterValidator(_checked_origin)]


class HttpSection(Section):
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    rate_per_s: PositiveFloat | None = None
    """Requests a second; unset: as many as the vendor takes."""
    in_flight_max: PositiveInt = 64

    def limits(self, *, payload_bytes_max: int) -> Limits:
        """Where all requests go to one account."""
        return Limits(
            batch_max=batch_max_of(self.rate_per_s),
            in_flight_max=self.in_flight_max,
            payload_bytes_max=payload_bytes_max,
            rate_per_s=self.rate_per_s,
            each_alone=True,
        )

    def limits_by_receiver(self, *, payload_bytes_max: int, group_rate_per_s: float | None = None) -> Limits:
        """Where requests go to many: one at a time, so that none of them keeps the others waiting."""
        return Limits(
            batch_max=1,
            in_flight_max=self.in_flight_max,
            payload_bytes_max=payload_bytes_max,
            rate_per_s=self.rate_per_s,
            group_rate_per_s=group_rate_per_s,
        )


class HttpProvider(Unasked, ABC):
    """A subclass says what a delivery's request is, what an answer means, and what keeps it from sending."""

    name: str
    channel: Channel

    def __init__(self, transport: Transport, limits: Limits, *, send_timeout_s: float) -> None:
        self.limits = limits
        self._transport = transport
        self._timeout_s = answer_timeout_s(send_timeout_s)

    @abstractmethod
    def request_of(self, delivery: Delivery) -> Request | Outcome:
        """An outcome: of what cannot be asked of the vendor."""
        ...

    @abstractmethod
    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome: ...

    @abstractmethod
    async def faults(self) -> list[Fault]:
        """For `problems`. Raises TransportError."""
        ...

    def group_key(self, delivery: Delivery) -> Hashable:  # noqa: ARG002 - all go to one account
        return None

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        return await sent_each_alone(batch, self._send_one, tell)

    async def refresh_limits(self) -> None:
        """None of them tells its limits but by refusing."""

    async def problems(self) -> list[Fault]:
        try:
            return await self.faults()
        except TransportError as error:
            what = f"does not tell of the account: {error}"
            mend = "mend base_url or ca_file, or the network on the way"
            return [Fault(self._where, what, mend, is_outage=True)]

    async def close(self) -> None:
        await self._transport.close()

    async def ask(self, request: Request) -> Response:
        """One attempt. Raises TransportError."""
        return await self._transport.send(request, timeout_s=self._timeout_s)

    def fault(self, key: str, what: str, mend: str) -> Fault:
        return Fault(self._where + (f".{key}" if key else ""), what, mend)

    @property
    def _where(self) -> str:
        return f"providers.{self.name}"

    def unanswered(self, error: TransportError) -> Outcome:
        """Of an attempt that brought no answer at all."""
        return unanswered(error)

    async def _send_one(self, delivery: Delivery) -> Outcome:
        try:
            request = self.request_of(delivery)
        except UnicodeEncodeError:
            return NO_UNICODE
        if not isinstance(request, Request):
            return request
        if len(request.body) > self.limits.payload_bytes_max:
            what = f"{len(request.body)} bytes; {self.name} takes {self.limits.payload_bytes_max}"
            return Rejected(Reason.PAYLOAD_TOO_LARGE, what)
        try:
            answer = await self.ask(request)
        except TransportError as error:
            return self.unanswered(error)
        return self.outcome_of(delivery, answer)


def vendor_transport(base_url: str, config: HttpSection) -> Transport:
    return transport_to(
        base_url,
        client_context(config.ca_file),
        connections_max=config.in_flight_max,
        answer_bytes_max=ANSWER_BYTES_MAX,
    )


def refused_check(answer: Response, said: str = "") -> str:
    """For faults: what a vendor said to a question that it should have answered."""
    return f"the account cannot be read: HTTP {answer.status} {quoted(said)}".rstrip()
