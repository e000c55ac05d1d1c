"""The inbox counts what comes twice, finds what it holds, and its journal has all that was accepted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifyd.sandbox.inbox import Inbox, Message, read_journal
from tests.fakes.system import FakeClock

FULL = Path("/dev/full")


def _message(delivery_id: str, address: str = "ann") -> Message:
    return Message(delivery_id=delivery_id, address=address, text="Paid")


async def test_the_journal_has_every_message_of_those_that_come_at_once(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    inbox: Inbox[Message] = Inbox(journal)
    accepting = [inbox.accept([_message(f"{number}a"), _message(f"{number}b")]) for number in range(100)]
    await asyncio.gather(*accepting)
    inbox.close()
    lines = [entry.delivery_id for entry in await asyncio.to_thread(read_journal, journal)]
    assert sorted(lines) == sorted(f"{number}{part}" for number in range(100) for part in "ab")
    assert inbox.accepted == 200


async def test_what_is_accepted_is_in_the_journal_by_then(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    inbox: Inbox[Message] = Inbox(journal)

    async def accept(delivery_id: str) -> None:
        await inbox.accept([_message(delivery_id)])
        assert delivery_id in [entry.delivery_id for entry in await asyncio.to_thread(read_journal, journal)]

    await asyncio.gather(*(accept(str(number)) for number in range(50)))
    inbox.close()


@pytest.mark.skipif(not FULL.exists(), reason="there is no device here that is always full")
async def test_a_journal_that_cannot_be_written_accepts_nothing() -> None:
    inbox: Inbox[Message] = Inbox(FULL)
    results = await asyncio.gather(
        *(inbox.accept([_message(str(number))]) for number in range(5)), return_exceptions=True
    )
    inbox.close()
    assert [type(result) for result in results] == [OSError] * 5
    assert inbox.accepted == 0


def test_the_same_delivery_to_the_same_address_is_a_duplicate() -> None:
    inbox: Inbox[Message] = Inbox()
    inbox.keep([_message("D1"), _message("D1", "ben"), _message("D1"), _message(""), _message("")])
    assert (inbox.accepted, inbox.duplicates) == (5, 1)
    inbox.empty()
    inbox.keep([_message("D1")])
    assert (inbox.accepted, inbox.duplicates) == (1, 0)


def test_it_finds_by_address_delivery_and_time(clock: FakeClock) -> None:
    inbox: Inbox[Message] = Inbox(clock=clock)
    inbox.keep([_message("D1"), _message("D2", "ben")])
    clock.advance(60)
    later_s = clock.now_s()
    inbox.keep([_message("D3")])
    assert [found.delivery_id for found in inbox.find(address="ann")] == ["D1", "D3"]
    assert [found.delivery_id for found in inbox.find(delivery_id="D2")] == ["D2"]
    assert [found.delivery_id for found in inbox.find(since_s=later_s)] == ["D3"]
