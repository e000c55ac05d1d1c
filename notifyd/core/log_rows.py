"""Outcomes and decisions as rows of the delivery log."""

from __future__ import annotations

from typing import Any

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Rejected, Unknown

# Providers' answers are quoted up to this: enough to see the cause, too little to fill a row.
ANSWER_CHARS_MAX = 500

_KINDS: dict[type[Outcome], RowKind] = {
    Accepted: RowKind.ACCEPTED,
    Deferred: RowKind.DEFERRED,
    Rejected: RowKind.REJECTED,
    AddressGone: RowKind.ADDRESS_GONE,
    Unknown: RowKind.UNKNOWN,
}


class RowMaker:
    """Makes rows with this process's time to live."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s

    def row(
        self,
        delivery: Delivery,
        kind: RowKind,
        *,
        position: str,
        at_s: float,
        provider: str = "",
        provider_id: str = "",
        reason: str = "",
        detail: dict[str, Any] | None = None,
    ) -> LogRow:
        return self._of_delivery(delivery, kind, position, at_s, provider, provider_id, reason, detail)

    def _of_delivery(
        self,
        delivery: Delivery,
        kind: RowKind,
        position: str,
        at_s: float,
        provider: str,
        provider_id: str,
        reason: str,
        detail: dict[str, Any] | None,
    ) -> LogRow:
        # By place: names take a fifth of its time again, and each delivery has a row.
        return LogRow(
            delivery.event_id,
            delivery.delivery_id,
            delivery.attempt,
            kind,
            position,
            at_s,
            int(at_s + self._ttl_s),
            delivery.user_id,
            delivery.type_name,
            delivery.channel,
            mask(delivery.address),
            provider,
            provider_id,
            reason,
            detail,
        )

    def undelivered_row(
        self,
        *,
        event_id: str,
        delivery_id: str,
        kind: RowKind,
        position: str,
        at_s: float,
        reason: str,
        user_id: str = "",
        type_name: str = "",
        channel: Channel | None = None,
        detail: dict[str, Any] | None = None,
    ) -> LogRow:
        """Of what never became a delivery to send: suppressed, expired on arrival, dead before rendering."""
        return LogRow(
            event_id=event_id,
            delivery_id=delivery_id,
            attempt=0,
            kind=kind,
            position=position,
            at_s=at_s,
            expires_at_s=int(at_s + self._ttl_s),
            user_id=user_id,
            type_name=type_name,
            channel=channel,
            reason=reason,
            detail=detail,
        )

    def duplicate_row(self, event_id: str, *, position: str, original: str, at_s: float) -> LogRow:
        """Of a record whose event is another's: nothing is planned for it."""
        return LogRow(
            event_id=event_id,
            delivery_id="duplicate",
            attempt=0,
            kind=RowKind.DUPLICATE,
            position=position,
            at_s=at_s,
            expires_at_s=int(at_s + self._ttl_s),
            detail={"original": original},
        )

    def outcome_row(
        self,
        delivery: Delivery,
        outcome: Outcome,
        *,
        position: str,
        at_s: float,
        provider: str,
        refused_by: tuple[str, ...] = (),
    ) -> LogRow:
        """`refused_by`: providers that were asked before in the same turn."""
        detail: dict[str, Any] | None = {"refused_by": refused_by} if refused_by else None
        kind, provider_id, reason = _KINDS[type(outcome)], "", ""
        if isinstance(outcome, Accepted):
            provider_id = outcome.provider_id
        else:
            reason = "" if isinstance(outcome, AddressGone) else outcome.reason
            if outcome.answer:
                detail = {**(detail or {}), "answer": outcome.answer[:ANSWER_CHARS_MAX]}
        return self._of_delivery(delivery, kind, position, at_s, provider, provider_id, reason, detail)


def mask(address: str) -> str:
    """Enough for a person to recognise an address that they know, too little to write to it."""
    local, at, domain = address.partition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    return f"{address[:3]}…{address[-2:]}" if len(address) > 8 else "…"
