"""The demo's world: events, and what has to become of them, worked out without a line of the daemon's code.

The account that comes out of the daemon and the mails that arrive are compared with this. The rules are
therefore written down twice on purpose: here in the words of the generator, there in those of the catalog.
"""

from __future__ import annotations

import json
from collections import Counter
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded by the caller: the same world every time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from notifyd.sandbox.account import ChannelAccount
from notifyd.sandbox.details import incident, payment, sign_in, summary
from notifyd.sandbox.population import (
    CHANNELS,
    CHAT,
    EMAIL,
    INCIDENTS,
    NEWSLETTER,
    PAYMENTS,
    PUSH_ANDROID,
    PUSH_IOS,
    SECURITY,
    SMS,
    WEB_PUSH,
    User,
    Verdict,
    make_users,
)

if TYPE_CHECKING:
    from notifyd.sandbox.reach import Reach

# What the demo's filter_criteria keep away: nobody is told of audit entries.
FILTERED_SOURCE = "audit"

_USERS_MIN = 20
_EVENTS_PER_USER = 8
_FAN_OUT_MAX = 5
_ON_CALL_MAX = 3


class SourceKind(StrEnum):
    DYNAMODB = "dynamodb"
    KINESIS = "kinesis"


class Fate(StrEnum):
    """What has to become of an event: the account's words."""

    PAYMENT = "payment"
    SUMMARY = "summary"
    SIGN_IN = "sign_in"
    INCIDENT = "incident"
    NAMELESS = "nameless"  # a payment to nobody: one delivery, without an address
    FILTERED = "filtered"
    UNMATCHED = "unmatched"
    MALFORMED = "malformed"


# Of a hundred events: where e-mail is all there is, and with every channel.
_OTHER_SHARES = {Fate.NAMELESS: 1, Fate.FILTERED: 8, Fate.UNMATCHED: 8, Fate.MALFORMED: 2}
_EMAIL_SHARES = {Fate.PAYMENT: 60, Fate.SUMMARY: 21, **_OTHER_SHARES}
_ALL_SHARES = {Fate.PAYMENT: 32, Fate.SUMMARY: 11, Fate.SIGN_IN: 28, Fate.INCIDENT: 10, **_OTHER_SHARES}


class _Type(NamedTuple):
    """A notification type of the shipped catalog, and what events of it say they are."""

    name: str
    category: str
    channels: tuple[str, ...]
    source: str
    detail_type: str


_PAYMENT = _Type("payment_received", PAYMENTS, (EMAIL,), "payment_request_event", "payment_notification_email")
_TYPES = {
    Fate.PAYMENT: _PAYMENT,
    Fate.NAMELESS: _PAYMENT,
    Fate.SUMMARY: _Type("weekly_summary", NEWSLETTER, (EMAIL,), "newsletter", "weekly_summary"),
    Fate.SIGN_IN: _Type(
        "new_sign_in", SECURITY, (EMAIL, SMS, PUSH_IOS, PUSH_ANDROID, WEB_PUSH), "accounts", "new_sign_in"
    ),
    Fate.INCIDENT: _Type("incident_opened", INCIDENTS, (CHAT, EMAIL), "monitoring", "incident_opened"),
}


class Mail(msgspec.Struct, frozen=True):
    """One message, of whatever channel, that has to arrive, once."""

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
    rejected: int = 0
    channels: dict[str, ChannelAccount] = {}


class World(msgspec.Struct, frozen=True):
    users: list[User]
    events: list[DemoEvent]
    mails: frozenset[Mail]
    account: ExpectedAccount


def make_world(seed: int, event_count: int, source: SourceKind, reach: Reach | None = None) -> World:
    """The same arguments make the same world. A user has some eight events. Without `reach`: e-mail alone."""
    random = Random(f"events-{seed}")  # noqa: S311 - no secret is made of it
    users = make_users(seed, max(_USERS_MIN, event_count // _EVENTS_PER_USER))
    if reach is not None:
        users = reach.furnish(users)
    shares = _EMAIL_SHARES if reach is None else _ALL_SHARES
    fates = random.choices(list(shares), list(shares.values()), k=event_count)
    # A short demo shows each fate all the same.
    fates[: len(shares)] = list(shares)[:event_count]
    draw = _Draw(users, random)
    events: list[DemoEvent] = []
    mails: set[Mail] = set()
    account = _account(Counter(fates), (EMAIL,) if reach is None else CHANNELS)
    for number, fate in enumerate(fates):
        event_id = f"event-{number:07}"
        recipients = draw.recipients(fate)
        events.append(_event(event_id, fate, recipients, source, random))
        for user in recipients:
            type_ = _TYPES[fate]
            for verdict in user.verdicts(type_.category, type_.channels):
                _note(account, verdict)
                if verdict.place is not None and not verdict.place.is_dead:
                    place = verdict.place
                    mails.add(Mail(event_id, user.user_id, type_.name, place.channel, place.address))
    return World(users, events, frozenset(mails), account)


def _account(counts: Counter[Fate], channels: tuple[str, ...]) -> ExpectedAccount:
    """As it stands before any user is asked: who is named in no event is one delivery without an address."""
    return ExpectedAccount(
        events_in=counts.total(),
        filtered=counts[Fate.FILTERED],
        unmatched=counts[Fate.UNMATCHED],
        malformed=counts[Fate.MALFORMED],
        expanded=sum(counts[fate] for fate in _TYPES),
        planned=counts[Fate.NAMELESS],
        suppressed={"no_address": counts[Fate.NAMELESS]},
        channels={channel: ChannelAccount() for channel in channels},
    )


def _note(account: ExpectedAccount, verdict: Verdict) -> None:
    account.planned += 1
    # What concerns no channel is in none of them.
    channel = account.channels.get(verdict.channel, ChannelAccount())
    if verdict.place is None:
        account.suppressed[verdict.reason] = account.suppressed.get(verdict.reason, 0) + 1
        channel.suppressed += 1
    elif verdict.place.is_dead:
        account.rejected += 1
        channel.rejected += 1
    else:
        account.accepted += 1
        channel.accepted += 1


class _Draw:
    """Who is told of what. A dead address is forgotten after its first refusal, at a moment that nobody can
    foretell: so its user is told of one sign-in and no more.
    """

    def __init__(self, users: list[User], random: Random) -> None:
        self._users = users
        self._random = random
        self._dying = [user for user in users if user.has_dead_place]
        self._sound = [user for user in users if not user.has_dead_place]

    def recipients(self, fate: Fate) -> list[User]:
        match fate:
            case Fate.PAYMENT:
                return [self._random.choice(self._users)]
            case Fate.SUMMARY:
                return self._random.sample(self._users, self._random.randint(1, _FAN_OUT_MAX))
            case Fate.SIGN_IN:
                return [self._dying.pop() if self._dying else self._random.choice(self._sound)]
            case Fate.INCIDENT:
                return self._random.sample(self._users, self._random.randint(1, _ON_CALL_MAX))
            case Fate.NAMELESS | Fate.FILTERED | Fate.UNMATCHED | Fate.MALFORMED:
                return []


def _event(event_id: str, fate: Fate, recipients: list[User], source: SourceKind, random: Random) -> DemoEvent:
    match fate:
        case Fate.FILTERED:
            return _enveloped(event_id, FILTERED_SOURCE, "row_read", {"table": "payments"})
        case Fate.UNMATCHED:
            return _enveloped(event_id, "warehouse", "pallet_moved", {"pallet": random.randint(1, 999)})
        case Fate.MALFORMED:
            return _malformed(event_id, source, random)
        case _:
            return _typed(event_id, fate, _detail(event_id, fate, [user.user_id for user in recipients], random))


def _detail(event_id: str, fate: Fate, user_ids: list[str], random: Random) -> dict[str, Any]:
    match fate:
        case Fate.PAYMENT:
            return payment(event_id, user_ids[0], random)
        case Fate.SUMMARY:
            return summary(event_id, user_ids, random)
        case Fate.SIGN_IN:
            return sign_in(event_id, user_ids[0], random)
        case Fate.INCIDENT:
            return incident(event_id, user_ids, random)
        case _:
            return {"amount": "1.00"}


def _typed(event_id: str, fate: Fate, detail: dict[str, Any]) -> DemoEvent:
    type_ = _TYPES[fate]
    return _enveloped(event_id, type_.source, type_.detail_type, detail)


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


def _malformed(event_id: str, source: SourceKind, random: Random) -> DemoEvent:
    """What each source can hold that no event can be made of."""
    sound = _typed(event_id, Fate.NAMELESS, {"amount": "1.00"})
    if source is SourceKind.KINESIS:
        whole = json.dumps(sound.envelope).encode()
        broken = (whole[:-9], whole.replace(b"amount", b"\xff\xfe"), b"[" * 5000, b'"no object"', b"{}x")
        return DemoEvent(event_id, sound.envelope, random.choice(broken))
    return DemoEvent(event_id, sound.envelope | {"detail-type": random.choice((7, ["", "x"], {"S": "x"}))})
