"""What would be decided now for the users of a part's events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from notifyd.audit.parts import Matched
from notifyd.core.catalog import LookupPolicy, NotificationType
from notifyd.core.event import Event
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.policy import DeliveryRules, FilterRaised, decide, nobody
from notifyd.core.standing import original_of, rows_at
from notifyd.core.suppression import Decision, Suppressed, SuppressionReason
from notifyd.core.user import Person
from notifyd.ports import Directory


class Facts(Protocol):
    """Looked-up facts of an event and type; `failed`: the policy of a look-up that gave nothing."""

    @property
    def values(self) -> Mapping[str, object]: ...
    @property
    def failed(self) -> LookupPolicy | None: ...


FindFacts = Callable[[Sequence[tuple[Event, NotificationType]]], Awaitable[Sequence[Facts]]]


class Decided(msgspec.Struct):
    """For one user and type. `decisions` None: the filter raised. `rows`: what the log has of it."""

    entry: Matched
    event: Event
    notification_type: NotificationType
    user_id: str
    decisions: list[Decision] | None
    rows: list[LogRow]

    @property
    def told_elsewhere(self) -> bool:
        """The event was expired whole, or came twice and was decided the other time."""
        own = rows_at(self.entry.rows, self.entry.position)
        if any(row.kind is RowKind.EXPIRED and not row.type_name for row in own):
            return True
        return original_of(self.entry.rows, self.entry.position) is not None


class Decider:
    """`type_name`: this type alone, where it is set."""

    def __init__(
        self, *, directory: Directory, find_facts: FindFacts, rules: DeliveryRules, type_name: str | None = None
    ) -> None:
        self._directory = directory
        self._find_facts = find_facts
        self._rules = rules
        self._type_name = type_name

    async def decide(self, part: Sequence[Matched]) -> list[Decided]:
        """Raises AwsError or TransportError."""
        wanted = [
            (entry, entry.decoded, one_type)
            for entry in part
            if isinstance(entry.decoded, Event)
            for one_type in entry.types
            if self._type_name in (None, one_type.name)
        ]
        facts = await self._find_facts([(event, one_type) for _, event, one_type in wanted])
        users = {user for _, event, one_type in wanted for user in one_type.user_ids(event)}
        people = await self._directory.look_up(users) if users else {}
        return [
            decided
            for (entry, event, one_type), found in zip(wanted, facts, strict=True)
            for decided in self._of_type(entry, event, one_type, found, people)
        ]

    def _of_type(
        self,
        entry: Matched,
        event: Event,
        one_type: NotificationType,
        facts: Facts,
        people: Mapping[str, Person],
    ) -> Iterator[Decided]:
        own = rows_at(entry.rows, entry.position)
        of_type = [row for row in own if row.type_name == one_type.name]
        user_ids = one_type.user_ids(event)
        if not user_ids:
            yield Decided(entry, event, one_type, "", [nobody(one_type)], of_type)
        for user_id in user_ids:
            rows = [row for row in of_type if row.user_id == user_id]
            decisions = self._decisions(one_type, event, people[user_id], facts)
            yield Decided(entry, event, one_type, user_id, decisions, rows)

    def _decisions(
        self, one_type: NotificationType, event: Event, person: Person, facts: Facts
    ) -> list[Decision] | None:
        """As the daemon decides: a failed look-up under `retry` leaves the filter for later."""
        if facts.failed is LookupPolicy.SUPPRESS:
            return [Suppressed(None, SuppressionReason.LOOKUP_FAILED)]
        if facts.failed is LookupPolicy.RETRY:
            one_type = msgspec.structs.replace(one_type, filter=None)
        try:
            return decide(one_type, event, person, self._rules, facts.values)
        except FilterRaised:
            return None
