from __future__ import annotations

from pathlib import Path

from notifyd.sandbox.inbox import Inbox, Mail
from tests.faults.mails import Mails


async def test_a_mail_that_comes_again_is_a_repeat_at_its_second_time(tmp_path: Path) -> None:
    journal = tmp_path / "mails.jsonl"
    inbox: Inbox[Mail] = Inbox(journal)
    mails = Mails(journal)
    for delivery_id in ("a", "b", "a"):
        await inbox.accept([_mail(delivery_id)])
        mails.refresh()
    inbox.close()
    assert (mails.distinct, mails.repeats(0, float("inf"))) == (2, 1)
    third_s = mails.last_before(float("inf"))
    assert third_s is not None
    assert mails.repeats(0, third_s) == 0


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    journal = tmp_path / "mails.jsonl"
    line = b'{"delivery_id":"a","address":"","time_s":1.5,"subject":"","text":""}\n'
    journal.write_bytes(line + line[:20])
    mails = Mails(journal)
    mails.refresh()
    assert mails.count(0, 9) == 1
    journal.write_bytes(line + line)
    mails.refresh()
    assert mails.count(0, 9) == 2


def _mail(delivery_id: str) -> Mail:
    return Mail(delivery_id=delivery_id, address="")
