"""The judge is judged: each way in which the receiving side can be wrong has to be seen."""

from __future__ import annotations

from notifyd.sandbox.details import reference_of
from notifyd.sandbox.oracle import Arrival, judge
from notifyd.sandbox.world import Mail

_ADA = Mail("event-0000001", "ada", "payment_received", "email", "ada@example.com")
_BEN = Mail("event-0000002", "ben", "payment_received", "email", "ben@example.com")
_EXPECTED = frozenset({_ADA, _BEN})


def _arrival(mail: Mail, delivery_id: str) -> Arrival:
    return Arrival(delivery_id, mail.address, f"Paid\nReference {reference_of(mail.event_id)}.")


def test_what_is_expected_arrives_once() -> None:
    finding = judge(_EXPECTED, [_arrival(_ADA, "A"), _arrival(_BEN, "B")])
    assert (finding.lost, finding.unexpected, finding.duplicates) == ([], [], 0)


def test_a_missing_mail_is_lost() -> None:
    assert judge(_EXPECTED, [_arrival(_ADA, "A")]).lost == [_BEN]


def test_a_mail_taken_twice_is_a_duplicate_with_its_delivery_id() -> None:
    finding = judge(
        _EXPECTED, [_arrival(_ADA, "A"), _arrival(_BEN, "B"), _arrival(_ADA, "A"), _arrival(_ADA, "A")]
    )
    assert finding.duplicates == 2
    assert finding.duplicated == {"A": 2}


def test_a_duplicate_under_another_delivery_id_is_seen() -> None:
    finding = judge(_EXPECTED, [_arrival(_ADA, "A"), _arrival(_BEN, "B"), _arrival(_ADA, "C")])
    assert finding.duplicates == 1


def test_a_delivery_id_used_for_two_mails_is_seen() -> None:
    assert judge(_EXPECTED, [_arrival(_ADA, "A"), _arrival(_BEN, "A")]).duplicates == 1


def test_a_mail_to_the_wrong_person_is_unexpected_and_the_right_one_lost() -> None:
    wrong = Arrival("A", _BEN.address, reference_of(_ADA.event_id))
    finding = judge(frozenset({_ADA}), [wrong])
    assert finding.unexpected == [wrong]
    assert finding.lost == [_ADA]


def test_a_mail_that_shows_no_event_is_unexpected() -> None:
    blank = Arrival("A", _ADA.address, "nothing to see")
    assert judge(frozenset({_ADA}), [blank]).unexpected == [blank]
