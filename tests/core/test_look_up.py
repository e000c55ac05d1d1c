"""What proves that a delivery was taken, and how long a doubt may last."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifyd.core.log_row import FEEDBACK, LogRow, RowKind
from notifyd.core.look_up import gives_up_at_s, pause_s, proof_of_acceptance

WAIT_S = 900.0


def _row(kind: RowKind, delivery_id: str = "d1", position: str = "s/shard-0/1:0") -> LogRow:
    return LogRow("evt-1", delivery_id, 1, kind, position, 1.0, 2)


@pytest.mark.parametrize("kind", sorted({RowKind.ACCEPTED} | FEEDBACK))
def test_the_providers_word_and_each_kind_of_feedback_prove_acceptance(kind: RowKind) -> None:
    row = _row(kind, position="")
    assert proof_of_acceptance([_row(RowKind.UNKNOWN), row], "d1") is row


@pytest.mark.parametrize("kind", sorted(set(RowKind) - {RowKind.ACCEPTED} - FEEDBACK))
def test_nothing_else_does(kind: RowKind) -> None:
    assert proof_of_acceptance([_row(kind)], "d1") is None


def test_another_deliverys_rows_prove_nothing() -> None:
    assert proof_of_acceptance([_row(RowKind.ACCEPTED, "d2"), _row(RowKind.DELIVERED, "d2")], "d1") is None


def test_the_providers_own_word_goes_before_feedback_that_came_first() -> None:
    accepted = _row(RowKind.ACCEPTED)
    assert proof_of_acceptance([_row(RowKind.DELIVERED), accepted], "d1") is accepted


def test_a_doubt_waits_its_time_but_never_into_the_second_half_of_what_is_left_to_the_deadline() -> None:
    assert gives_up_at_s(1_000.0, 90_000.0, WAIT_S) == 1_900.0
    assert gives_up_at_s(1_000.0, 1_600.0, WAIT_S) == 1_300.0
    assert gives_up_at_s(1_000.0, 900.0, WAIT_S) == 1_000.0


@example([0.0] * 20)
@given(st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=20, max_size=20))
def test_a_doubt_is_looked_into_a_bounded_number_of_times(fractions: list[float]) -> None:
    doubted_for_s, look_ups = 0.0, 0
    for fraction in fractions:
        if doubted_for_s >= WAIT_S:
            break
        doubted_for_s += pause_s(doubted_for_s, fraction)
        look_ups += 1
    assert doubted_for_s >= WAIT_S
    assert look_ups <= 15
