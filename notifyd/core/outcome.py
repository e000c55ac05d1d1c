"""What a provider said of a delivery. Three answers: accepted, not accepted, unknown."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why, by whose fault. Closed: it is a metric's label set, each present from the start at zero."""

    # the recipient's: never counts against the provider
    ADDRESS_INVALID = "address_invalid"
    ADDRESS_GONE = "address_gone"
    ON_SUPPRESSION_LIST = "on_suppression_list"
    RECIPIENT_UNAVAILABLE = "recipient_unavailable"
    # the request's
    MESSAGE_REFUSED = "message_refused"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    # our config's
    CREDENTIALS = "credentials"
    SENDER_REFUSED = "sender_refused"
    ACCOUNT_PAUSED = "account_paused"
    # the provider's
    THROTTLED = "throttled"
    QUOTA = "quota"
    PROVIDER_ERROR = "provider_error"
    NO_CONNECTION = "no_connection"
    TURNED_AWAY = "turned_away"
    # nobody knows
    NO_ANSWER = "no_answer"
    ANSWER_UNREADABLE = "answer_unreadable"
    # ours: not an attempt
    QUEUE_WAIT = "queue_wait"
    PAUSED = "paused"
    NO_PROVIDER = "no_provider"
    CRASH = "crash"
    TEMPLATE = "template"
    FILTER_RAISED = "filter_raised"
    DEADLINE = "deadline"
    ATTEMPTS = "attempts"
    TYPE_UNKNOWN = "type_unknown"
    IN_DOUBT_HELD = "in_doubt_held"
    LOOKUP_FAILED = "lookup_failed"


# Turns through a retry queue on which nothing was known to be sent: no tries of the retry policy.
NO_ATTEMPTS = frozenset({Reason.QUEUE_WAIT, Reason.PAUSED, Reason.NO_PROVIDER, Reason.LOOKUP_FAILED, Reason.CRASH})


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The provider took it; `provider_id` is its own name for it, if it gave one."""

    provider_id: str = ""


class Deferred(msgspec.Struct, frozen=True, gc=False):
    """Not accepted, and may be tried again; `retry_after_s` where the provider asked for a pause."""

    reason: Reason
    retry_after_s: float | None = None
    answer: str = ""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Not accepted, and never will be as it is."""

    reason: Reason
    answer: str = ""


class AddressGone(msgspec.Struct, frozen=True, gc=False):
    """Not accepted: the address no longer exists (`since_s`: since when, where the provider says so)."""

    answer: str = ""
    since_s: float | None = None


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Bytes went out and no readable answer came: it may have been taken."""

    reason: Reason
    answer: str = ""


Outcome = Accepted | Deferred | Rejected | AddressGone | Unknown


ACCEPTED_LABELS = ("accepted", "")


def answer_labels(outcome: Outcome) -> tuple[str, str]:
    """Kind and reason, as metrics have them."""
    match outcome:
        case Accepted():
            return ACCEPTED_LABELS
        case AddressGone():
            return "address_gone", ""
        case Deferred(reason, _, _):
            return "deferred", reason
        case Rejected(reason, _):
            return "rejected", reason
        case Unknown(reason, _):
            return "unknown", reason
