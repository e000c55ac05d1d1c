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


class People:
    def __init__(self, client: Any, prefix: str, elapsed_s: Callable[[], float]) -> None:
        self._client = client
        self._contacts = f"{prefix}-contacts"
        self._settings = f"{prefix}-settings"
        self._elapsed_s = elapsed_s
        self._known: dict[str, Person] = {}

    async def look_up(self, user_ids: Iterable[str]) -> dict[str, Person]:
        wanted = set(user_ids)
        stale_s = self._elapsed_s() - CACHE_TTL_S
        missing = [user for user in wanted if (known := self._known.get(user)) is None or known.read_s < stale_s]
        for start in range(0, len(missing), USERS_A_CALL_MAX):
            await self._read(missing[start : start + USERS_A_CALL_MAX])
        return {user: self._known[user] for user in wanted}

    async def _read(self, user_ids: list[str]) -> None:
        keys = [{"user_id": {"S": user}} for user in user_ids]
        answer = await self._client.batch_get_item(
            RequestItems={self._contacts: {"Keys": keys}, self._settings: {"Keys": keys}}
        )
        contacts, settings = (
            {item["user_id"]["S"]: {name: plain(value) for name, value in item.items()} for item in items}
            for items in (answer["Responses"][self._contacts], answer["Responses"][self._settings])
        )
        now_s = self._elapsed_s()
        for user in user_ids:
            self._known[user] = Person(contacts[user], settings[user], now_s)
