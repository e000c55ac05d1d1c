"""What a stand-in for a provider took: the last messages to read, and a journal that a kill does not lose.

The journal has a line of JSON, a JournalEntry, for each accepted message.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from notifyd.sandbox.clients import Clock
from notifyd.system import SystemClock

# What a look-up finds and a person reads; the counts go on beyond it.
_MESSAGES_KEPT = 10_000


class Message(msgspec.Struct, kw_only=True):
    """What an address would have got, of whatever channel.

    `delivery_id`: from the field that the provider has for the sender's own id, "" where there is none.
    `content`: the rest of it, decoded, as the provider's documentation names its parts.
    """

    provider: str = ""
    address: str
    delivery_id: str = ""
    subject: str = ""
    text: str = ""
    message_id: str = ""
    content: dict[str, Any] = {}
    time_s: float = 0.0
    """When it was accepted; set by the inbox."""


class Mail(Message, kw_only=True):
    """A mail as its reader would see it."""

    sender: str = ""
    html: str | None = None
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}


class JournalEntry(msgspec.Struct):
    """What a judge needs of a message: whose it is, and what it shows."""

    delivery_id: str
    address: str
    time_s: float
    subject: str
    text: str
    provider: str = ""


def read_journal(journal: Path) -> list[JournalEntry]:
    """Every message that was accepted, in the order of acceptance."""
    return [msgspec.json.decode(line, type=JournalEntry) for line in journal.read_bytes().splitlines()]


M = TypeVar("M", bound=Message)


class Inbox(Generic[M]):
    """`accept` returns when the journal holds the messages: a provider that answers after it never took too few.

    `duplicates`: how many of the accepted came with a delivery id and address that were accepted before.
    """

    def __init__(self, journal: Path | None = None, *, fsync: bool = False, clock: Clock | None = None) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.messages: deque[M] = deque(maxlen=_MESSAGES_KEPT)
        self._seen: set[tuple[str, str]] = set()
        self._clock = clock or SystemClock()
        self._fsync = fsync
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._unwritten = b""
        self._writing = asyncio.Lock()
        self._journal = None if journal is None else os.open(journal, flags, 0o600)

    @property
    def keeps_journal(self) -> bool:
        """Without one `accept` does not wait, and `keep` is all of it."""
        return self._journal is not None

    async def accept(self, messages: Sequence[M]) -> None:
        self._stamp(messages)
        if self._journal is not None and messages:
            self._unwritten += _lines(messages)
            async with self._writing:
                await self._write(self._journal)
        self._hold(messages)

    def keep(self, messages: Sequence[M]) -> None:
        """Accepts in memory alone."""
        self._stamp(messages)
        self._hold(messages)

    def find(self, *, address: str = "", delivery_id: str = "", since_s: float = 0.0) -> Iterator[M]:
        """The last ones that were accepted, oldest first. An empty string is no condition."""
        for message in self.messages:
            if (
                message.time_s >= since_s
                and (not address or message.address == address)
                and (not delivery_id or message.delivery_id == delivery_id)
            ):
                yield message

    def empty(self) -> None:
        """As if nothing had come yet; the journal stays."""
        self.accepted = self.duplicates = 0
        self.messages.clear()
        self._seen.clear()

    def close(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _stamp(self, messages: Sequence[M]) -> None:
        time_s = self._clock.now_s()
        for message in messages:
            message.time_s = time_s

    def _hold(self, messages: Sequence[M]) -> None:
        self.messages.extend(messages)
        self.accepted += len(messages)
        for message in messages:
            if not message.delivery_id:
                continue
            key = (message.delivery_id, message.address)
            if key in self._seen:
                self.duplicates += 1
            else:
                self._seen.add(key)

    async def _write(self, journal: int) -> None:
        """Whoever comes first writes for all who came meanwhile; they find nothing left to write."""
        lines, self._unwritten = self._unwritten, b""
        try:
            if lines:
                await asyncio.to_thread(self._append, journal, lines)
        except OSError:
            self._unwritten = lines + self._unwritten
            raise

    def _append(self, journal: int, lines: bytes) -> None:
        # One write of whole lines: a kill leaves no half of one behind.
        os.write(journal, lines)
        if self._fsync:
            os.fsync(journal)


def _lines(messages: Sequence[Message]) -> bytes:
    return b"".join(
        msgspec.json.encode(
            JournalEntry(
                delivery_id=message.delivery_id,
                address=message.address,
                time_s=message.time_s,
                subject=message.subject,
                text=message.text,
                provider=message.provider,
            )
        )
        + b"\n"
        for message in messages
    )
