"""What of an event's deliveries a replay still has to do."""

from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Event
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.replay import left_to_do
from notifyd.core.retry_message import RetryMessage
from notifyd.core.sequence import Position
from notifyd.core.suppression import Planned
from tests.support.catalog_examples import notification_type

POSITION = "shop/shard-0/1:0"
IDENTITY = Identity([("1", b"a key of sixteen")])
EVENT = Event("e-1", "shop", ("paid",), {}, {"id": "e-1"}, 1.0, Position("1"))


def _id_of(address: str) -> str:
    return IDENTITY.delivery_id("e-1", "ann", "paid", Channel.PUSH_IOS, address)


def _row(address: str, kind: RowKind, attempt: int = 1) -> LogRow:
    return LogRow("e-1", _id_of(address), attempt, kind, POSITION, 1.0, 2, "ann", "paid", channel=Channel.PUSH_IOS)


def _left(addresses: list[str], *rows: LogRow) -> list[RetryMessage]:
    planned = [Planned(Channel.PUSH_IOS, address) for address in addresses]
    push = notification_type(channels=(Channel.PUSH_IOS,))
    return left_to_do(EVENT, push, "ann", planned, rows, position=POSITION, identity=IDENTITY, now_s=2.0).messages


def test_each_of_a_users_devices_goes_on_under_its_own_id_and_number() -> None:
    left = _left(["a", "b"], _row("a", RowKind.DEFERRED, 1), _row("b", RowKind.DEFERRED, 3))
    assert [(one.address, one.delivery_id, one.attempt) for one in left] == [
        ("a", _id_of("a"), 2),
        ("b", _id_of("b"), 4),
    ]


def test_what_one_device_got_is_not_taken_for_what_waits_for_another() -> None:
    left = _left(["a", "b"], _row("a", RowKind.ACCEPTED), _row("b", RowKind.DEFERRED))
    assert [one.address for one in left] == ["b"]


def test_a_changed_address_goes_on_under_the_old_id() -> None:
    [message] = _left(["new"], _row("old", RowKind.DEFERRED, 2))
    assert (message.address, message.delivery_id, message.attempt) == ("new", _id_of("old"), 3)


def test_of_two_changed_addresses_each_goes_on_under_one_of_the_old_ids() -> None:
    left = _left(["c", "d"], _row("a", RowKind.DEFERRED), _row("b", RowKind.DEFERRED))
    assert {one.delivery_id for one in left} == {_id_of("a"), _id_of("b")}


def test_what_the_channel_got_before_a_device_was_new_is_not_sent_to_that_device() -> None:
    assert not _left(["a", "new"], _row("a", RowKind.ACCEPTED))
    assert not _left(["new"], _row("old", RowKind.REJECTED))


def test_what_a_filter_buried_is_sent_on_none_of_its_types_channels() -> None:
    buried = LogRow(
        "e-1", "any", 0, RowKind.DEAD, POSITION, 1.0, 2, "ann", "paid", Channel.SMS, reason="filter_raised"
    )
    assert not _left(["a"], buried)
    assert _left(["a"], msgspec.structs.replace(buried, attempt=2))
