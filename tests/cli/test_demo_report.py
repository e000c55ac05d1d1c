from __future__ import annotations

import msgspec
import pytest

from notifyd.cli.demo.report import faults, make_report, quantile
from notifyd.sandbox.account import Row, balance
from notifyd.sandbox.details import reference_of
from notifyd.sandbox.oracle import Arrival, Finding, judge
from notifyd.sandbox.world import ExpectedAccount, Mail

_KEYS = [
    *("events_in", "before_start", "filtered", "unmatched", "malformed", "duplicate", "expanded"),
    *("planned", "accepted", "suppressed", "rejected", "expired", "waiting", "dead", "in_doubt"),
    *("residue", "lost", "duplicates", "events_per_s", "p50_ms", "p99_ms"),
]
_MAIL = Mail("event-0000001", "ada", "payment_received", "email", "ada@example.com")
_EXPECTED = ExpectedAccount(
    events_in=3, filtered=1, expanded=2, planned=2, accepted=1, suppressed={"opted_out": 1}
)
_ACCOUNTED = {"read": 3, "filtered": 1, "expanded": 2}
_ROWS = [
    Row(_MAIL.event_id, "d1", "accepted", "ada", "payment_received", "email", "", 100.2),
    Row("event-0000002", "d2", "suppressed", "ben", "payment_received", "email", "opted_out", 100.1),
]
_PRODUCED = {_MAIL.event_id: 100.0, "event-0000002": 100.05}


def _finding(*arrivals: Arrival) -> Finding:
    return judge(frozenset({_MAIL}), arrivals)


def _arrival() -> Arrival:
    return Arrival("d1", _MAIL.address, reference_of(_MAIL.event_id))


def test_the_json_has_exactly_the_promised_keys_in_their_order() -> None:
    report = make_report(_EXPECTED, balance([_ACCOUNTED], _ROWS, {}), _finding(_arrival()), _ROWS, _PRODUCED)
    assert list(msgspec.json.decode(msgspec.json.encode(report))) == _KEYS
    assert (report.residue, report.lost, report.duplicates) == (0, 0, 0)
    assert report.p50_ms == pytest.approx(200)
    assert report.events_per_s == pytest.approx(15)
    assert faults(report, _EXPECTED, _finding(_arrival())) == []


def test_a_record_that_was_never_read_is_residue() -> None:
    account = balance([{"read": 2, "expanded": 2}], _ROWS, {})
    report = make_report(_EXPECTED, account, _finding(_arrival()), _ROWS, _PRODUCED)
    assert report.residue == 1


def test_lost_and_doubled_mails_are_named() -> None:
    account = balance([_ACCOUNTED], _ROWS, {})
    for finding, word in ((_finding(), "lost"), (_finding(_arrival(), _arrival()), "duplicates")):
        report = make_report(_EXPECTED, account, finding, _ROWS, _PRODUCED)
        assert faults(report, _EXPECTED, finding) == [f"{word} is 1, not 0"]


def test_an_account_other_than_the_expected_is_a_fault_even_without_residue() -> None:
    rows = [_ROWS[0], msgspec.structs.replace(_ROWS[1], reason="no_address")]
    finding = _finding(_arrival())
    report = make_report(_EXPECTED, balance([_ACCOUNTED], rows, {}), finding, rows, _PRODUCED)
    assert report.residue == 0
    assert faults(report, _EXPECTED, finding) == [
        "suppressed is {'no_address': 1}; the generator expects {'opted_out': 1}"
    ]


def test_a_mail_that_was_not_due_is_a_fault() -> None:
    finding = _finding(_arrival(), Arrival("d9", "eve@example.com", ""))
    report = make_report(_EXPECTED, balance([_ACCOUNTED], _ROWS, {}), finding, _ROWS, _PRODUCED)
    assert faults(report, _EXPECTED, finding) == [
        "1 messages went where none was due, the first to eve@example.com"
    ]


@pytest.mark.parametrize(("fraction", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_quantile_is_one_of_the_values(fraction: float, value: float) -> None:
    assert quantile([float(number) for number in range(1, 101)], fraction) == value
    assert quantile([], fraction) == 0.0
