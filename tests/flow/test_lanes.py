"""What waits for one account: transactional first, groups in turn, and what is put back keeps its turn."""

from __future__ import annotations

from itertools import count
from typing import cast

from notifyd.core.channel import Channel, Lane
from notifyd.core.kept_event import Known
from notifyd.core.message import Sms
from notifyd.flow.lanes import Lanes
from notifyd.flow.ticket import Ticket, TicketOwner
from tests.support.deliveries import delivery_of

_NUMBERS = count()


def ticket(group: str, lane: Lane = Lane.TRANSACTIONAL) -> Ticket:
    delivery = delivery_of(Sms("x"), Channel.SMS, group, lane=lane, delivery_id=f"{group}{next(_NUMBERS)}")
    return Ticket(delivery, cast(TicketOwner, None), 0, "", Known({}), 0.0)


def lanes_of(*tickets: Ticket) -> Lanes:
    lanes = Lanes(lambda one: one.address)
    lanes.push(tickets, 0.0)
    return lanes


def drained(lanes: Lanes, batch_max: int = 1) -> list[Ticket]:
    order: list[Ticket] = []
    while (choice := lanes.choose(0.0, batch_max=batch_max, linger_s=0.0, pace=None)) is not None:
        order += lanes.pop(choice, batch_max)
    return order


def test_groups_take_turns_and_bulk_comes_last() -> None:
    bulk, first, second, other = ticket("a", Lane.BULK), ticket("a"), ticket("a"), ticket("b")
    assert drained(lanes_of(bulk, first, second, other)) == [first, other, second, bulk]


def test_what_is_all_taken_out_and_put_back_comes_in_the_order_it_would_have() -> None:
    tickets = [ticket(group, lane) for lane in Lane for group in "abcab"]
    untouched, touched = lanes_of(*tickets), lanes_of(*tickets)
    touched.put_back(touched.take_all())
    assert drained(touched) == drained(untouched)


def test_a_batch_that_is_put_back_is_the_next() -> None:
    tickets = [ticket(group) for group in "aaabc"]
    lanes = lanes_of(*tickets)
    choice = lanes.choose(0.0, batch_max=2, linger_s=0.0, pace=None)
    assert choice is not None
    batch = lanes.pop(choice, 2)
    lanes.put_back(batch)
    assert drained(lanes, batch_max=2)[:2] == batch == tickets[:2]
