"""What the demo's events say: made up, with every character that a template could get wrong."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded by the caller: the same details every time
from typing import Any

_CURRENCIES = ("EUR", "GBP", "JPY", "USD")
_DEVICES = ("Firefox on Linux", "Safari on iPhone", "Édith's Pixel", "Chrome <beta> on Windows")
_PLACES = ("Lyon, France", "Malmö, Sweden", "Porto, Portugal", "Łódź, Poland")
_SERVICES = ("checkout", "search", "ledger & payouts")


def reference_of(event_id: str) -> str:
    """What a message of the event shows, so that the receiving side can tell which event it came from."""
    return f"Nº {event_id}"


def payment(event_id: str, user_id: str, random: Random) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "amount": f"{random.randint(100, 500_000) / 100:.2f}",
        "currency": random.choice(_CURRENCIES),
        "payer": f"Shop {random.randint(1, 40)} & Söhne",
        "reference": reference_of(event_id),
    }


def summary(event_id: str, user_ids: list[str], random: Random) -> dict[str, Any]:
    items = [
        {"title": f"Shop {shop} <now {random.randint(5, 70)} % off>", "url": f"https://example.com/shops/{shop}"}
        for shop in random.sample(range(1, 41), random.randint(0, 3))
    ]
    return {"user_ids": user_ids, "headline": f"Your week, {reference_of(event_id)}", "items": items}


def sign_in(event_id: str, user_id: str, random: Random) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "device": random.choice(_DEVICES),
        "place": random.choice(_PLACES),
        "url": "https://example.com/security",
        "reference": reference_of(event_id),
    }


def incident(event_id: str, on_call: list[str], random: Random) -> dict[str, Any]:
    service = random.choice(_SERVICES)
    return {
        "on_call": on_call,
        "service": service,
        "severity": random.choice(("critical", "minor")),
        "summary": f"p99 > {random.randint(1, 9)} s <!here>",
        "url": "https://example.com/runbooks",
        "reference": reference_of(event_id),
    }
