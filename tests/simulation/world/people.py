"""Who there is, and how what is known of them changes while the workers run."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.user import Contact, DeviceToken, Person, UserSettings
from tests.fakes.directory import FakeDirectory
from tests.simulation.dice import Dice

USERS = 240
_DEVICES_MAX = 3


class People:
    """`refused`: those whose deliveries the provider never takes. `now_s`: the world's time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.users = [f"u{number}" for number in range(USERS)]
        self.refused = frozenset(self.users[30:40])
        self._now_s = now_s
        self._number = 0
        self.directory = FakeDirectory(
            [self._contact(number, user) for number, user in enumerate(self.users)],
            [UserSettings(user, opted_out=True) for user in self.users[10:20]],
        )
        self._history = {user: [(0.0, self.person(user))] for user in self.users}
        self._addresses = {user: {*addresses(self.person(user))} for user in self.users}

    def _contact(self, number: int, user: str) -> Contact:
        email = None if 20 <= number < 30 else f"{user}@example.com"
        return Contact(user, email, device_tokens=tuple(self._device(user) for _ in range(number % _DEVICES_MAX)))

    def _device(self, user: str) -> DeviceToken:
        self._number += 1
        return DeviceToken(f"{user}-device-{self._number}", "apns")

    def person(self, user: str) -> Person:
        return Person(user, self.directory.contacts.get(user), self.directory.settings.get(user))

    def since(self, user: str, at_s: float) -> list[Person]:
        """All that was ever true of the user from then on, in order."""
        history = self._history[user]
        before = max(place for place, (from_s, _) in enumerate(history) if from_s <= at_s)
        return [person for _, person in history[before:]]

    def ever_had(self, user: str, address: str) -> bool:
        return (Channel.EMAIL, address) in self._addresses[user] or (Channel.PUSH_IOS, address) in self._addresses[
            user
        ]

    def change(self, user: str, dice: Dice) -> str:
        """One thing about the user; what it was."""
        change = dice.weighted(
            (self._opt, self._choose, self._move, self._leave, self._add, self._drop), (4, 1, 2, 2, 1, 1)
        )
        what = change(user)
        person = self.person(user)
        self._history[user].append((self._now_s(), person))
        self._addresses[user].update(addresses(person))
        return what

    def _opt(self, user: str) -> str:
        settings = self.directory.settings.get(user) or UserSettings(user)
        opted_out = not settings.opted_out
        self.directory.settings[user] = msgspec.structs.replace(settings, opted_out=opted_out)
        return "user opts out" if opted_out else "user opts in"

    def _choose(self, user: str) -> str:
        """No mails, or mails again."""
        settings = self.directory.settings.get(user) or UserSettings(user)
        categories: dict[str, bool | tuple[Channel, ...]] = (
            {} if settings.categories else {"payments": (Channel.PUSH_IOS,)}
        )
        self.directory.settings[user] = msgspec.structs.replace(settings, categories=categories)
        return "user chooses channels"

    def _move(self, user: str) -> str:
        self._number += 1
        self._put(user, email=f"{user}-{self._number}@example.com")
        return "address changes"

    def _leave(self, user: str) -> str:
        gone = self.directory.contacts[user].email is None
        self._put(user, email=f"{user}@example.com" if gone else None)
        return "address comes back" if gone else "address goes"

    def _add(self, user: str) -> str:
        """A device, that may have been the user's before."""
        devices = self.directory.contacts[user].device_tokens
        self._put(user, device_tokens=(*devices, self._device(user))[-_DEVICES_MAX:])
        return "device is added"

    def _drop(self, user: str) -> str:
        self._put(user, device_tokens=self.directory.contacts[user].device_tokens[1:])
        return "device is removed"

    def _put(self, user: str, **fields: object) -> None:
        contact = self.directory.contacts[user]
        self.directory.contacts[user] = msgspec.structs.replace(contact, **fields)


def addresses(person: Person) -> list[tuple[Channel, str]]:
    """All that the person has, wanted or not."""
    contact = person.contact or Contact(person.user_id)
    mail = [(Channel.EMAIL, contact.email)] if contact.email else []
    return [*mail, *((Channel.PUSH_IOS, device.token) for device in contact.device_tokens)]


def reachable(person: Person, channel: Channel) -> frozenset[str]:
    """Where the person may be written to by a channel."""
    settings = person.settings
    if settings is not None:
        chosen = settings.categories.get("payments", True)
        if settings.opted_out or chosen is False or (chosen is not True and channel not in chosen):
            return frozenset()
    return frozenset(address for by, address in addresses(person) if by is channel)
