"""Whom an event concerns, and what is known about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from notifyd.core.dead_address import DeadAddress, Removal
from notifyd.core.user import Person


class Directory(Protocol):
    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        """A Person for every id asked for, unknown ones without contact and settings.

        Calls of many shards are folded into full BatchGetItem calls. Raises AwsError or TransportError
        when nothing could be read (retries are inside).
        """
        ...


class AddressBook(Protocol):
    async def remove(self, dead: DeadAddress) -> Removal:
        """Takes a device's token away, or marks another address; never what was registered after `since_s`.

        Repeatable. Raises AwsError or TransportError.
        """
        ...


class Lookup(Protocol):
    """Facts of a `lookups` entry: one table or service, keyed from the event."""

    async def fetch(self, keys: Collection[str]) -> Mapping[str, object]:
        """What is known of each key (None: known to be absent). A key that is missing failed."""
        ...
