"""What the bench's APNs looks at only once makes no push pass that the sandbox's would refuse."""

from __future__ import annotations

import time
from typing import Any

import jwt
import msgspec
import pytest

from bench.servers.familiar_apns import FamiliarApns
from bench.servers.people import device_token
from notifyd.sandbox.all_vendors import Vendors
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, Vendor
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.system import SystemClock

KNOWN = Credentials()
PAYLOAD = {"aps": {"alert": {"title": "Paid", "body": "10 EUR"}}, "delivery_id": "D1"}


def token(key_id: str = KNOWN.apns_key_id) -> str:
    issued_s = int(time.time())  # noqa: TID251 - the sandbox goes by the machine's clock
    claims = {"iss": KNOWN.apns_team_id, "iat": issued_s}
    return "bearer " + jwt.encode(claims, KNOWN.apns_key_p8, algorithm="ES256", headers={"kid": key_id})


TOKEN = token()


def push(
    payload: Any = PAYLOAD, *, device: str = device_token(7), method: str = "POST", **changed: str
) -> Request:
    headers = {
        "authorization": TOKEN,
        "apns-topic": KNOWN.apns_topic,
        "apns-push-type": "alert",
        "apns-id": "4f1f7e94-25ac-8928-ab57-e24286c8aef3",
        "apns-priority": "10",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    return Request(method, f"/3/device/{device}", "", headers, body, connection=1)


def apns() -> Vendor:
    return Vendors(KNOWN, SystemClock()).apns


def said(vendor: Vendor, request: Request) -> tuple[list[tuple[str, str, str, str, str]], Answer]:
    """Of whom it takes what, and its answer."""
    try:
        outcome = vendor.receive(request, Inbox[Message]())
    except Refused as refused:
        return [], refused.answer
    assert isinstance(outcome, Taken)
    taken = [(one.address, one.delivery_id, one.subject, one.text, one.message_id) for one in outcome.messages]
    return taken, outcome.answer


@pytest.mark.parametrize(
    "request_after",
    [
        push(),
        push(apns_expiration="1795419090", apns_collapse_id="A" * 64),
        push({**PAYLOAD, "aps": {"alert": "text alone"}}),
        push({**PAYLOAD, "aps": {}}),
        push({**PAYLOAD, "note": "n" * 5000}),
        push(b"no JSON"),
        push(device="short"),
        push(device=device_token(7).replace("0", "x")),
        push(method="GET"),
        push(authorization=""),
        push(authorization=token("OTHERKEY01")),
        push(apns_id="no id"),
        push(apns_topic="com.example.other"),
        push(apns_push_type="background"),
        push(apns_priority="7"),
        push(apns_expiration="soon"),
        push(apns_collapse_id="A" * 65),
    ],
)
def test_after_a_good_push_every_other_is_judged_as_by_the_sandbox(request_after: Request) -> None:
    familiar = FamiliarApns(apns())
    assert said(familiar, push())[1].status == 200
    assert said(familiar, request_after) == said(apns(), request_after)


def test_a_background_push_that_was_taken_lets_none_pass_that_shows_something() -> None:
    silent = push({"aps": {"content-available": 1}}, apns_push_type="background", apns_priority="5")
    loud = push(apns_push_type="background", apns_priority="5")
    familiar = FamiliarApns(apns())
    assert said(familiar, silent)[1].status == 200
    assert said(familiar, loud) == said(apns(), loud)
    assert said(familiar, loud)[1].status == 400
