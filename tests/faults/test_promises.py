from __future__ import annotations

from pathlib import Path

import pytest

from notifyd.sandbox.inbox import Inbox, Mail
from tests.faults.mails import Mails
from tests.faults.promises import Promise, largest


@pytest.mark.parametrize(
    ("promise", "kept"),
    [
        (Promise("lost", 0, at_most=0), True),
        (Promise("lost", 1, at_most=0), False),
        (Promise("drained", 1.9, at_least=2), False),
        (Promise("drained", 2.0, at_least=2), True),
        (Promise("takeover", None, at_most=18), False),
    ],
)
def test_a_promise_is_broken_beyond_its_bound_and_where_nothing_was_measured(promise: Promise, kept: bool) -> None:
    assert promise.is_kept is kept


def test_what_never_happened_is_the_largest_of_all() -> None:
    assert largest([1.0, None, 3.0]) is None
    assert largest([1.0, 3.0]) == 3.0


async def test_a_mail_that_comes_again_is_a_repeat_at_its_second_time(tmp_path: Path) -> None:
    journal = tmp_path / "mails.jsonl"
    inbox, mails = Inbox(journal), Mails(journal)
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
    return Mail(delivery_id, "", "", "", "", None, {}, {}, "")
