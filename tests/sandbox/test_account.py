from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.log_row import RowKind
from notifyd.sandbox.account import EVENT_TERMS, Row, balance

_ACCOUNTED = {"read": 3, "filtered": 1, "expanded": 2}


def _row(kind: str, *, event: str = "e1", delivery: str = "d1", reason: str = "") -> Row:
    return Row(event, delivery, kind, "ada", "payment_received", "email", reason, 1.0)


def test_a_settled_world_has_residue_0() -> None:
    account = balance([_ACCOUNTED], [_row("accepted"), _row("suppressed", event="e2", reason="opted_out")], {})
    assert account.residue == 0
    assert (account.planned, account.accepted, account.suppressed) == (2, 1, {"opted_out": 1})


def test_an_expanded_event_without_a_row_is_residue() -> None:
    account = balance([_ACCOUNTED], [_row("accepted")], {})
    assert (account.planned, account.deliveries_residue) == (2, 1)


def test_a_record_without_a_term_is_residue() -> None:
    rows = [_row("accepted"), _row("accepted", event="e2")]
    assert balance([{**_ACCOUNTED, "read": 4}], rows, {}).events_residue == 1


def test_a_deferred_delivery_that_is_on_no_queue_is_residue() -> None:
    rows = [_row("accepted"), _row("deferred", event="e2")]
    assert balance([_ACCOUNTED], rows, {}).residue == 1
    assert balance([_ACCOUNTED], rows, {"email": 1}).residue == 0


@pytest.mark.parametrize(
    ("kinds", "term"),
    [
        (["claim", "deferred", "accepted"], "accepted"),
        (["accepted", "deferred"], "accepted"),
        (["dead", "accepted"], "accepted"),
        (["deferred", "address_gone"], "rejected"),
        (["unknown", "dead"], "dead"),
        (["deferred", "expired"], "expired"),
    ],
)
def test_a_delivery_counts_once_by_how_far_it_came(kinds: list[str], term: str) -> None:
    account = balance([{"read": 1, "expanded": 1}], [_row(kind) for kind in kinds], {})
    assert account.planned == 1
    assert getattr(account, term) == 1
    assert account.residue == 0


def test_a_resend_in_doubt_is_listed() -> None:
    rows = [_row("unknown"), _row("possible_duplicate"), _row("accepted")]
    assert balance([{"read": 1, "expanded": 1}], rows, {}).in_doubt == 1


def test_rows_about_an_event_or_a_stream_are_no_deliveries() -> None:
    rows = [_row("accepted"), _row("event", delivery=""), _row("gap", event="events/1", delivery="")]
    assert balance([{"read": 1, "expanded": 1}], rows, {}).planned == 1


def test_every_kind_of_row_is_known() -> None:
    balance([], [_row(kind) for kind in RowKind], {})


@given(st.lists(st.dictionaries(st.sampled_from(EVENT_TERMS), st.integers(0, 99)), max_size=5))
def test_shards_add_up(shards: list[dict[str, float]]) -> None:
    accounted = [{"read": sum(terms.values()), **terms} for terms in shards]
    account = balance(accounted, [], {})
    assert account.events_residue == 0
    assert account.read == sum(sum(terms.values()) for terms in shards)
    assert msgspec.to_builtins(account)["events"].keys() == set(EVENT_TERMS)
