"""What the push services share: a payload that fits, ids within a vendor's form, batches."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, cast

import msgspec
from pydantic import AfterValidator

from notifyd.config_values import wrong
from notifyd.core.cut_text import beginning
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Outcome, Reason, Rejected
from notifyd.ports import Tell, tell_nobody
from notifyd.providers._base import NO_UNICODE
from notifyd.providers._http import Origin
from notifyd.wire.transport import NO_HEADERS, Answer, BatchTransport, Request

PAYLOAD_BYTES_MAX = 4096
"""APNs, FCM and RFC 8291 alike."""
_ELLIPSIS = "…"
# As a header's value, and as what a service names in an answer.
_PLAIN = re.compile(r"[!-~]+")
_DELIVERY_ID = "delivery_id"


def _checked_tls(origin: str) -> str:
    if not origin.startswith("https://"):
        raise wrong(
            "is no https origin: HTTP/2 is spoken over TLS alone", "write https://host or https://host:port"
        )
    return origin


HttpsOrigin = Annotated[Origin, AfterValidator(_checked_tls)]


def seconds_left(delivery: Delivery, now_s: float, *, most_s: float) -> int:
    """How long a service may keep it for a device that is away; what is past its deadline gets one try."""
    return int(min(max(0.0, delivery.deadline_at_s - now_s), most_s))


def custom_data(delivery: Delivery) -> dict[str, str]:
    """The template's own, and the delivery's id, by which an app can tell of what it showed."""
    return {**dict(message_of(delivery, Push).data), _DELIVERY_ID: delivery.delivery_id}


def collapse_id(delivery: Delivery, chars_max: int) -> str:
    """Of what takes the place of what. In ASCII: what is not, or is longer, goes by its hash."""
    named = message_of(delivery, Push).collapse_id
    if not named:
        return delivery.delivery_id  # 26 letters and digits
    if len(named) <= chars_max and _PLAIN.fullmatch(named):
        return named
    return hashed_id(named)


def hashed_id(text: str) -> str:
    """32 characters of base64url."""
    return urlsafe_b64encode(sha256(text.encode()).digest())[:32].decode()


def fitted(push: Push, encode: Callable[[Push], bytes], bytes_max: int) -> bytes | Rejected:
    """`encode`'s bytes, of as much of the body as fits where the template allows a cut."""
    try:
        whole = encode(push)
    except UnicodeEncodeError:
        return NO_UNICODE
    if len(whole) <= bytes_max:
        return whole
    if push.shorten and push.body:
        cut = _cut(push, encode, bytes_max)
        if cut is not None:
            return cut
    return Rejected(Reason.PAYLOAD_TOO_LARGE, f"{len(whole)} bytes; at most {bytes_max}")


def _cut(push: Push, encode: Callable[[Push], bytes], bytes_max: int) -> bytes | None:
    """None: what is around the body is too large by itself."""
    fitting: bytes | None = None
    shortest, longest = 0, len(push.body) - 1
    while shortest <= longest:
        middle = (shortest + longest) // 2
        kept = beginning(push.body, middle)
        encoded = encode(msgspec.structs.replace(push, body=kept + _ELLIPSIS))
        if len(encoded) <= bytes_max:
            fitting, shortest = encoded, middle + 1
        else:
            longest = middle - 1
    return fitting


async def settled(
    made: Sequence[Request | Outcome],
    transport: BatchTransport,
    outcome_of: Callable[[Answer], Outcome],
    *,
    timeout_s: float,
    shared: Mapping[str, str] = NO_HEADERS,
    tell: Tell = tell_nobody,
) -> list[Outcome]:
    """Sends the requests among `made` together; what is an outcome already stays it. In order.

    `shared`: headers that each has beside its own.
    """
    outcomes: list[Outcome | None] = [None if isinstance(one, Request) else one for one in made]
    places = [place for place, one in enumerate(outcomes) if one is None]
    if not places:
        return cast("list[Outcome]", outcomes)

    def hear(heard: Sequence[tuple[int, Answer]]) -> None:
        told = [(places[place], outcome_of(answer)) for place, answer in heard]
        for place, outcome in told:
            outcomes[place] = outcome
        tell(told)

    requests = [one for one in made if isinstance(one, Request)]
    answers = await transport.send_all(requests, timeout_s=timeout_s, shared=shared, hear=hear)
    for place, answer in zip(places, answers, strict=True):
        if outcomes[place] is None:
            outcomes[place] = outcome_of(answer)
    return cast("list[Outcome]", outcomes)
