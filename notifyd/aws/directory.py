"""Contacts and settings of users, out of two DynamoDB tables by one BatchGetItem."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from notifyd.core.dynamodb_json import WrongItem, decode_values, plain_item
from notifyd.core.plain_user_items import contact_of, settings_of
from notifyd.core.ttl_cache import TtlCache
from notifyd.core.user import Contact, Person, UserSettings
from notifyd.core.user_items import Damage, read_contact, read_settings
from notifyd.errors import NoAnswer
from notifyd.ports import Clock, Entropy
from notifyd.wire.batch_get import KEYS_MAX, AwsCaller, BatchGet, Table, askable
from notifyd.wire.read_through import Fetched, ReadThrough, nobody_counts

Told = TypeVar("Told", Contact, UserSettings)

# A user takes a key in each table.
_USERS_MAX = KEYS_MAX // 2


class DirectoryPolicy(msgspec.Struct, frozen=True):
    """`linger_s`: 5 ms make a quarter of the calls of none at 100 shards and one miss in ten (109 for 384 a
    second); 10 ms save 40 more and cost as long. A person with an e-mail and settings takes 0.7 KB.
    """

    cache_ttl_s: float = 5.0
    cache_entries_max: int = 200_000
    linger_s: float = 0.005
    call_timeout_s: float = 2.0
    deadline_s: float = 5.0


class DynamoDbDirectory:
    """`damaged` hears what could not be read of an item; the rest of it is used."""

    def __init__(
        self,
        caller: AwsCaller,
        *,
        contacts: str,
        settings: str,
        clock: Clock,
        entropy: Entropy,
        tasks: asyncio.TaskGroup,
        damaged: Callable[[Sequence[Damage]], None],
        asked: Callable[[int, int], None] = nobody_counts,
        policy: DirectoryPolicy,
    ) -> None:
        self._contacts = contacts
        self._settings = settings
        self._damaged = damaged
        self._tables = BatchGet(
            caller,
            (
                Table(contacts, "user_id", ("email", "phone", "device_tokens", "external_channels", "suppressed")),
                Table(settings, "user_id", ("opted_out", "categories")),
            ),
            msgspec.Raw,
            clock=clock,
            entropy=entropy,
            call_timeout_s=policy.call_timeout_s,
            deadline_s=policy.deadline_s,
        )
        self._people = ReadThrough(
            self._read,
            cache=TtlCache[Person](ttl_s=policy.cache_ttl_s, entries_max=policy.cache_entries_max),
            keys_max=_USERS_MAX,
            linger_s=policy.linger_s,
            clock=clock,
            tasks=tasks,
            asked=asked,
        )

    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        fetched = await self._people.get(user_ids)
        if fetched.failure is not None:
            raise fetched.failure
        return fetched.found

    async def _read(self, user_ids: Sequence[str]) -> Fetched[Person]:
        try:
            return await self._read_of_tables(user_ids)
        except WrongItem as unreadable:
            return Fetched({}, NoAnswer(f"BatchGetItem: {unreadable}"))

    async def _read_of_tables(self, user_ids: Sequence[str]) -> Fetched[Person]:
        known = [user_id for user_id in user_ids if askable(user_id)]
        got = await self._tables.get({self._contacts: known, self._settings: known})
        damages: list[Damage] = []
        contacts = _by_user(got.items[self._contacts], contact_of, read_contact, damages)
        settings = _by_user(got.items[self._settings], settings_of, read_settings, damages)
        absent = set(known) - got.unread.get(self._contacts, set()) - contacts.keys()
        # The replica that answered may not have a contact written a moment ago, and who has just signed up
        # is whom the event is about. So absence is believed of the leader alone; only the unknown pay for it.
        again = await self._tables.get({self._contacts: absent}, consistent=True)
        contacts |= _by_user(again.items[self._contacts], contact_of, read_contact, damages)
        if damages:
            self._damaged(damages)
        unread = set().union(*got.unread.values(), *again.unread.values())
        return Fetched(
            {
                user_id: Person(user_id, contacts.get(user_id), settings.get(user_id))
                for user_id in user_ids
                if user_id not in unread
            },
            got.failure or again.failure,
        )


def _by_user(
    items: Sequence[msgspec.Raw],
    plainly: Callable[[msgspec.Raw], Told | None],
    closely: Callable[[str, Mapping[str, Any], list[Damage]], Told],
    damages: list[Damage],
) -> dict[str, Told]:
    """What each item says, by its user."""
    told = [plainly(item) or _closely(item, closely, damages) for item in items]
    return {one.user_id: one for one in told}


def _closely(
    item: msgspec.Raw, read: Callable[[str, Mapping[str, Any], list[Damage]], Told], damages: list[Damage]
) -> Told:
    values = decode_values(item)
    user_id = str(values["user_id"].S)
    try:
        return read(user_id, plain_item(values), damages)
    except WrongItem:
        # Where one value is of no known type, none is: each then counts as damaged.
        return read(user_id, dict.fromkeys(values, WrongItem), damages)
