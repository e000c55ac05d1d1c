"""Before each further attempt everything is asked again: type, settings, suppression, facts, template."""

from __future__ import annotations

import msgspec

from notifyd.core.account import Account
from notifyd.core.audit import speaks_for_all
from notifyd.core.catalog import Catalog
from notifyd.core.envelope import event_of
from notifyd.core.kept_event import Known
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.outcome import Reason
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.core.sequence import parse_position
from notifyd.flow.claim_check import check_out
from notifyd.flow.expand import Expander, Origin, Wanted
from notifyd.flow.facts import FactFinder
from notifyd.flow.prepared import DeadEnd, Prepared
from notifyd.flow.ticket import Ticket, TicketOwner
from notifyd.ports import Clock, DeliveryLog, Directory


class Gone(msgspec.Struct):
    """The delivery is not tried again: the user opted out since, or its type or template is broken."""

    rows: list[LogRow]
    dead_ends: list[DeadEnd]


class Reconsider:
    """Makes a ticket of a retry message, as things stand now. Its id stays what it was, and its address as long
    as it may be sent to.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        directory: Directory,
        facts: FactFinder,
        expander: Expander,
        delivery_log: DeliveryLog,
        rows: RowMaker,
        clock: Clock,
    ) -> None:
        self._types = {one_type.name: one_type for one_type in catalog.types}
        self._directory = directory
        self._facts = facts
        self._expander = expander
        self._log = delivery_log
        self._rows = rows
        self._clock = clock

    async def again(self, message: RetryMessage, owner: TicketOwner) -> Ticket | Gone:
        """Raises what directory and log raise; the message then stays where it is."""
        now_s = self._clock.now_s()
        one_type = self._types.get(message.type_name)
        envelope = message.event or check_out(await self._log.rows_of_event(message.event_id), message.position)
        if one_type is None or envelope is None:
            return self._buried(message, now_s)
        position = parse_position(message.position.rpartition("/")[2])
        event = event_of(envelope, message.event_id, position, message.arrival_s)
        people = await self._directory.look_up([message.user_id])
        [facts] = await self._facts.find([(event, one_type)])
        prepared = Prepared(0, Account.EXPANDED, 0)
        origin = Origin(event, owner, 0, message.position, Known(event.envelope))
        want = Wanted(prepared, origin, one_type, (message.user_id,), facts)
        self._expander.expand([want], people, now_s)
        ticket = _find(prepared.tickets, message)
        if ticket is None:
            return self._gone(message, prepared, now_s)
        delivery = ticket.delivery
        if delivery.delivery_id != message.delivery_id:
            delivery.delivery_id = message.delivery_id
            address = (message.platform or delivery.platform, message.address)
            if not self._expander.readdress(want, delivery, address, people[message.user_id], now_s):
                return Gone([_of_delivery(prepared.rows[-1], message)], [])
        delivery.attempt, delivery.deadline_at_s = message.attempt, message.deadline_at_s
        ticket.story, ticket.again = message.story, message.in_doubt
        ticket.doubted_at_s = message.doubted_at_s
        return ticket

    def _gone(self, message: RetryMessage, prepared: Prepared, now_s: float) -> Gone:
        """What now stands against the delivery, under the delivery's own id."""
        for dead_end in prepared.dead_ends:
            if dead_end.row is not None and (dead_end.channel == message.channel or speaks_for_all(dead_end.row)):
                dead = DeadMessage(dead_end.message.reason, now_s, message.position, delivery=message)
                return Gone([], [DeadEnd(message.channel, dead, _of_delivery(dead_end.row, message))])
        for row in prepared.rows:
            if row.channel in (None, message.channel):
                return Gone([_of_delivery(row, message)], [])
        # Its type no longer uses the channel.
        return self._buried(message, now_s)

    def _buried(self, message: RetryMessage, now_s: float) -> Gone:
        row = self._rows.undelivered_row(
            event_id=message.event_id,
            delivery_id=message.delivery_id,
            kind=RowKind.DEAD,
            position=message.position,
            at_s=now_s,
            reason=Reason.TYPE_UNKNOWN,
            user_id=message.user_id,
            type_name=message.type_name,
            channel=message.channel,
        )
        dead = DeadMessage(Reason.TYPE_UNKNOWN, now_s, message.position, delivery=message)
        return Gone([], [DeadEnd(message.channel, dead, row)])


def _of_delivery(row: LogRow, message: RetryMessage) -> LogRow:
    """It says nothing of the user's other deliveries, whatever stands against all of them."""
    return msgspec.structs.replace(
        row, delivery_id=message.delivery_id, attempt=message.attempt, channel=message.channel
    )


def _find(tickets: list[Ticket], message: RetryMessage) -> Ticket | None:
    """The same delivery; or, where the user's address has changed since, one by the same channel."""
    same = (ticket for ticket in tickets if ticket.delivery.delivery_id == message.delivery_id)
    alike = (ticket for ticket in tickets if ticket.delivery.channel == message.channel)
    return next(same, None) or next(alike, None)
