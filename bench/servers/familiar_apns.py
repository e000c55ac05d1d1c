"""The sandbox's APNs for pushes by the thousand: what they have in common is checked once."""

from __future__ import annotations

import re

import msgspec

from notifyd.sandbox.exchange import Answer, Refusals, Request, Taken, Vendor
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors.apns import COLLAPSE_ID_BYTES_MAX, PAYLOAD_BYTES_MAX

# The bench's devices; another's is for APNs to judge.
_PATH = re.compile(r"/3/device/([0-9a-f]{64})")
_APNS_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COMMON = ("authorization", "apns-topic", "apns-push-type", "apns-priority")


class _Alert(msgspec.Struct, gc=False):
    body: str
    title: str = ""


class _Aps(msgspec.Struct, gc=False):
    alert: _Alert


class _Payload(msgspec.Struct, gc=False):
    aps: _Aps
    delivery_id: str


_PAYLOAD = msgspec.json.Decoder(_Payload)


class FamiliarApns:
    """`apns` judges a push unless it has taken one of the same connection, token, topic, type and priority before
    and all that is the push's own is as the bench's are: that takes a third of the time.
    """

    def __init__(self, apns: Vendor) -> None:
        self.name = apns.name
        self._apns = apns
        self._familiar: set[tuple[object, ...]] = set()

    @property
    def refusals(self) -> Refusals:
        return self._apns.refusals

    def receive(self, request: Request, inbox: Inbox[Message]) -> Taken | Answer:
        headers = request.headers
        common = (request.connection, request.method, *[headers.get(name, "") for name in _COMMON])
        if common in self._familiar and (taken := _taken(request)) is not None:
            return taken
        outcome = self._apns.receive(request, inbox)
        if isinstance(outcome, Taken):
            self._familiar.add(common)
        return outcome


def _taken(request: Request) -> Taken | None:
    """None: it is not as the bench's pushes are."""
    headers, path = request.headers, _PATH.fullmatch(request.path)
    apns_id = headers.get("apns-id", "")
    if (
        path is None
        or headers.get("apns-push-type") != "alert"
        or _APNS_ID.fullmatch(apns_id) is None
        or len(request.body) > PAYLOAD_BYTES_MAX
        or len(headers.get("apns-collapse-id", "")) > COLLAPSE_ID_BYTES_MAX
        or not headers.get("apns-expiration", "0").isdecimal()
    ):
        return None
    try:
        payload = _PAYLOAD.decode(request.body)
    except msgspec.DecodeError:
        return None
    alert = payload.aps.alert
    message = Message(
        address=path[1],
        delivery_id=payload.delivery_id,
        subject=alert.title,
        text=alert.body,
        message_id=apns_id,
    )
    return Taken([message], Answer(200, {"apns-id": apns_id}))
