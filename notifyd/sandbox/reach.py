"""Gives the demo's people phones, devices and chat channels that the sandbox's vendors know.

Some devices are dead: the vendor says so once, and the next device of the same user gets its push all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from random import Random  # noqa: TID251 - seeded by the caller: the same people every time
from typing import Any

import msgspec

from notifyd.sandbox.all_vendors import Vendors
from notifyd.sandbox.population import CHAT, PUSH_ANDROID, PUSH_IOS, SMS, WEB_PUSH, Kind, Place, User

_PHONE_SHARE = 0.6
_DEVICES_MAX = 2
_ROOM_SHARE, _HOOK_SHARE, _RECEIVER_SHARE = 0.5, 0.15, 0.2
# Every so many users one has a dead device, of one push channel after the other.
_DEAD_EVERY = 7
_PLATFORMS = {PUSH_IOS: "apns", PUSH_ANDROID: "fcm", WEB_PUSH: "web_push"}
# When the app was taken off a phone, as APNs says it.
_UNREGISTERED_AT_MS = 1_700_000_000_000


class Reach:
    """`urls`: the sandbox's, by provider. Each address is handed out once."""

    def __init__(self, seed: int, vendors: Vendors, urls: Mapping[str, str]) -> None:
        self._random = Random(f"reach-{seed}")  # noqa: S311 - no secret is made of it
        self._vendors = vendors
        self._urls = urls
        self._number = 0
        self._furnished = 0
        self._dying = cycle(_PLATFORMS)

    def furnish(self, users: Iterable[User]) -> list[User]:
        """Those who can be reached at all, with more ways to reach them."""
        return [
            user if user.kind in {Kind.WITHOUT_ADDRESS, Kind.UNKNOWN} else self._furnished_user(user)
            for user in users
        ]

    def _furnished_user(self, user: User) -> User:
        contact: dict[str, Any] = dict(user.contact or {})
        places = list(user.places)
        # Whoever wants nothing but SMS has a phone.
        if user.kind is Kind.SMS_ONLY or self._random.random() < _PHONE_SHARE:
            contact["phone"] = f"+49151{self._next():08}"
            places.append(Place(SMS, contact["phone"]))
        devices = list(self._devices(user.kind))
        contact["device_tokens"] = [
            {"platform": _PLATFORMS[place.channel], "deviceToken": token} for place, token in devices
        ]
        rooms = list(self._rooms(user.user_id))
        # One that was switched off is nobody's address.
        off = {"platform": "slack", "url": f"#left-{user.user_id}", "status": False}
        contact["external_channels"] = [entry for _, entry in rooms] + [off]
        places += [place for place, _ in (*devices, *rooms)]
        return msgspec.structs.replace(user, contact=contact, places=tuple(places))

    def _devices(self, kind: Kind) -> Iterator[tuple[Place, str]]:
        """Each with its token as contacts have it."""
        self._furnished += 1
        for channel in _PLATFORMS:
            for _ in range(self._random.randint(0, _DEVICES_MAX)):
                yield self._device(channel, is_dead=False)
        if self._furnished % _DEAD_EVERY == 1 and kind is not Kind.SMS_ONLY:
            channel = next(self._dying)
            yield self._device(channel, is_dead=True)
            yield self._device(channel, is_dead=False)

    def _device(self, channel: str, *, is_dead: bool) -> tuple[Place, str]:
        number = self._next()
        match channel:
            case "push_ios":
                token = address = f"{number:064x}"
                if is_dead:
                    self._vendors.apns.unregistered[token] = _UNREGISTERED_AT_MS
            case "push_android":
                token = address = f"sandbox{number:015}:APA91b{number:0134x}"
                if is_dead:
                    self._vendors.fcm.unregistered.add(token)
            case _:
                origin = self._urls["web_push"]
                subscription = self._vendors.web_push.subscribe(origin)
                token, address = msgspec.json.encode(subscription).decode(), subscription.endpoint
                if is_dead:
                    self._vendors.web_push.gone.add(address.removeprefix(origin))
        return Place(channel, address, is_dead), token

    def _rooms(self, user_id: str) -> Iterator[tuple[Place, dict[str, Any]]]:
        if self._random.random() < _ROOM_SHARE:
            yield _room("slack", f"#room-{user_id}", f"#room-{user_id}")
        if self._random.random() < _HOOK_SHARE:
            path = f"/services/T0SANDBOX/B{self._next():08}/sandboxsandboxsandboxsan"
            self._vendors.slack_webhook.hooks[path] = None
            yield _room("slack", f"https://hooks.slack.com{path}", path)
        if self._random.random() < _RECEIVER_SHARE:
            yield _room("webhook", f"https://receiver.example.com/{user_id}", f"/{user_id}")

    def _next(self) -> int:
        self._number += 1
        return self._number


def _room(platform: str, url: str, shown: str) -> tuple[Place, dict[str, Any]]:
    return Place(CHAT, shown), {"platform": platform, "url": url, "status": True}
