"""The demo's people. Each kind exists so that one reason of the account has somebody it is true for."""

from __future__ import annotations

from enum import StrEnum
from random import Random  # noqa: TID251 - seeded by the caller: the same people every time
from typing import Any

import msgspec

PAYMENTS = "payments"
NEWSLETTER = "newsletter"

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


class Verdict(msgspec.Struct, frozen=True):
    """What a mail of one category to one user has to become: sent to `address`, or suppressed for `reason`."""

    address: str = ""
    reason: str = ""


class User(msgspec.Struct, frozen=True):
    """`contact` and `settings` are the items to write; None: there is no such item."""

    user_id: str
    kind: Kind
    contact: dict[str, Any] | None
    settings: dict[str, Any] | None

    def verdict(self, category: str) -> Verdict:
        """By the words of the kinds, not by the daemon's rules: this is what it is judged against."""
        match self.kind:
            case Kind.WITHOUT_ADDRESS | Kind.UNKNOWN:
                return Verdict(reason="no_address")
            case Kind.OPTED_OUT | Kind.SMS_ONLY:
                return Verdict(reason="opted_out")
            case Kind.NO_NEWSLETTER if category == NEWSLETTER:
                return Verdict(reason="opted_out")
            case _:
                return Verdict(address=email_of(self.user_id))


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
    categories: dict[str, Any] = {PAYMENTS: True, NEWSLETTER: True}
    match kind:
        case Kind.WANTS_EMAIL:
            categories = {PAYMENTS: ["email", "push_ios"], NEWSLETTER: ["email"]}
        case Kind.WITHOUT_SETTINGS:
            settings = None
        case Kind.NO_NEWSLETTER:
            categories[NEWSLETTER] = False
        case Kind.SMS_ONLY:
            categories = {PAYMENTS: ["sms"], NEWSLETTER: ["sms"]}
        case Kind.WITHOUT_ADDRESS:
            contact = {"user_id": user_id, "name": name}
        case Kind.UNKNOWN:
            contact = settings = None
        case Kind.WANTS_ALL | Kind.OPTED_OUT:
            pass
    if settings is not None:
        settings |= {"opted_out": kind is Kind.OPTED_OUT, "categories": categories}
    return User(user_id, kind, contact, settings)
