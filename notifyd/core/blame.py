"""Whose fault an outcome is: what counts against a provider, and what may go to another one at once."""

from __future__ import annotations

from enum import Enum
from typing import Final

from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown


class Blame(Enum):
    NOBODY = "nobody"
    RECIPIENT = "recipient"  # a bad or dead address: never counts against the provider
    REQUEST = "request"  # our message
    CONFIG = "config"  # our credentials, our account: nobody's address is touched for it
    PROVIDER = "provider"
    LOAD = "load"  # it works, and takes no more just now


_OF_REASON: Final[dict[Reason, Blame]] = {
    Reason.ADDRESS_INVALID: Blame.RECIPIENT,
    Reason.ADDRESS_GONE: Blame.RECIPIENT,
    Reason.ON_SUPPRESSION_LIST: Blame.RECIPIENT,
    Reason.RECIPIENT_UNAVAILABLE: Blame.RECIPIENT,
    Reason.MESSAGE_REFUSED: Blame.REQUEST,
    Reason.PAYLOAD_TOO_LARGE: Blame.REQUEST,
    Reason.CREDENTIALS: Blame.CONFIG,
    Reason.SENDER_REFUSED: Blame.CONFIG,
    Reason.ACCOUNT_PAUSED: Blame.CONFIG,
    Reason.QUOTA: Blame.PROVIDER,
    Reason.THROTTLED: Blame.LOAD,
    Reason.PROVIDER_ERROR: Blame.PROVIDER,
    Reason.NO_CONNECTION: Blame.PROVIDER,
    # A GOAWAY ends a connection in order, with up to a thousand pushes on it: no sign of an outage.
    Reason.TURNED_AWAY: Blame.LOAD,
    Reason.NO_ANSWER: Blame.PROVIDER,
    Reason.ANSWER_UNREADABLE: Blame.PROVIDER,
}


def blame_of(outcome: Outcome) -> Blame:
    match outcome:
        case Accepted():
            return Blame.NOBODY
        case AddressGone():
            return Blame.RECIPIENT
        case Deferred(reason) | Rejected(reason) | Unknown(reason):
            return _OF_REASON.get(reason, Blame.NOBODY)


def may_move(outcome: Outcome) -> bool:
    """Whether another provider may be asked at once: refused for certain, and not for message or address."""
    return isinstance(outcome, Deferred | Rejected) and blame_of(outcome) in {
        Blame.CONFIG,
        Blame.PROVIDER,
        Blame.LOAD,
    }
