"""The demo's world: events, and what has to become of them, worked out without a line of the daemon's code.

The account that comes out of the daemon and the mails that arrive are compared with this. The rules are
therefore written down twice on purpose: here in the words of the generator, there in those of the catalog.
"""

from __future__ import annotations

import json
from collections import Counter
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded by the caller: the same world every time
from typing import Any

import msgspec

from notifyd.sandbox.population import NEWSLETTER, PAYMENTS, User, make_users

PAYMENT_TYPE = "payment_received"
SUMMARY_TYPE = "weekly_summary"
EMAIL = "email"
# What the demo's filter_criteria keep away: nobody is told of audit entries.
FILTERED_SOURCE = "audit"

_USERS_MIN = 20
_EVENTS_PER_USER = 8
_FAN_OUT_MAX = 5
_CURRENCIES = ("EUR", "GBP", "JPY", "USD")


class SourceKind(StrEnum):
    DYNAMODB = "dynamodb"
    KINESIS = "kinesis"


class Fate(StrEnum):
    """What has to become of an event: the account's words."""

    PAYMENT = "payment"
    SUMMARY = "summary"
    NAMELESS = "nameless"  # a payment to nobody: one delivery, without an address
    FILTERED = "filtered"
    UNMATCHED = "unmatched"
    MALFORMED = "malformed"


# Of a hundred events.
_SHARES = {
    Fate.PAYMENT: 60,
    Fate.SUMMARY: 21,
    Fate.NAMELESS: 1,
    Fate.FILTERED: 8,
    Fate.UNMATCHED: 8,
    Fate.MALFORMED: 2,
}

# Notification type and category of what is expanded.
_TYPES = {Fate.PAYMENT: (PAYMENT_TYPE, PAYMENTS), Fate.SUMMARY: (SUMMARY_TYPE, NEWSLETTER)}


class Mail(msgspec.Struct, frozen=True):
    """One mail that has to arrive, once."""

    event_id: str
    user_id: str
    type_name: str
    channel: str
    address: str


class DemoEvent(msgspec.Struct, frozen=True):
    """`envelope` is what is written; where `raw` is set, those bytes are the record instead (Kinesis alone)."""

    event_id: str
    envelope: dict[str, Any]
    raw: bytes | None = None


class ExpectedAccount(msgspec.Struct):
    """Both equations' terms as they have to come out."""

    events_in: int = 0
    filtered: int = 0
    unmatched: int = 0
    malformed: int = 0
    expanded: int = 0
    planned: int = 0
    accepted: int = 0
    suppressed: dict[str, int] = {}


class World(msgspec.Struct, frozen=True):
    users: list[User]
    events: list[DemoEvent]
    mails: frozenset[Mail]
    account: ExpectedAccount


def make_world(seed: int, event_count: int, source: SourceKind) -> World:
    """The same arguments make the same world. A user has some eight events."""
    random = Random(f"events-{seed}")  # noqa: S311 - no secret is made of it
    users = make_users(seed, max(_USERS_MIN, event_count // _EVENTS_PER_USER))
    fates = random.choices(list(_SHARES), list(_SHARES.values()), k=event_count)
    # A short demo shows each fate all the same.
    fates[: len(Fate)] = list(Fate)[:event_count]
    events: list[DemoEvent] = []
    mails: set[Mail] = set()
    counts = Counter(fates)
    suppressed = Counter({"no_address": counts[Fate.NAMELESS]})
    for number, fate in enumerate(fates):
        event_id = f"event-{number:07}"
        recipients = _recipients(fate, users, random)
        events.append(_event(event_id, fate, recipients, source, random))
        for user in recipients:
            type_name, category = _TYPES[fate]
            verdict = user.verdict(category)
            if verdict.reason:
                suppressed[verdict.reason] += 1
            else:
                mails.add(Mail(event_id, user.user_id, type_name, EMAIL, verdict.address))
    account = ExpectedAccount(
        events_in=event_count,
        filtered=counts[Fate.FILTERED],
        unmatched=counts[Fate.UNMATCHED],
        malformed=counts[Fate.MALFORMED],
        expanded=counts[Fate.PAYMENT] + counts[Fate.SUMMARY] + counts[Fate.NAMELESS],
        planned=len(mails) + suppressed.total(),
        accepted=len(mails),
        suppressed=dict(suppressed),
    )
    return World(users, events, frozenset(mails), account)


def _recipients(fate: Fate, users: list[User], random: Random) -> list[User]:
    match fate:
        case Fate.PAYMENT:
            return [random.choice(users)]
        case Fate.SUMMARY:
            return random.sample(users, random.randint(1, _FAN_OUT_MAX))
        case Fate.NAMELESS | Fate.FILTERED | Fate.UNMATCHED | Fate.MALFORMED:
            return []


def _event(event_id: str, fate: Fate, recipients: list[User], source: SourceKind, random: Random) -> DemoEvent:
    user_ids = [user.user_id for user in recipients]
    match fate:
        case Fate.PAYMENT:
            return _enveloped(
                event_id,
                "payment_request_event",
                "payment_notification_email",
                _payment(event_id, user_ids[0], random),
            )
        case Fate.SUMMARY:
            return _enveloped(event_id, "newsletter", "weekly_summary", _summary(event_id, user_ids, random))
        case Fate.NAMELESS:
            return _enveloped(event_id, "payment_request_event", "payment_notification_email", {"amount": "1.00"})
        case Fate.FILTERED:
            return _enveloped(event_id, FILTERED_SOURCE, "row_read", {"table": "payments"})
        case Fate.UNMATCHED:
            return _enveloped(event_id, "warehouse", "pallet_moved", {"pallet": random.randint(1, 999)})
        case Fate.MALFORMED:
            return _malformed(event_id, source, random)


def _enveloped(event_id: str, source: str, detail_type: str, detail: dict[str, Any]) -> DemoEvent:
    return DemoEvent(
        event_id,
        {
            "id": event_id,
            "source": source,
            "detail-type": [detail_type],
            "resources": [],
            "detail": detail,
            "region": "us-east-1",
            "account": "000000000000",
        },
    )


def _payment(event_id: str, user_id: str, random: Random) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "amount": f"{random.randint(100, 500_000) / 100:.2f}",
        "currency": random.choice(_CURRENCIES),
        "payer": f"Shop {random.randint(1, 40)} & Söhne",
        "reference": reference_of(event_id),
    }


def _summary(event_id: str, user_ids: list[str], random: Random) -> dict[str, Any]:
    items = [
        {"title": f"Shop {shop} <now {random.randint(5, 70)} % off>", "url": f"https://example.com/shops/{shop}"}
        for shop in random.sample(range(1, 41), random.randint(0, 3))
    ]
    return {"user_ids": user_ids, "headline": f"Your week, {reference_of(event_id)}", "items": items}


def reference_of(event_id: str) -> str:
    """What a mail of the event shows, so that the receiving side can tell which event it came from."""
    return f"Nº {event_id}"


def _malformed(event_id: str, source: SourceKind, random: Random) -> DemoEvent:
    """What each source can hold that no event can be made of."""
    sound = _enveloped(event_id, "payment_request_event", "payment_notification_email", {"amount": "1.00"})
    if source is SourceKind.KINESIS:
        whole = json.dumps(sound.envelope).encode()
        broken = (whole[:-9], whole.replace(b"amount", b"\xff\xfe"), b"[" * 5000, b'"no object"', b"{}x")
        return DemoEvent(event_id, sound.envelope, random.choice(broken))
    return DemoEvent(event_id, sound.envelope | {"detail-type": random.choice((7, ["", "x"], {"S": "x"}))})
