"""Deliveries that a predecessor began and that are planned no longer: its user, type or channel is another now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from notifyd.core.audit import speaks_for_all
from notifyd.core.catalog import DEADLINE_S, Catalog
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.message import Delivery
from notifyd.core.outcome import Reason
from notifyd.core.retry_message import DeadMessage
from notifyd.flow.expand import UNRENDERED, Origin
from notifyd.flow.prepared import DeadEnd, Prepared, dead_body
from notifyd.flow.resume import resume
from notifyd.flow.ticket import Route, Ticket
from notifyd.ports import Clock


class Orphanage:
    """Brings each to an end. `channels`: those that have a queue and a DLQ."""

    def __init__(self, catalog: Catalog, channels: Collection[Channel], rows: RowMaker, clock: Clock) -> None:
        self._types = {one_type.name: one_type for one_type in catalog.types}
        self._channels = channels
        self._rows = rows
        self._clock = clock

    def adopt(self, own: Sequence[LogRow], prepared: Prepared, origin: Origin) -> None:
        """`own`: a delivery's rows, none of which is its last. Adds to what is prepared what is left to do."""
        row = own[0]
        if speaks_for_all(row) or row.channel is None:
            if row.kind is RowKind.DEAD:
                prepared.dead_ends.append(self._buried_again(row, origin))
            return
        ticket = self._ticket_of(row, row.channel, origin)
        resume(ticket, own)
        if row.channel not in self._channels:
            prepared.dead_ends.append(self._without_channel(ticket))
            return
        if ticket.route is Route.SEND:
            ticket.route = Route.HAND_OVER
        prepared.tickets.append(ticket)

    def _ticket_of(self, row: LogRow, channel: Channel, origin: Origin) -> Ticket:
        """For another attempt: its message may be queued or not, and the attempt asks what stands against it now.
        Ended here it might be sent all the same. Its address is in no row: see `Reconsider`, which also buries
        what has no type any more.
        """
        event, one_type = origin.event, self._types.get(row.type_name)
        delivery = Delivery(
            row.delivery_id,
            event.event_id,
            row.user_id,
            row.type_name,
            channel,
            "",
            Lane.TRANSACTIONAL if one_type is None else one_type.lane,
            InDoubt.RESEND if one_type is None else one_type.in_doubt,
            event.arrival_s,
            deadline_at_s=event.arrival_s + (DEADLINE_S if one_type is None else one_type.deadline_s),
            message=UNRENDERED,
        )
        produced_at_s = event.produced_at_s or event.arrival_s
        return Ticket(
            delivery, origin.owner, origin.index, origin.position, origin.kept, produced_at_s=produced_at_s
        )

    def _without_channel(self, ticket: Ticket) -> DeadEnd:
        """Nobody here sends by its channel, nor has a queue for it: on the events' DLQ it is seen."""
        now_s, delivery = self._clock.now_s(), ticket.delivery
        row = self._rows.row(
            delivery, RowKind.DEAD, position=ticket.position, at_s=now_s, reason=Reason.TYPE_UNKNOWN
        )
        message = ticket.retry_message(
            attempt=delivery.attempt + 1, not_before_s=now_s, story=ticket.story, in_doubt=ticket.again
        )
        return DeadEnd(None, DeadMessage(Reason.TYPE_UNKNOWN, now_s, ticket.position, delivery=message), row)

    def _buried_again(self, row: LogRow, origin: Origin) -> DeadEnd:
        """What a filter buried: nobody knows whether its message reached the DLQ."""
        answer = (row.detail or {}).get("answer", "")
        body = msgspec.json.encode(origin.event.envelope)
        message = dead_body(body, reason=f"{row.reason}: {answer}", at_s=row.at_s, position=row.position)
        return DeadEnd(row.channel if row.channel in self._channels else None, message, row)
