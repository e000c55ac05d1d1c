"""Looked-up facts of a notification type, by the names its catalog entry gives them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from notifyd.core.catalog import LookupPolicy, LookupSpec, NotificationType
from notifyd.core.event import Event
from notifyd.core.path import PathError
from notifyd.ports import Lookup


class Facts(msgspec.Struct):
    """`values`: for filter and template. `failed`: the strictest policy of those that gave nothing, if any did."""

    values: dict[str, object] = {}
    failed: LookupPolicy | None = None


# What the one suppresses no other look-up's failure sends.
_STRICTEST_FIRST: Final = (LookupPolicy.SUPPRESS, LookupPolicy.RETRY, LookupPolicy.SEND)
# Of most types, which look nothing up.
NO_FACTS: Final = Facts()


class FactFinder:
    """`lookups` by type and name."""

    def __init__(self, lookups: Mapping[tuple[str, str], Lookup]) -> None:
        self._lookups = lookups

    @property
    def has_none(self) -> bool:
        """No type looks anything up."""
        return not self._lookups

    async def find(self, wanted: Sequence[tuple[Event, NotificationType]]) -> list[Facts]:
        """Facts for each (event, type), in order; one call a look-up for the whole part."""
        facts = [Facts() if notification_type.lookups else NO_FACTS for _, notification_type in wanted]
        keys: dict[tuple[str, str], list[str | None]] = {}
        for event, notification_type in wanted:
            for spec in notification_type.lookups:
                key = key_of(spec, event)
                keys.setdefault((notification_type.name, spec.name), []).append(key)
        if not keys:
            return facts
        answers = dict(zip(keys, await asyncio.gather(*map(self._fetch, keys, keys.values())), strict=True))
        for entry, (event, notification_type) in zip(facts, wanted, strict=True):
            for spec in notification_type.lookups:
                key = key_of(spec, event)
                answer = answers[notification_type.name, spec.name]
                if key is not None and key not in answer:
                    entry.failed = _stricter(spec.on_failure, entry.failed)
                entry.values[spec.name] = answer.get(key) if key is not None else None
        return facts

    async def _fetch(self, name: tuple[str, str], keys: Sequence[str | None]) -> Mapping[str, object]:
        return await self._lookups[name].fetch({key for key in keys if key is not None})


def _stricter(one: LookupPolicy, other: LookupPolicy | None) -> LookupPolicy:
    return one if other is None else min(one, other, key=_STRICTEST_FIRST.index)


def key_of(spec: LookupSpec, event: Event) -> str | None:
    """An event without the key asks for nothing: the fact is absent, not failed."""
    try:
        found = spec.key.find(event.envelope)
    except PathError:
        return None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None
