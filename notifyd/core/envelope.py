"""The EventBridge envelope: what makes a JSON object one, and the event made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from notifyd.core.dynamodb_json import DEPTH_MAX
from notifyd.core.event import Event
from notifyd.core.sequence import Position

# The delivery log's partition key is the event id, and DynamoDB takes no longer one.
EVENT_ID_BYTES_MAX: Final = 2048


class WrongRecord(ValueError):
    """A record that no event can be made of; the text says why, without the record's values."""


def is_envelope(value: dict[str, Any]) -> bool:
    """Detail types are EventBridge's own invention: no other JSON has one by chance."""
    return "detail-type" in value and "source" in value


def check_depth(body: bytes | msgspec.Raw, value: object) -> None:
    """Raises WrongRecord for JSON so deep that templates, paths or the log would choke on it."""
    body = bytes(body)
    # Only what opens often enough can be deep: nearly no body is walked.
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _is_deeper(value, DEPTH_MAX):
        raise WrongRecord(f"nested over {DEPTH_MAX} deep")


def _is_deeper(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth == 0 or any(_is_deeper(below, depth - 1) for below in value.values())
    if isinstance(value, list):
        return depth == 0 or any(_is_deeper(below, depth - 1) for below in value)
    return False


def as_envelope(detail: object, source: str, detail_type: tuple[str, ...]) -> dict[str, Any]:
    """The envelope around an object that came without one."""
    return {"source": source, "detail-type": list(detail_type), "detail": detail}


def event_of(
    envelope: dict[str, Any], event_id: str, position: Position, arrival_s: float, *, own_id: bool = True
) -> Event:
    """Raises WrongRecord. `envelope` becomes the event's own: id and detail-type stand in it as decided."""
    source = envelope.get("source")
    if not isinstance(source, str) or not source:
        raise WrongRecord(f"source is {_found(source)}, not a name")
    detail_types = _detail_types(envelope.get("detail-type"))
    envelope["id"] = event_id
    envelope["detail-type"] = detail_types
    return Event(
        event_id,
        source,
        tuple(detail_types),
        envelope.get("detail"),
        envelope,
        arrival_s,
        position,
        _produced_at_s(envelope.get("time")),
        own_id,
    )


def checked_id(value: object, where: str) -> str:
    """An event's own id; raises WrongRecord for what cannot be one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise WrongRecord(f"{where} is {_found(value)}, not an id")
    if not fits_log(value):
        raise WrongRecord(f"{where} has {len(value)} characters; an id has at most {EVENT_ID_BYTES_MAX} bytes")
    return value


def fits_log(event_id: str) -> bool:
    # No character takes more than 4 bytes: short ids, nearly all, need not be encoded.
    return len(event_id) * 4 <= EVENT_ID_BYTES_MAX or len(event_id.encode()) <= EVENT_ID_BYTES_MAX


def _detail_types(value: object) -> list[str]:
    """EventBridge sends one string, others a list of them."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and "" not in names and all(map(_is_text, names)):
        return names
    raise WrongRecord(f"detail-type is {_found(value)}, not a name or a list of names")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _produced_at_s(time: object) -> float | None:
    """The producer's own time, where it can be read: without it only a latency goes unmeasured."""
    if not isinstance(time, str):
        return None
    try:
        moment = datetime.fromisoformat(time)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _found(value: object) -> str:
    if value is None:
        return "missing"
    return "empty" if value in ("", []) else f"of type {type(value).__name__}"
