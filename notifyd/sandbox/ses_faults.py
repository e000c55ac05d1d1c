"""How the stand-in for SES misbehaves, beside what all stand-ins do (faults.py)."""

from __future__ import annotations

from notifyd.sandbox import faults
from notifyd.sandbox.faults import BaseFault, Cut, Garbage, Refusal, Silence, UnknownFault


class Refuse(BaseFault, tag="SesError", frozen=True):
    """An error of SES's own, by its code; nothing is taken."""

    status: int
    code: str
    message: str = ""


class OneShort(BaseFault, tag=True, frozen=True):
    """Takes the mails and leaves one result out."""


class Statuses(BaseFault, tag=True, frozen=True):
    """The entries' statuses by position (of a bulk request); SUCCESS is taken, as are those beyond the list."""

    statuses: list[str]


Fault = Refuse | Silence | Cut | Garbage | OneShort | Statuses
Order = Fault | faults.Refuse

THROTTLED = Refuse(status=429, code="TooManyRequestsException", message="Maximum sending rate exceeded.")
DAILY_QUOTA = Refuse(status=429, code="TooManyRequestsException", message="Daily message quota exceeded.")

# Of a recipient SES tells below HTTP 200, by entry: Statuses.
REFUSALS = {
    Refusal.MESSAGE: Refuse(status=400, code="MessageRejected", message="Illegal content."),
    Refusal.CREDENTIALS: Refuse(
        status=403,
        code="UnrecognizedClientException",
        message="The security token included in the request is invalid.",
    ),
    Refusal.SENDER: Refuse(
        status=400, code="MailFromDomainNotVerifiedException", message="The MAIL FROM domain is not verified."
    ),
    Refusal.THROTTLED: THROTTLED,
    Refusal.QUOTA: DAILY_QUOTA,
    Refusal.UNAVAILABLE: Refuse(status=503, code="ServiceUnavailableException", message="Service unavailable."),
}


def as_ses_says(order: Order) -> Fault:
    """A class of refusal in SES's words. Raises UnknownFault."""
    if not isinstance(order, faults.Refuse):
        return order
    if order.refusal not in REFUSALS:
        raise UnknownFault(f"ses has no refusal {order.refusal}; it has {', '.join(REFUSALS)}")
    return order.befalling_as(REFUSALS[order.refusal])
