"""What an audit calls residue, and what it leaves to the daemon."""

from __future__ import annotations

import pytest

from notifyd.core.channel import Channel
from notifyd.core.log_row import RowKind
from notifyd.core.retry_message import RetryMessage
from notifyd.errors import Throttled
from tests.support.audit_rig import AuditRig


async def test_a_settled_user_without_a_row_is_residue_and_an_unsettled_one_in_flight() -> None:
    rig = AuditRig()
    first, second = rig.put("e-1", "a", "b"), rig.put("e-2", "c")
    third = rig.put("e-3", "d")
    await rig.tell(first, "e-1", "a")
    rig.reached(first, claimed=second)
    report = await rig.audit()
    assert [(one.event_id, one.user_id) for one in report.missing] == [("e-1", "b")]
    assert (report.residue, report.unread, report.deliveries["in_flight"]) == (1, 1, 1)
    assert not report.holds

    for position, event_id, user_id in ((first, "e-1", "b"), (second, "e-2", "c"), (third, "e-3", "d")):
        await rig.tell(position, event_id, user_id)
    rig.reached(third)
    report = await rig.audit()
    assert (report.residue, report.deliveries["accepted"], report.holds) == (0, 4, True)
    assert report.events["read"] == report.events["expanded"] == 3


async def test_without_a_readable_item_nothing_is_called_settled() -> None:
    rig = AuditRig()
    rig.table.damage(rig.reached(rig.put("e-1", "a")).key)
    report = await rig.audit()
    assert (report.residue, report.deliveries["in_flight"]) == (0, 1)
    assert len(report.unknown_shards) == 1


async def test_a_ledger_whose_own_counts_do_not_add_up_is_residue() -> None:
    rig = AuditRig()
    rig.reached(None, accounted={"read": 7, "filtered": 5})
    assert (await rig.audit()).residue == 2


async def test_what_waits_without_a_message_is_residue_and_with_one_is_not() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a", "b")
    rows = [await rig.tell(position, "e-1", user, RowKind.DEFERRED) for user in "ab"]
    rig.reached(position)
    await rig.queue.put([_message(rows[0].delivery_id)])
    report = await rig.audit()
    assert (report.residue, report.stranded_count, report.deliveries["waiting"]) == (1, 1, 1)
    assert {row.user_id for row in report.stranded} == {"a", "b"}
    await rig.queue.put([_message(rows[1].delivery_id)])
    assert (await rig.audit()).residue == 0


async def test_what_is_stranded_is_counted_beyond_what_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifyd.audit.auditor.LISTED_MAX", 2)
    rig = AuditRig()
    position = rig.put("e-1", *"abcdef")
    rows = [await rig.tell(position, "e-1", user, RowKind.DEFERRED) for user in "abcdef"]
    rig.reached(position)
    await rig.queue.put([_message(row.delivery_id) for row in rows[:3]])
    report = await rig.audit()
    assert (report.residue, report.stranded_count, report.deliveries["waiting"]) == (3, 3, 3)
    assert len(report.stranded) == 2


async def test_a_duplicate_of_what_is_still_in_flight_is_no_residue() -> None:
    rig = AuditRig()
    first, second = rig.put("e-1", "a"), rig.put("e-1", "a")
    await rig.call_duplicate(second, "e-1", first)
    rig.reached(None, claimed=second)
    report = await rig.audit()
    assert (report.events["duplicate"], report.events["expanded"]) == (1, 1)
    assert (report.residue, report.deliveries["in_flight"]) == (0, 1)


async def test_a_gap_that_was_noticed_in_the_stretch_is_no_clean_audit() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a")
    await rig.tell(position, "e-1", "a")
    item = rig.reached(position)
    await rig.tell(position, f"gap#{item.key}", "", RowKind.GAP)
    report = await rig.audit()
    assert (report.residue, len(report.gaps), report.holds) == (0, 1, False)


async def test_a_throttled_read_is_made_again() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a")
    await rig.tell(position, "e-1", "a")
    rig.reached(position)
    throttled = Throttled("GetRecords", "LimitExceededException", "slow down", status=400)
    rig.source.fail_next("shard-0", throttled, throttled)
    assert (await rig.audit()).events["read"] == 1


def _message(delivery_id: str) -> RetryMessage:
    return RetryMessage(
        delivery_id=delivery_id,
        event_id="e-1",
        position="",
        user_id="a",
        type_name="paid",
        channel=Channel.EMAIL,
        address="a@example.com",
        attempt=2,
        arrival_s=0.0,
        deadline_at_s=1.0,
        not_before_s=0.0,
        event=None,
    )
