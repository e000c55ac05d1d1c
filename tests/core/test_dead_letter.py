from __future__ import annotations

import msgspec
import pytest

from notifyd.core.channel import Channel
from notifyd.core.dead_letter import DeadFilter, Fate, Redrive, fate_of
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.retry_message import Attempted, DeadMessage, RetryMessage

NOW_S = 1_700_000_000.0
HOW = Redrive(NOW_S)
DELIVERY = RetryMessage(
    delivery_id="D1",
    event_id="E1",
    position="s/1/2",
    user_id="u1",
    type_name="paid",
    channel=Channel.EMAIL,
    address="u1@example.com",
    attempt=4,
    arrival_s=NOW_S - 100,
    deadline_at_s=NOW_S + 1000,
    not_before_s=NOW_S - 10,
    event={"id": "E1"},
    story=(Attempted(3, NOW_S - 20, "deferred", "provider_error"),),
)
DEAD = DeadMessage("attempts", NOW_S - 5, "s/1/2", delivery=DELIVERY)


def _row(kind: RowKind, attempt: int = 3, delivery_id: str = "D1") -> LogRow:
    return LogRow("E1", delivery_id, attempt, kind, "s/1/2", NOW_S - 20, 0)


ROWS = [_row(RowKind.DEFERRED, 1), _row(RowKind.DEFERRED, 2), _row(RowKind.DEAD, 3)]


def test_a_redrive_begins_a_new_story_under_the_next_number() -> None:
    fate, message = fate_of(DEAD, [*ROWS, _row(RowKind.CLAIM, 6)], HOW)
    assert fate is Fate.REDRIVEN
    assert message is not None
    assert (message.attempt, message.story, message.not_before_s) == (7, (), NOW_S)
    assert (message.delivery_id, message.address) == ("D1", "u1@example.com")
    assert not message.in_doubt


@pytest.mark.parametrize("kind", [RowKind.ACCEPTED, RowKind.DELIVERED, RowKind.OPENED])
def test_what_was_taken_since_is_never_sent_again(kind: RowKind) -> None:
    assert fate_of(DEAD, [*ROWS, _row(kind)], Redrive(NOW_S, force=True)) == (Fate.ACCEPTED_SINCE, None)


def test_a_delivery_whose_event_was_cut_short_stays_for_a_replay() -> None:
    cut = DeadMessage("payload_too_large", NOW_S, "s/1/2", DELIVERY, body_base64="e30=", body_bytes=2_000_000)
    assert fate_of(cut, ROWS, HOW) == (Fate.NO_DELIVERY, None)
    assert fate_of(cut, [*ROWS, _row(RowKind.ACCEPTED)], HOW) == (Fate.ACCEPTED_SINCE, None)


def test_rows_of_other_deliveries_say_nothing_of_this_one() -> None:
    assert fate_of(DEAD, [*ROWS, _row(RowKind.ACCEPTED, delivery_id="D2")], HOW)[0] is Fate.REDRIVEN


@pytest.mark.parametrize(
    ("dead", "rows"),
    [
        (msgspec.structs.replace(DEAD, delivery=msgspec.structs.replace(DELIVERY, in_doubt=True)), ROWS),
        (DEAD, [*ROWS, _row(RowKind.UNKNOWN)]),
    ],
)
def test_what_may_have_been_sent_stays_unless_forced_and_is_then_flagged(
    dead: DeadMessage, rows: list[LogRow]
) -> None:
    assert fate_of(dead, rows, HOW) == (Fate.IN_DOUBT, None)
    fate, message = fate_of(dead, rows, Redrive(NOW_S, force=True))
    assert fate is Fate.REDRIVEN
    assert message is not None
    assert message.in_doubt


def test_what_is_past_its_deadline_stays_unless_it_gets_a_new_one() -> None:
    late = Redrive(NOW_S + 2000)
    assert fate_of(DEAD, ROWS, late) == (Fate.PAST_DEADLINE, None)
    fate, message = fate_of(DEAD, ROWS, Redrive(NOW_S + 2000, deadline_at_s=NOW_S + 3000))
    assert fate is Fate.REDRIVEN
    assert message is not None
    assert message.deadline_at_s == NOW_S + 3000


def test_a_malformed_event_is_no_delivery() -> None:
    assert fate_of(DeadMessage("malformed", NOW_S, "s/1/9", body_base64="e30="), [], HOW)[0] is Fate.NO_DELIVERY


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (DeadFilter(), True),
        (DeadFilter(type_name="paid", reason="att", from_s=NOW_S - 5, to_s=NOW_S, delivery_id="D1"), True),
        (DeadFilter(type_name="other"), False),
        (DeadFilter(reason="deadline"), False),
        (DeadFilter(from_s=NOW_S), False),
        (DeadFilter(to_s=NOW_S - 5), False),
        (DeadFilter(delivery_id="D2"), False),
    ],
)
def test_a_filter_passes_what_meets_all_of_it(wanted: DeadFilter, passes: bool) -> None:
    assert wanted.passes(DEAD) is passes


def test_what_is_no_delivery_passes_no_filter_that_asks_for_one() -> None:
    malformed = DeadMessage("malformed", NOW_S, "s/1/9")
    assert DeadFilter(reason="malformed").passes(malformed)
    assert not DeadFilter(type_name="paid").passes(malformed)
    assert not DeadFilter(delivery_id="D1").passes(malformed)
