"""Judges the receiving side: which mails of the demo's world are missing, came twice, or should not be there.

It knows the generator's expectation and what arrived, nothing of the daemon between the two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from notifyd.sandbox.inbox import read_journal
from notifyd.sandbox.world import Mail, reference_of

_REFERENCE = re.compile(reference_of(r"(event-\d{7})"))


class Arrival(msgspec.Struct, frozen=True):
    """A mail that the receiving side took. `text`: its subject and body."""

    delivery_id: str
    address: str
    text: str

    @property
    def event_id(self) -> str:
        """The event that the mail shows; empty where it shows none."""
        found = _REFERENCE.search(self.text)
        return found[1] if found else ""


class Finding(msgspec.Struct, frozen=True):
    """`duplicated`: delivery ids that were taken more than once, with how often too many."""

    lost: list[Mail]
    unexpected: list[Arrival]
    duplicated: dict[str, int]
    duplicates: int


def read_arrivals(journal: Path) -> list[Arrival]:
    """What the stand-in for SES took, from the lines that it writes before it answers."""
    return [
        Arrival(entry.delivery_id, entry.address, f"{entry.subject}\n{entry.text}")
        for entry in read_journal(journal)
    ]


def judge(expected: frozenset[Mail], arrivals: Iterable[Arrival]) -> Finding:
    """Counts duplicates by delivery id and by what a person would call the same mail; the larger count stands.

    The first alone would miss one whose id changed on the way, the second one that shows no event.
    """
    arrived = list(arrivals)
    wanted = {(mail.event_id, mail.address): mail for mail in expected}
    by_mail = Counter((arrival.event_id, arrival.address) for arrival in arrived)
    by_id = Counter(arrival.delivery_id for arrival in arrived)
    duplicated = {delivery_id: count - 1 for delivery_id, count in by_id.items() if count > 1}
    return Finding(
        lost=[mail for key, mail in wanted.items() if key not in by_mail],
        unexpected=[arrival for arrival in arrived if (arrival.event_id, arrival.address) not in wanted],
        duplicated=duplicated,
        duplicates=max(sum(duplicated.values()), sum(count - 1 for count in by_mail.values())),
    )
