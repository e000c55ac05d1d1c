"""Judges the receiving side: which messages of the demo's world are missing, came twice, or should not be there.

It knows the generator's expectation and what arrived, nothing of the daemon between the two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from notifyd.sandbox.details import reference_of
from notifyd.sandbox.inbox import JournalEntry, read_journal
from notifyd.sandbox.population import CHAT, EMAIL, PUSH_ANDROID, PUSH_IOS, SMS, WEB_PUSH
from notifyd.sandbox.world import Mail

CHANNEL_OF = {
    **dict.fromkeys(("ses", "smtp", "sendgrid", "mailchimp"), EMAIL),
    **dict.fromkeys(("twilio", "vonage", "sns_sms"), SMS),
    **dict.fromkeys(("slack", "slack_webhook", "webhook"), CHAT),
    "apns": PUSH_IOS,
    "fcm": PUSH_ANDROID,
    "web_push": WEB_PUSH,
}
_REFERENCE = re.compile(reference_of(r"(event-\d{7})"))


class Arrival(msgspec.Struct, frozen=True):
    """A message that the receiving side took. `text`: its subject and body. `delivery_id`: where it shows one."""

    delivery_id: str
    address: str
    text: str
    provider: str = "ses"
    at_s: float = 0.0

    @property
    def channel(self) -> str:
        return CHANNEL_OF[self.provider]

    @property
    def event_id(self) -> str:
        """The event that the message shows; empty where it shows none."""
        found = _REFERENCE.search(self.text)
        return found[1] if found else ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a person would call the same message."""
        return self.event_id, self.channel, self.address


class Finding(msgspec.Struct, frozen=True):
    """`duplicated`: delivery ids that were taken more than once, with how often too many. `again`: duplicates by
    channel, of those that have any.
    """

    lost: list[Mail]
    unexpected: list[Arrival]
    duplicated: dict[str, int]
    again: dict[str, int]

    @property
    def duplicates(self) -> int:
        return sum(self.again.values())


def read_arrivals(journal: Path) -> list[Arrival]:
    """What the stand-ins took, from the lines that they write before they answer."""
    return [
        Arrival(entry.delivery_id, _address(entry), f"{entry.subject}\n{entry.text}", entry.provider, entry.time_s)
        for entry in read_journal(journal)
    ]


def _address(entry: JournalEntry) -> str:
    """Vonage writes numbers without their +."""
    return f"+{entry.address}" if entry.provider == "vonage" else entry.address


def judge(expected: frozenset[Mail], arrivals: Iterable[Arrival]) -> Finding:
    """Counts duplicates by delivery id and by what a person would call the same message; the larger count stands.

    The first alone would miss one whose id changed on the way, the second one that shows no event.
    """
    arrived = list(arrivals)
    wanted = {(mail.event_id, mail.channel, mail.address): mail for mail in expected}
    by_key = Counter(arrival.key for arrival in arrived)
    by_id = Counter((arrival.channel, arrival.delivery_id) for arrival in arrived if arrival.delivery_id)
    again: Counter[str] = Counter()
    again_by_id: Counter[str] = Counter()
    for (_, channel, _), count in by_key.items():
        again[channel] += count - 1
    for (channel, _), count in by_id.items():
        again_by_id[channel] += count - 1
    return Finding(
        lost=[mail for key, mail in wanted.items() if key not in by_key],
        unexpected=[arrival for arrival in arrived if arrival.key not in wanted],
        duplicated={delivery_id: count - 1 for (_, delivery_id), count in by_id.items() if count > 1},
        again=dict(again | again_by_id),
    )
