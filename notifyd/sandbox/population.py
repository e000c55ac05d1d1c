"""The demo's people. Each kind exists so that one reason of the account has somebody it is true for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded by the caller: the same people every time
from typing import Any

import msgspec

PAYMENTS = "payments"
NEWSLETTER = "newsletter"
SECURITY = "security"
INCIDENTS = "incidents"

EMAIL, SMS, CHAT = "email", "sms", "chat"
PUSH_IOS, PUSH_ANDROID, WEB_PUSH = "push_ios", "push_android", "web_push"
CHANNELS = (EMAIL, SMS, PUSH_IOS, PUSH_ANDROID, WEB_PUSH, CHAT)

_FIRST_NAMES = (
    "Ada",
    "Björk",
    "Chidi",
    "Dorota",
    "Émile",
    "Fatou",
    "Grace",
    "Hiro",
    "Inés",
    "Jürgen",
    "Kofi",
    "Léa",
)
_LAST_NAMES = (
    "Abe",
    "Brandt",
    "Costa",
    "Díaz",
    "Eriksson",
    "Farouk",
    "Guo",
    "Haas",
    "Ito",
    "Jansen",
    "Kaya",
    "Lind",
)


class Kind(StrEnum):
    """What is peculiar about a user."""

    WANTS_ALL = "wants_all"
    WANTS_EMAIL = "wants_email"
    WITHOUT_SETTINGS = "without_settings"
    OPTED_OUT = "opted_out"
    NO_NEWSLETTER = "no_newsletter"
    SMS_ONLY = "sms_only"
    WITHOUT_ADDRESS = "without_address"
    UNKNOWN = "unknown"


# Of a hundred users.
_SHARES = {
    Kind.WANTS_ALL: 50,
    Kind.WANTS_EMAIL: 15,
    Kind.WITHOUT_SETTINGS: 12,
    Kind.OPTED_OUT: 6,
    Kind.NO_NEWSLETTER: 7,
    Kind.SMS_ONLY: 4,
    Kind.WITHOUT_ADDRESS: 4,
    Kind.UNKNOWN: 2,
}


class Place(msgspec.Struct, frozen=True):
    """Where a user is reached. `address`: as the receiving side names it. `is_dead`: it refuses, for good."""

    channel: str
    address: str
    is_dead: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What one notification has to become: sent to `place`, or suppressed on `channel` for `reason`.

    `channel`: empty where the reason is one for all of them.
    """

    place: Place | None = None
    channel: str = ""
    reason: str = ""


class User(msgspec.Struct, frozen=True):
    """`contact` and `settings` are the items to write; None: there is no such item."""

    user_id: str
    kind: Kind
    contact: dict[str, Any] | None
    settings: dict[str, Any] | None
    places: tuple[Place, ...] = ()

    @property
    def has_dead_place(self) -> bool:
        return any(place.is_dead for place in self.places)

    def verdicts(self, category: str, channels: Sequence[str]) -> list[Verdict]:
        """By the words of the kinds, not by the daemon's rules: this is what it is judged against."""
        wanted = self._wanted(category)
        if not wanted:
            return [Verdict(reason="opted_out")]
        found: list[Verdict] = []
        for channel in channels:
            places = [place for place in self.places if place.channel == channel]
            if channel not in wanted:
                found.append(Verdict(channel=channel, reason="opted_out"))
            elif places:
                found += [Verdict(place, channel) for place in places]
            else:
                found.append(Verdict(channel=channel, reason="no_address"))
        if all(verdict.reason == "no_address" for verdict in found):
            return [Verdict(reason="no_address")]
        return found

    def _wanted(self, category: str) -> Collection[str]:
        """The channels by which a user of the kind wants to hear of such things."""
        match self.kind:
            case Kind.OPTED_OUT:
                return ()
            case Kind.NO_NEWSLETTER if category == NEWSLETTER:
                return ()
            case Kind.SMS_ONLY:
                return (SMS,)
            case Kind.WANTS_EMAIL:
                return (EMAIL, PUSH_IOS) if category in {PAYMENTS, SECURITY} else (EMAIL,)
            case _:
                return CHANNELS


def email_of(user_id: str) -> str:
    return f"{user_id}@example.com"


def make_users(seed: int, count: int) -> list[User]:
    """`count` ≥ 8: every kind is there at least once."""
    random = Random(f"users-{seed}")  # noqa: S311 - no secret is made of it
    kinds = list(Kind) + random.choices(list(_SHARES), list(_SHARES.values()), k=count - len(Kind))
    random.shuffle(kinds)
    return [_user(f"user-{number:05}", kind, random) for number, kind in enumerate(kinds)]


def _user(user_id: str, kind: Kind, random: Random) -> User:
    name = f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)}"
    contact: dict[str, Any] | None = {"user_id": user_id, "name": name, "email": email_of(user_id)}
    settings: dict[str, Any] | None = {"user_id": user_id, "opted_out": False, "categories": {}}
    categories: dict[str, Any] = dict.fromkeys((PAYMENTS, NEWSLETTER, SECURITY), True)
    places: tuple[Place, ...] = (Place(EMAIL, email_of(user_id)),)
    match kind:
        case Kind.WANTS_EMAIL:
            categories = {
                PAYMENTS: [EMAIL, PUSH_IOS],
                NEWSLETTER: [EMAIL],
                SECURITY: [PUSH_IOS, EMAIL],
                INCIDENTS: [EMAIL],
            }
        case Kind.WITHOUT_SETTINGS:
            settings = None
        case Kind.NO_NEWSLETTER:
            categories[NEWSLETTER] = False
        case Kind.SMS_ONLY:
            categories = {category: [SMS] for category in (PAYMENTS, NEWSLETTER, SECURITY, INCIDENTS)}
        case Kind.WITHOUT_ADDRESS:
            contact, places = {"user_id": user_id, "name": name}, ()
        case Kind.UNKNOWN:
            contact, settings, places = None, None, ()
        case Kind.WANTS_ALL | Kind.OPTED_OUT:
            pass
    if settings is not None:
        settings |= {"opted_out": kind is Kind.OPTED_OUT, "categories": categories}
    return User(user_id, kind, contact, settings, places)
