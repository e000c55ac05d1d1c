"""A directory in memory, with the outages a test asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from notifyd.core.user import Contact, Person, UserSettings


class FakeDirectory:
    """`calls` holds the ids of each look-up. While `failure` is set, every look-up raises it."""

    def __init__(self, contacts: Iterable[Contact] = (), settings: Iterable[UserSettings] = ()) -> None:
        self.contacts = {contact.user_id: contact for contact in contacts}
        self.settings = {choice.user_id: choice for choice in settings}
        self.calls: list[tuple[str, ...]] = []
        self.failure: Exception | None = None

    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        self.calls.append(tuple(user_ids))
        if self.failure is not None:
            raise self.failure
        return {
            user_id: Person(user_id, self.contacts.get(user_id), self.settings.get(user_id))
            for user_id in user_ids
        }
