"""Which id an event has: its own where it brings one, else one made of where it came from."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.dynamodb_json import decode_item
from notifyd.core.envelope import checked_id, fits_log
from notifyd.core.path import Path
from notifyd.core.sequence import Position


class EventIds:
    """Of one source. `inserts_only`: an item of the table is an event once, so that its key names the event."""

    __slots__ = ("_inserts_only", "_path", "_source_name", "are_own")

    def __init__(self, source_name: str, path: Path | None, *, inserts_only: bool) -> None:
        self._source_name = source_name
        self._path = path
        self._inserts_only = inserts_only
        # Whether ids are the events' own, whatever record brings them.
        self.are_own = path is not None or inserts_only

    def id_of(
        self,
        envelope: dict[str, Any],
        *,
        brings_id: bool,
        keys: msgspec.Raw,
        change: str,
        shard_id: str,
        position: Position,
    ) -> str:
        """`brings_id`: the record itself was an envelope; `keys` is empty where there is no table.

        `change`: of one that the stream may hold twice, the same for all copies; empty where it holds each once.

        Raises WrongRecord, WrongItem, PathError.
        """
        if self._path is not None:
            return checked_id(self._path.find(envelope), f"event_id ({self._path.expression})")
        if brings_id:
            return checked_id(envelope.get("id"), "id")
        if keys:
            key = f"{self._source_name}/{_key_text(keys)}"
            event_id = key if self._inserts_only else f"{key}/{change or position.sequence}"
            if fits_log(event_id):
                return event_id
        if change:
            return f"{self._source_name}/{change}"
        return f"{self._source_name}/{shard_id}/{position.sequence}/{position.sub_sequence}"


def _key_text(keys: msgspec.Raw) -> str:
    """The key's values in the order of their names, escaped so that no two keys give the same text."""
    item = decode_item(keys)
    return "/".join(str(item[name]).replace("%", "%25").replace("/", "%2F") for name in sorted(item))
