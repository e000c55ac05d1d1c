"""Changes of a contact item that cannot touch what somebody else wrote meanwhile. Pure.

An entry leaves the list only if it stands as it was seen, where it was seen.
"""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress, mark_of
from notifyd.core.dynamodb_json import AttributeValue, WrongItem, plain_item
from notifyd.core.unreadable import UNREADABLE
from notifyd.core.user import DEVICE_PLATFORMS

# The attribute that holds the one address of a channel.
_ADDRESSES = {Channel.EMAIL: "email", Channel.SMS: "phone"}


class Change(msgspec.Struct, frozen=True):
    """Of an UpdateItem."""

    update: str
    condition: str
    names: dict[str, str]
    values: dict[str, Any]


def without_device(tokens: dict[str, Any], dead: DeadAddress) -> Change | None:
    """`tokens`: the attribute as DynamoDB gave it, a list or JSON text. None: nothing of it is to go."""
    names = {"#tokens": "device_tokens"}
    if "L" in tokens:
        doomed = {place: entry for place, entry in enumerate(tokens["L"]) if _is_dead(_plain(entry), dead)}
        if not doomed:
            return None
        return Change(
            # From the end, where it is the same whether places move between two removals or not.
            "REMOVE " + ", ".join(f"#tokens[{place}]" for place in reversed(doomed)),
            " AND ".join(f"#tokens[{place}] = :seen{place}" for place in doomed),
            names,
            {f":seen{place}": entry for place, entry in doomed.items()},
        )
    entries = _entries(tokens.get("S", ""))
    left = [entry for entry in entries if not _is_dead(entry, dead)]
    if len(left) == len(entries):
        return None
    text = msgspec.json.encode(left).decode()
    return Change(
        "SET #tokens = :left", "#tokens = :seen", names, {":left": {"S": text}, ":seen": {"S": tokens["S"]}}
    )


def suppression(dead: DeadAddress) -> Change:
    """A mark beside the address, which stays: it is the user's own."""
    names = {"#marks": "suppressed"}
    values: dict[str, Any] = {":mark": {"SS": [mark_of(dead.channel, dead.address)]}}
    attribute = _ADDRESSES.get(dead.channel)
    if attribute is None:
        return Change("ADD #marks :mark", "attribute_exists(#key)", names | {"#key": "user_id"}, values)
    names["#address"] = attribute
    values[":address"] = {"S": dead.address}
    return Change("ADD #marks :mark", "#address = :address", names, values)


def _entries(text: str) -> list[Any]:
    try:
        entries = msgspec.json.decode(text)
    except UNREADABLE:
        return []
    return entries if isinstance(entries, list) else []


def _plain(entry: Any) -> Any:
    try:
        return plain_item({"entry": msgspec.convert(entry, AttributeValue)})["entry"]
    except (WrongItem, msgspec.ValidationError):
        return None


def _is_dead(entry: Any, dead: DeadAddress) -> bool:
    """Of one that cannot be read nobody knows, so it stays."""
    if not isinstance(entry, dict):
        return False
    if (entry.get("deviceToken"), entry.get("platform")) != (dead.address, DEVICE_PLATFORMS.get(dead.channel)):
        return False
    registered = entry.get("registered_at")
    if registered is None:
        return True
    try:
        registered_s = float("" if isinstance(registered, bool) else registered)
    except (TypeError, ValueError):
        return False
    # A whole second was rounded down: in the same one it may have been registered later.
    return registered_s + (1.0 if registered_s.is_integer() else 0.0) <= dead.since_s
