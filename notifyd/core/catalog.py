"""The catalog: which events notify whom of what, by which channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.event import Event
from notifyd.core.message_template import NO_FIELDS, MailFields
from notifyd.core.path import Path, PathError
from notifyd.core.pattern import Pattern
from notifyd.core.user import Person

DEADLINE_S: Final = 86_400.0

FilterFunction = Callable[[Event, Person, Mapping[str, object]], bool]
"""`filter:` of a type. Pure over the event, the person and the looked-up facts by their lookups' names."""


class LookupPolicy(StrEnum):
    """What a look-up that failed makes of the deliveries that wanted it."""

    RETRY = "retry"
    SUPPRESS = "suppress"
    SEND = "send"


class LookupSpec(msgspec.Struct, frozen=True):
    """Facts from a table or a service (one of the two), keyed from the event."""

    name: str
    key: Path
    table: str | None = None
    url: str | None = None
    timeout_s: float = 1.0
    cache_ttl_s: float = 5.0
    cache_entries_max: int = 10_000
    on_failure: LookupPolicy = LookupPolicy.RETRY


class NotificationType(msgspec.Struct, frozen=True):
    """`users`, `data` and look-ups' keys are paths into the event's envelope; `data` None: all of it.

    `default`: what users without settings get, or without a word on the category, in a setting's own form:
    True, False or the channels. `deadline_s` counts from the event's arrival.
    """

    name: str
    match: Pattern
    users: Path
    category: str
    channels: tuple[Channel, ...]
    template: str
    data: Path | None = None
    lane: Lane = Lane.TRANSACTIONAL
    deadline_s: float = DEADLINE_S
    in_doubt: InDoubt = InDoubt.RESEND
    default: bool | tuple[Channel, ...] = True
    mail_fields: MailFields = NO_FIELDS
    lookups: tuple[LookupSpec, ...] = ()
    filter: FilterFunction | None = None

    def user_ids(self, event: Event) -> tuple[str, ...]:
        """Whom the event concerns, each once; empty where nobody stands at `users`."""
        try:
            found = self.users.find(event.envelope)
        except PathError:
            return ()
        if isinstance(found, str):
            return (found,) if found else ()
        found = found if isinstance(found, list) else [found]
        ids = (
            str(user_id) for user_id in found if isinstance(user_id, (str, int)) and not isinstance(user_id, bool)
        )
        return tuple(dict.fromkeys(filter(None, ids)))


# A source or detail type that no pattern names: what matches it is matched by other tests alone.
_OTHER: Final = None

_Key = tuple[str | None, str | None]
# With it, whether source and detail type have decided already, because the pattern tests nothing else.
_Candidate = tuple[NotificationType, bool]


class Catalog:
    """The types in the file's order. Patterns that name sources and detail types are found by these.

    The table holds every pair of named source and named detail type, so it is as large as the catalog, not
    as what events bring; what no pattern names shares one entry.
    """

    def __init__(self, types: Sequence[NotificationType]) -> None:
        self.types = tuple(types)
        self._by_name = {type_.name: type_ for type_ in self.types}
        self._sources = _named(self.types, "source")
        self._detail_types = _named(self.types, "detail-type")
        self._candidates: dict[_Key, tuple[_Candidate, ...]] = {
            (source, detail_type): tuple(_candidates(self.types, source, detail_type))
            for source in (*self._sources, _OTHER)
            for detail_type in (*self._detail_types, _OTHER)
        }
        self._decided = {key: _all_decided(candidates) for key, candidates in self._candidates.items()}

    def get(self, name: str) -> NotificationType | None:
        return self._by_name.get(name)

    def matching(self, event: Event) -> tuple[NotificationType, ...]:
        """In the catalog's order, each once."""
        source = event.source if event.source in self._sources else _OTHER
        detail_types = event.detail_type
        if len(detail_types) == 1:
            detail_type = detail_types[0] if detail_types[0] in self._detail_types else _OTHER
            decided_types = self._decided[source, detail_type]
            if decided_types is not None:
                return decided_types
            candidates = self._candidates[source, detail_type]
        else:
            candidates = self._candidates_of_several(source, detail_types)
        return tuple([type_ for type_, decided in candidates if decided or type_.match.matches(event.envelope)])

    def _candidates_of_several(self, source: str | None, detail_types: tuple[str, ...]) -> tuple[_Candidate, ...]:
        named = [detail_type for detail_type in detail_types if detail_type in self._detail_types]
        found = {
            type_.name: decided
            for detail_type in (*named, _OTHER)
            for type_, decided in self._candidates[source, detail_type]
        }
        return tuple((type_, found[type_.name]) for type_ in self.types if type_.name in found)


def _all_decided(candidates: Sequence[_Candidate]) -> tuple[NotificationType, ...] | None:
    """None: the event has to be looked at."""
    if all(decided for _, decided in candidates):
        return tuple(type_ for type_, _ in candidates)
    return None


def _named(types: Sequence[NotificationType], field: str) -> frozenset[str]:
    return frozenset(value for type_ in types for value in type_.match.exact_values(field) or ())


def _candidates(
    types: Sequence[NotificationType], source: str | None, detail_type: str | None
) -> list[_Candidate]:
    found = []
    for type_ in types:
        sources = type_.match.exact_values("source")
        detail_types = type_.match.exact_values("detail-type")
        if (sources is None or source in sources) and (detail_types is None or detail_type in detail_types):
            named = {field for field, values in (("source", sources), ("detail-type", detail_types)) if values}
            found.append((type_, type_.match.source.keys() == named))
    return found
