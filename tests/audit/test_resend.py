"""What replay hands to the retry queues, and what it compares in the shadow."""

from __future__ import annotations

import pytest

from notifyd.core.log_row import RowKind
from notifyd.core.retry_message import RetryMessage
from notifyd.core.user import UserSettings
from tests.support.audit_rig import PAID, AuditRig
from tests.support.catalog_examples import notification_type


def _raise(*_: object) -> bool:
    raise RuntimeError("a filter's own fault")


@pytest.mark.parametrize(
    ("kind", "queued"),
    [
        (RowKind.ACCEPTED, 0),
        (RowKind.REJECTED, 0),
        (RowKind.ADDRESS_GONE, 0),
        (RowKind.SUPPRESSED, 0),
        (RowKind.EXPIRED, 0),
        (RowKind.DEAD, 0),
        (RowKind.DEFERRED, 1),
        (RowKind.UNKNOWN, 1),
        (RowKind.CLAIM, 1),
    ],
)
async def test_only_what_has_no_final_row_is_queued(kind: RowKind, queued: int) -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a")
    await rig.tell(position, "e-1", "a", kind)
    rig.reached(position)
    assert (await rig.resend()).queued == len(rig.queue.messages) == queued


@pytest.mark.parametrize("logged", [True, False])
async def test_a_duplicate_is_not_queued_whether_the_first_is_logged_or_not(logged: bool) -> None:
    rig = AuditRig()
    first, second = rig.put("e-1", "a"), rig.put("e-1", "a")
    if logged:
        await rig.tell(first, "e-1", "a")
    else:
        await rig.call_duplicate(second, "e-1", first)
    rig.reached(second)
    assert [message.position.rpartition("/")[2] for message in await _queued(rig)] == (
        [] if logged else [first.text()]
    )
    assert (await rig.compare()).compared == 1


async def _queued(rig: AuditRig) -> list[RetryMessage]:
    await rig.resend()
    return rig.queue.messages


async def test_a_message_races_for_the_claim_of_the_attempt_that_is_due() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a", "b", "c")
    told = await rig.tell(position, "e-1", "a", RowKind.DEFERRED, attempt=1)
    await rig.tell(position, "e-1", "a", RowKind.UNKNOWN, attempt=2)
    claimed = await rig.tell(position, "e-1", "b", RowKind.CLAIM)
    rig.reached(position)
    await rig.resend()
    again, undone, fresh = rig.queue.messages
    assert (again.delivery_id, again.attempt, again.in_doubt) == (told.delivery_id, 3, True)
    assert [one.attempt for one in again.story] == [1, 2]
    assert (undone.delivery_id, undone.attempt) == (claimed.delivery_id, 1)
    assert (fresh.user_id, fresh.attempt, fresh.in_doubt) == ("c", 1, False)
    assert fresh.position.endswith(position.text())


async def test_what_the_ledger_does_not_call_settled_is_left_to_the_daemon() -> None:
    rig = AuditRig()
    rig.put("e-1", "a")
    resent = await rig.resend()
    assert (resent.unsettled, resent.queued, rig.queue.messages) == (1, 0, [])


async def test_an_event_that_was_told_at_another_position_is_not_sent_for_this_one() -> None:
    rig = AuditRig()
    first, second = rig.put("e-1", "a"), rig.put("e-1", "a")
    await rig.tell(first, "e-1", "a")
    rig.reached(second)
    assert (await rig.resend()).queued == 0


async def test_a_look_beforehand_changes_nothing() -> None:
    rig = AuditRig()
    rig.directory.settings["b"] = UserSettings("b", opted_out=True)
    rig.reached(rig.put("e-1", "a", "b"))
    looked = await rig.resend(write=False)
    assert (looked.queued, looked.suppressed, rig.queue.messages, rig.log.rows) == (1, 1, [], [])
    done = await rig.resend()
    assert (done.queued, done.suppressed) == (1, 1)
    assert [(row.user_id, row.reason) for row in rig.log.rows] == [("b", "opted_out")]


async def test_a_filter_that_raises_is_left_and_said() -> None:
    rig = AuditRig([notification_type(users=PAID.users, filter=_raise)])
    rig.reached(rig.put("e-1", "a"))
    resent = await rig.resend()
    assert (resent.undecided, resent.queued) == (1, 0)


async def test_the_shadow_compares_the_first_decision_not_what_came_of_it() -> None:
    rig = AuditRig()
    position = rig.put("e-1", "a", "b")
    await rig.tell(position, "e-1", "a", RowKind.DEFERRED, attempt=1)
    await rig.tell(position, "e-1", "a", RowKind.SUPPRESSED, attempt=2, reason="opted_out")
    await rig.tell(position, "e-1", "b", RowKind.SUPPRESSED, reason="no_address")
    rig.reached(position)
    comparison = await rig.compare()
    assert (comparison.compared, comparison.equal) == (2, 1)
    [kind] = comparison.kinds
    assert (kind.recorded, kind.decided, kind.count) == ("suppressed: no_address", "send", 1)
    assert rig.queue.messages == []
