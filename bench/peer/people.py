"""Contacts and settings by BatchGetItem, kept for as long as the daemon keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bench.peer.sources import plain

CACHE_TTL_S = 5.0
# Two tables in one call of at most 100 keys.
USERS_A_CALL_MAX = 50


class Person(msgspec.Struct):
    contact: dict[str, Any]
    settings: dict[str, Any]
    read_s: float

    def wants(self, category: str) -> bool:
        return not self.settings["opted_out"] and self.settings["categories"].get(category, True) is True


class Known:
    """Who was read, and what is asked and learned of those who have to be; whichever client asks."""

    def __init__(self, prefix: str, elapsed_s: Callable[[], float]) -> None:
        self._contacts = f"{prefix}-contacts"
        self._settings = f"{prefix}-settings"
        self._elapsed_s = elapsed_s
        self._people: dict[str, Person] = {}

    def __getitem__(self, user_id: str) -> Person:
        return self._people[user_id]

    def parts_to_read(self, user_ids: set[str]) -> list[list[str]]:
        """Those unknown or read too long ago, a list for each call."""
        stale_s = self._elapsed_s() - CACHE_TTL_S
        people = self._people
        missing = [user for user in user_ids if (known := people.get(user)) is None or known.read_s < stale_s]
        return [missing[start : start + USERS_A_CALL_MAX] for start in range(0, len(missing), USERS_A_CALL_MAX)]

    def request(self, user_ids: list[str]) -> dict[str, Any]:
        keys = [{"user_id": {"S": user}} for user in user_ids]
        return {"RequestItems": {self._contacts: {"Keys": keys}, self._settings: {"Keys": keys}}}

    def learn(self, user_ids: list[str], answer: dict[str, Any]) -> None:
        contacts, settings = (
            {item["user_id"]["S"]: {name: plain(value) for name, value in item.items()} for item in items}
            for items in (answer["Responses"][self._contacts], answer["Responses"][self._settings])
        )
        now_s = self._elapsed_s()
        for user in user_ids:
            self._people[user] = Person(contacts[user], settings[user], now_s)


class People:
    def __init__(self, client: Any, prefix: str, elapsed_s: Callable[[], float]) -> None:
        self._client = client
        self._known = Known(prefix, elapsed_s)

    async def look_up(self, user_ids: Iterable[str]) -> dict[str, Person]:
        wanted = set(user_ids)
        for part in self._known.parts_to_read(wanted):
            self._known.learn(part, await self._client.batch_get_item(**self._known.request(part)))
        return {user: self._known[user] for user in wanted}
