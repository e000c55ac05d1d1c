"""From a stream's records to events, a batch at a time. No record raises: each becomes exactly one thing."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

import msgspec

from notifyd.core.dynamodb_json import DEPTH_MAX, WrongItem, decode_item
from notifyd.core.envelope import WrongRecord, as_envelope, check_depth, event_of, is_envelope
from notifyd.core.event import Decoded, Filtered, Malformed, Record
from notifyd.core.event_id import EventIds
from notifyd.core.filter_criteria import FilterCriteria, SourceKind, lambda_form
from notifyd.core.path import Path, PathError

# Of the image or the data. DynamoDB's items end at 400 KB (more as typed JSON), Kinesis' records mostly at 1 MiB.
BODY_BYTES_MAX: Final = 1024 * 1024


class SourceFormat(StrEnum):
    """What the records hold."""

    AUTO = "auto"  # an envelope where it looks like one, else the image or the JSON object
    ENVELOPE = "envelope"  # nothing but envelopes
    JSON = "json"  # any JSON object
    IMAGE = "image"  # a table's changes; on Kinesis as Kinesis Data Streams for DynamoDB writes them


_NOTHING: Final = msgspec.Raw()


class _Images(msgspec.Struct, gc=False, rename="pascal"):
    """Images stay raw until something asks for them: parsing is most of what a record costs."""

    keys: msgspec.Raw = _NOTHING
    new_image: msgspec.Raw = _NOTHING
    old_image: msgspec.Raw = _NOTHING


class _Change(msgspec.Struct, gc=False, rename="camel"):
    """A stream record of DynamoDB's."""

    event_name: str
    dynamodb: _Images


# The envelope, whether it came as one (and so brings an id), the table's key if there is one, and the change's own
# name where the stream may hold it twice.
_Found = tuple[dict[str, Any], bool, msgspec.Raw, str]

_CHANGE: Final = msgspec.json.Decoder(_Change)
# As CloudWatch Logs writes what it passes on.
_GZIP: Final = b"\x1f\x8b"
_JSON: Final = msgspec.json.Decoder()


class Decoder:
    """Of one source. `source_name`: the table or the stream; `removals`: deletes (TTL's too) are events."""

    def __init__(
        self,
        kind: SourceKind,
        source_name: str,
        *,
        format: SourceFormat = SourceFormat.AUTO,  # noqa: A002 - the config's word
        filter_criteria: FilterCriteria | None = None,
        event_id: Path | None = None,
        removals: bool = False,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._source_name = source_name
        self._format = format
        self._filter = filter_criteria
        self._removals = removals
        self._body_bytes_max = body_bytes_max
        self._find = self._in_change if kind is SourceKind.DYNAMODB else self._in_data
        inserts_only = filter_criteria is not None and filter_criteria.inserts_only
        self._ids = EventIds(source_name, event_id, inserts_only=inserts_only)

    def decode(self, shard_id: str, records: Sequence[Record]) -> list[Decoded]:
        """One for each record, in order."""
        return [self._decode_one(shard_id, record) for record in records]

    def _decode_one(self, shard_id: str, record: Record) -> Decoded:
        position = record.position
        try:
            found = self._find(record)
            if found is None:
                return Filtered(position)
            envelope, brings_id, keys, change = found
            event_id = self._ids.id_of(
                envelope, brings_id=brings_id, keys=keys, change=change, shard_id=shard_id, position=position
            )
            own_id = brings_id or self._ids.are_own or bool(change)
            return event_of(envelope, event_id, position, record.arrival_s, own_id=own_id)
        except (WrongRecord, WrongItem, PathError) as error:
            reason = str(error)
        except UnicodeDecodeError as error:
            reason = f"no UTF-8: {error.reason}"
        except msgspec.DecodeError as error:
            is_gzip = bytes(record.body).startswith(_GZIP)
            reason = (
                "gzip: it has to be written as plain JSON" if is_gzip else f"no JSON of the kind wanted: {error}"
            )
        except RecursionError:
            reason = f"nested over {DEPTH_MAX} deep"
        return Malformed(position, bytes(record.body), reason)

    def _in_change(self, record: Record) -> _Found | None:
        """A DynamoDB stream record."""
        change = _CHANGE.decode(record.body)
        criteria = self._filter
        if criteria is not None:
            form: dict[str, Any] = {"eventName": change.event_name}
            if not criteria.event_name_suffices:
                form = lambda_form(_JSON.decode(record.body))
            if not criteria.lets_through(form):
                return None
        return self._of_change(change)

    def _in_data(self, record: Record) -> _Found | None:
        """A Kinesis record."""
        criteria, body = self._filter, record.body
        form: dict[str, Any] = {} if criteria is None else {"partitionKey": record.partition_key}
        if criteria is not None and not criteria.needs_data and not criteria.lets_through(form):
            return None
        self._check_size(body)
        data = _JSON.decode(body)
        if not isinstance(data, dict):
            raise WrongRecord(f"the data is JSON of type {type(data).__name__}, not an object")
        check_depth(body, data)
        if criteria is not None and criteria.needs_data and not criteria.lets_through({**form, "data": data}):
            return None
        if self._format is SourceFormat.IMAGE:
            change = _CHANGE.decode(record.body)
            created_at = data["dynamodb"].get("ApproximateCreationDateTime")
            return self._of_change(change, _name_of(change, created_at))
        return self._as_found(data, (), _NOTHING)

    def _of_change(self, change: _Change, name: str = "") -> _Found | None:
        image = change.dynamodb.new_image
        if change.event_name == "REMOVE":
            if not self._removals:
                return None
            image = change.dynamodb.old_image
        if not image:
            raise WrongRecord(f"{change.event_name} without its image: the stream's view type has to hold it")
        self._check_size(image)
        return self._as_found(decode_item(image), (change.event_name,), change.dynamodb.keys, name)

    def _as_found(
        self, value: dict[str, Any], detail_type: tuple[str, ...], keys: msgspec.Raw, change: str = ""
    ) -> _Found:
        wanted = self._format
        if wanted is SourceFormat.ENVELOPE or (wanted is not SourceFormat.JSON and is_envelope(value)):
            return value, True, keys, change
        return as_envelope(value, self._source_name, detail_type), False, keys, change

    def _check_size(self, body: bytes | msgspec.Raw) -> None:
        if len(body) > self._body_bytes_max:
            raise WrongRecord(f"{len(body)} bytes; the limit is {self._body_bytes_max}")


def _name_of(change: _Change, created_at: object) -> str:
    """Kinesis may bring a table's change twice, and the copies agree in time and images.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html. The time alone, in milliseconds,
    would take two changes for one.
    """
    images = change.dynamodb
    told = (change.event_name, created_at, *map(bytes, (images.keys, images.old_image, images.new_image)))
    return blake2b(repr(told).encode(), digest_size=16).hexdigest()
