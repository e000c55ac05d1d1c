"""What a provider says when it is asked whether it took a delivery. Three answers, as a send has."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from notifyd.core.log_row import FEEDBACK, LogRow, RowKind


class Taken(msgspec.Struct, frozen=True, gc=False):
    """It has the delivery; `provider_id` is its own name for it, if it gave one."""

    provider_id: str = ""


class NotTaken(msgspec.Struct, frozen=True, gc=False):
    """It has nothing that may be the delivery: sent now, it is no duplicate."""


class CannotTell(msgspec.Struct, frozen=True, gc=False):
    """Neither is sure, or not yet; `why` in words for a log."""

    why: str = ""


Found = Taken | NotTaken | CannotTell

# A look-up that told nothing is followed by another after half as long as the doubt has lasted, or more: at most
# fifteen in a quarter of an hour.
_PAUSE_MIN_S = 5.0
# Of what is left to the deadline waiting takes this part at most, so that a resend and its retries fit in.
_OF_TIME_LEFT = 0.5


def proof_of_acceptance(rows: Iterable[LogRow], delivery_id: str) -> LogRow | None:
    """A row that says, or from which follows, that a provider took the delivery; its own word before feedback."""
    own = [row for row in rows if row.delivery_id == delivery_id]
    accepted = (row for row in own if row.kind is RowKind.ACCEPTED)
    reported = (row for row in own if row.kind in FEEDBACK)
    return next(accepted, None) or next(reported, None)


def gives_up_at_s(doubted_at_s: float, deadline_at_s: float, wait_s: float) -> float:
    """When a delivery of which nobody could tell is sent again as a possible duplicate."""
    return doubted_at_s + max(0.0, min(wait_s, _OF_TIME_LEFT * (deadline_at_s - doubted_at_s)))


def pause_s(doubted_for_s: float, fraction: float) -> float:
    """Until the next look-up. `fraction`: uniform in [0, 1)."""
    return max(_PAUSE_MIN_S, doubted_for_s) * (1.0 + fraction) / 2
