"""How the stand-in for SES misbehaves, beside what all stand-ins do (faults.py)."""

from __future__ import annotations

from notifyd.sandbox.faults import BaseFault, Cut, Garbage, Silence


class Refuse(BaseFault, tag=True, frozen=True):
    """An error of SES's own; nothing is taken."""

    status: int
    code: str
    message: str = ""


class OneShort(BaseFault, tag=True, frozen=True):
    """Takes the mails and leaves one result out."""


class Statuses(BaseFault, tag=True, frozen=True):
    """The entries' statuses by position (of a bulk request); SUCCESS is taken, as are those beyond the list."""

    statuses: list[str]


Fault = Refuse | Silence | Cut | Garbage | OneShort | Statuses

THROTTLED = Refuse(status=429, code="TooManyRequestsException", message="Maximum sending rate exceeded.")
DAILY_QUOTA = Refuse(status=429, code="TooManyRequestsException", message="Daily message quota exceeded.")
