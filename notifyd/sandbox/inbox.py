"""What a stand-in for a provider took: the last mails to read, and a journal that a kill does not lose.

The journal has a line of JSON, a JournalEntry, for each accepted mail.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

_MAILS_KEPT = 1000


class Mail(msgspec.Struct):
    """A mail as its reader would see it."""

    delivery_id: str
    address: str
    sender: str
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    tags: dict[str, str]
    message_id: str


class JournalEntry(msgspec.Struct):
    """What a judge needs of a mail: whose it is, and what it shows."""

    delivery_id: str
    address: str
    time_s: float
    subject: str
    text: str


def read_journal(journal: Path) -> list[JournalEntry]:
    """Every mail that was accepted, in the order of acceptance."""
    return [msgspec.json.decode(line, type=JournalEntry) for line in journal.read_bytes().splitlines()]


class Inbox:
    """`accept` returns when the journal holds the mails: a provider that answers after it never took too few."""

    def __init__(self, journal: Path | None = None, *, fsync: bool = False) -> None:
        self.accepted = 0
        self.mails: deque[Mail] = deque(maxlen=_MAILS_KEPT)
        self._fsync = fsync
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._journal = None if journal is None else os.open(journal, flags, 0o600)

    async def accept(self, mails: Sequence[Mail]) -> None:
        if self._journal is not None and mails:
            await asyncio.to_thread(self._append, self._journal, _lines(mails))
        self.mails.extend(mails)
        self.accepted += len(mails)

    def close(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _append(self, journal: int, lines: bytes) -> None:
        # One write of whole lines: a kill leaves no half of one behind.
        os.write(journal, lines)
        if self._fsync:
            os.fsync(journal)


def _lines(mails: Sequence[Mail]) -> bytes:
    time_s = time.time()  # noqa: TID251 - a stand-in lives outside the program, on the machine's clock
    entries = [JournalEntry(mail.delivery_id, mail.address, time_s, mail.subject, mail.text) for mail in mails]
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
