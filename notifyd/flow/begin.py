"""Begins what a claim covers: to the dispatcher, the log, the retry queue or the DLQ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from notifyd.core.channel import Channel
from notifyd.core.outcome import Reason
from notifyd.flow.prepared import Prepared
from notifyd.flow.record import Recorder
from notifyd.flow.route import Router
from notifyd.flow.ticket import Route, Ticket


class PartOwner(Protocol):
    def part_ended(self, index: int) -> None: ...


class Beginner:
    def __init__(self, routers: Mapping[Channel, Router], recorder: Recorder) -> None:
        self._routers = routers
        self._recorder = recorder

    def begin(self, claimed: Sequence[Prepared], owner: PartOwner) -> None:
        """Never waits. Every effect of a record tells its owner when it has come to its end."""
        self._send([ticket for prepared in claimed for ticket in prepared.tickets])
        for prepared in claimed:
            if prepared.rows or prepared.dead_ends:
                self._write_down(prepared, partial(owner.part_ended, prepared.index))

    def _write_down(self, prepared: Prepared, on_end: Callable[[], None]) -> None:
        """What of the record is not sent."""
        if prepared.rows:
            self._recorder.finisher.log_writer.submit(prepared.rows, on_end)
        for dead_end in prepared.dead_ends:
            self._recorder.finisher.dead_end(dead_end, on_end)

    def _send(self, tickets: Sequence[Ticket]) -> None:
        """To each channel's router."""
        by_channel: defaultdict[Channel, list[Ticket]] = defaultdict(list)
        send = Route.SEND
        for ticket in tickets:
            if ticket.route is send:
                by_channel[ticket.delivery.channel].append(ticket)
            else:
                self._divert(ticket)
        for channel, group in by_channel.items():
            self._routers[channel].submit(group)

    def _divert(self, ticket: Ticket) -> None:
        """What recovery or a failed look-up decided otherwise goes its own way."""
        match ticket.route:
            case Route.POSTPONE:
                self._recorder.postpone([ticket], Reason.LOOKUP_FAILED)
            case Route.HAND_OVER:
                self._recorder.hand_over(ticket)
            case Route.EXPIRE:
                self._recorder.expire([ticket])
            case Route.LOOK_UP:
                self._recorder.look_up_later(ticket)
            case Route.BURY:
                self._recorder.bury(ticket, ticket.dead_for)
