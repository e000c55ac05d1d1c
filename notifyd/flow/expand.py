"""From an event and what is known of its users to what has to be sent, recorded or buried. No waiting here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from notifyd.core.account import Account
from notifyd.core.catalog import LookupPolicy, NotificationType
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Event
from notifyd.core.kept_event import KeptEvent
from notifyd.core.log_row import RowKind
from notifyd.core.log_rows import ANSWER_CHARS_MAX, RowMaker
from notifyd.core.message import Delivery, Email, Message
from notifyd.core.outcome import Reason
from notifyd.core.path import PathError
from notifyd.core.policy import Address, DeliveryRules, FilterRaised, decide, judge_address, nobody
from notifyd.core.render import TemplateSet
from notifyd.core.suppression import Decision, Planned, Suppressed, SuppressionReason
from notifyd.core.template_fault import TemplateFault
from notifyd.core.user import Person
from notifyd.flow.facts import Facts
from notifyd.flow.prepared import DeadEnd, Prepared, dead_body
from notifyd.flow.templates import TemplateShelf
from notifyd.flow.ticket import Route, Ticket, TicketOwner

# Looked up once: naming an enum's member takes 70 ns, and each delivery is asked.
_SUPPRESS: Final = LookupPolicy.SUPPRESS
_RETRY: Final = LookupPolicy.RETRY
# Stands in where an event names no user at all.
NOBODY = Person("")
# Of what goes to the retry queue unsent: it is rendered there, with the facts of then.
UNRENDERED = Email(subject="", text="")


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where deliveries come from: a record of a shard, or a message of a retry queue."""

    event: Event
    owner: TicketOwner
    index: int
    position: str
    kept: KeptEvent


Matched = tuple[Prepared, Origin, tuple[NotificationType, ...]]
"""An event, what is prepared for it, and the types that it matches."""


class Wanted(msgspec.Struct, gc=False):
    """One type that an event matches, the users it names, and where what they get is gathered."""

    prepared: Prepared
    origin: Origin
    notification_type: NotificationType
    user_ids: tuple[str, ...]
    facts: Facts


class Expander:
    """Decides, renders and names each delivery. What one event gets wrong touches that event alone."""

    def __init__(
        self, *, identity: Identity, rows: RowMaker, templates: TemplateShelf, rules: DeliveryRules
    ) -> None:
        self._identity = identity
        self._rows = rows
        self._templates = templates
        self._rules = rules

    def expand(self, wanted: Sequence[Wanted], people: Mapping[str, Person], now_s: float) -> None:
        """Adds to what is prepared what every user of every type gets."""
        templates = self._templates.current
        for want in wanted:
            if not want.user_ids:
                self._suppress(want, NOBODY, nobody(want.notification_type), now_s)
            for user_id in want.user_ids:
                person = people[user_id]
                for decision in self._decided(want, person, now_s):
                    if isinstance(decision, Planned):
                        self._plan(want, person, decision, templates, now_s)
                    else:
                        self._suppress(want, person, decision, now_s)

    def _decided(self, want: Wanted, person: Person, now_s: float) -> Sequence[Decision]:
        notification_type, facts = want.notification_type, want.facts
        if facts.failed is _SUPPRESS:
            return (Suppressed(None, SuppressionReason.LOOKUP_FAILED),)
        if facts.failed is _RETRY:
            # The filter is asked when the facts are there.
            notification_type = msgspec.structs.replace(notification_type, filter=None)
        try:
            return decide(notification_type, want.origin.event, person, self._rules, facts.values)
        except FilterRaised as fault:
            self._bury(want, person, Reason.FILTER_RAISED, repr(fault.__cause__), now_s)
            return ()

    def _plan(self, want: Wanted, person: Person, planned: Planned, templates: TemplateSet, now_s: float) -> None:
        origin, notification_type, channel = want.origin, want.notification_type, planned.channel
        event, type_name = origin.event, notification_type.name
        postponed = want.facts.failed is _RETRY
        message: Message = UNRENDERED
        if not postponed:
            try:
                seen = context(event, notification_type, person, want.facts.values)
                message = templates.render(
                    notification_type.template, channel, seen, notification_type.mail_fields
                )
            except (TemplateFault, PathError) as fault:
                self._bury(want, person, Reason.TEMPLATE, str(fault), now_s, planned)
                return
        event_id, user_id, arrival_s = event.event_id, person.user_id, event.arrival_s
        delivery = Delivery(
            self._identity.delivery_id(event_id, user_id, type_name, channel, planned.address),
            event_id,
            user_id,
            type_name,
            channel,
            planned.address,
            notification_type.lane,
            notification_type.in_doubt,
            arrival_s,
            deadline_at_s=arrival_s + notification_type.deadline_s,
            message=message,
            platform=planned.platform,
        )
        ticket = Ticket(
            delivery,
            origin.owner,
            origin.index,
            origin.position,
            origin.kept,
            produced_at_s=event.produced_at_s or arrival_s,
        )
        if postponed:
            ticket.route = Route.POSTPONE
        want.prepared.tickets.append(ticket)

    def readdress(self, want: Wanted, delivery: Delivery, address: Address, person: Person, now_s: float) -> bool:
        """Whether a delivery under way may still go where it was to go, `address`; else a row says why not."""
        decision = judge_address(delivery.channel, address, person.contact, self._rules)
        if isinstance(decision, Suppressed):
            self._suppress(want, person, decision, now_s)
            return False
        delivery.address, delivery.platform = decision.address, decision.platform
        return True

    def _suppress(self, want: Wanted, person: Person, suppressed: Suppressed, now_s: float) -> None:
        want.prepared.rows.append(
            self._rows.undelivered_row(
                event_id=want.origin.event.event_id,
                delivery_id=self._delivery_id(want, person, suppressed.channel or "", ""),
                kind=RowKind.SUPPRESSED,
                position=want.origin.position,
                at_s=now_s,
                reason=suppressed.reason,
                user_id=person.user_id,
                type_name=want.notification_type.name,
                channel=suppressed.channel,
                detail=suppressed.inputs or None,
            )
        )

    def _bury(
        self,
        want: Wanted,
        person: Person,
        reason: Reason,
        answer: str,
        now_s: float,
        planned: Planned | None = None,
    ) -> None:
        """The template's or the filter's fault: its row, and the event on the DLQ of the type's channel."""
        origin, notification_type = want.origin, want.notification_type
        reachable = (channel for channel in notification_type.channels if channel in self._rules.available)
        channel = planned.channel if planned is not None else next(reachable, None)
        # A filter speaks for all channels: by an id of the first it would be taken for what became of that alone.
        meant = (planned.channel, planned.address) if planned is not None else ("", "")
        row = self._rows.undelivered_row(
            event_id=origin.event.event_id,
            delivery_id=self._delivery_id(want, person, *meant),
            kind=RowKind.DEAD,
            position=origin.position,
            at_s=now_s,
            reason=reason,
            user_id=person.user_id,
            type_name=notification_type.name,
            channel=channel,
            detail={"answer": answer[:ANSWER_CHARS_MAX]},
        )
        message = dead_body(
            msgspec.json.encode(origin.event.envelope),
            reason=f"{reason}: {answer[:ANSWER_CHARS_MAX]}",
            at_s=now_s,
            position=origin.position,
        )
        want.prepared.account = Account.EXPANDED
        want.prepared.dead_ends.append(DeadEnd(channel, message, row))

    def _delivery_id(self, want: Wanted, person: Person, channel: str, address: str) -> str:
        event_id, type_name = want.origin.event.event_id, want.notification_type.name
        return self._identity.delivery_id(event_id, person.user_id, type_name, channel, address)

    def expire(self, prepared: Prepared, origin: Origin, now_s: float) -> None:
        """Older than record_age_max_s: one delivery, expired."""
        event_id = origin.event.event_id
        prepared.rows.append(
            self._rows.undelivered_row(
                event_id=event_id,
                delivery_id=self._identity.delivery_id(event_id, "", "", "", ""),
                kind=RowKind.EXPIRED,
                position=origin.position,
                at_s=now_s,
                reason=Reason.DEADLINE,
            )
        )


def context(
    event: Event, notification_type: NotificationType, person: Person, facts: Mapping[str, object]
) -> dict[str, Any]:
    """What templates see: plain data only."""
    data = event.envelope if notification_type.data is None else notification_type.data.find(event.envelope)
    return {
        "event": event.envelope,
        "data": data,
        "user": {"user_id": person.user_id, "email": person.contact.email if person.contact else None},
        "facts": facts,
    }
