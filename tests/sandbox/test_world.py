from __future__ import annotations

from collections import Counter

import pytest

from notifyd.sandbox.population import Kind, make_users
from notifyd.sandbox.world import SourceKind, make_world


def test_the_same_seed_makes_the_same_world() -> None:
    assert make_world(7, 300, SourceKind.KINESIS) == make_world(7, 300, SourceKind.KINESIS)
    assert make_world(7, 300, SourceKind.KINESIS) != make_world(8, 300, SourceKind.KINESIS)


@pytest.mark.parametrize("source", SourceKind)
@pytest.mark.parametrize("count", [6, 300])
def test_both_equations_hold_of_what_is_expected(source: SourceKind, count: int) -> None:
    account = make_world(3, count, source).account
    assert account.events_in == count
    assert account.events_in == account.filtered + account.unmatched + account.malformed + account.expanded
    assert account.planned == account.accepted + sum(account.suppressed.values())


def test_every_fate_and_every_kind_of_user_is_there() -> None:
    account = make_world(1, 6, SourceKind.DYNAMODB).account
    assert min(account.filtered, account.unmatched, account.malformed) == 1
    assert account.expanded == 3
    assert set(Kind) == {user.kind for user in make_users(1, 20)}


def test_each_mail_that_has_to_arrive_is_of_another_event_or_address() -> None:
    world = make_world(2, 500, SourceKind.DYNAMODB)
    mails = Counter((mail.event_id, mail.address) for mail in world.mails)
    assert len(mails) == world.account.accepted
    assert any(count > 1 for count in Counter(mail.event_id for mail in world.mails).values()), "no fan-out"


def test_nobody_who_said_no_is_expected_to_be_written_to() -> None:
    world = make_world(4, 1000, SourceKind.DYNAMODB)
    by_id = {user.user_id: user for user in world.users}
    silent = {Kind.OPTED_OUT, Kind.SMS_ONLY, Kind.WITHOUT_ADDRESS, Kind.UNKNOWN}
    assert not [mail for mail in world.mails if by_id[mail.user_id].kind in silent]
    assert set(world.account.suppressed) == {"no_address", "opted_out"}


def test_only_kinesis_holds_bytes_that_are_no_envelope() -> None:
    assert not [event for event in make_world(5, 500, SourceKind.DYNAMODB).events if event.raw is not None]
    in_kinesis = make_world(5, 500, SourceKind.KINESIS)
    raw = [event for event in in_kinesis.events if event.raw is not None]
    assert len(raw) == in_kinesis.account.malformed > 0
