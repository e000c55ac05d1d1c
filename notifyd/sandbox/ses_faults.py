"""How a stand-in for SES misbehaves when told to. As JSON: {"kind": "Cut", "taken": true, "times": 3}."""

from __future__ import annotations

import msgspec


class _Fault(msgspec.Struct, tag_field="kind", kw_only=True, frozen=True):
    """Befalls the next `times` requests that send."""

    times: int = 1


class Refuse(_Fault, tag=True, frozen=True):
    """An error of SES's own; nothing is taken."""

    status: int
    code: str
    message: str = ""


class Silence(_Fault, tag=True, frozen=True):
    """Takes the mails (or not) and never answers."""

    taken: bool = True


class Cut(_Fault, tag=True, frozen=True):
    """Takes the mails (or not) and ends the connection instead of answering."""

    taken: bool = True


class Garbage(_Fault, tag=True, frozen=True):
    """Takes the mails and answers 200 with what is no JSON."""


class OneShort(_Fault, tag=True, frozen=True):
    """Takes the mails and leaves one result out."""


class Statuses(_Fault, tag=True, frozen=True):
    """The entries' statuses by position (of a bulk request); SUCCESS is taken, as are those beyond the list."""

    statuses: list[str]


Fault = Refuse | Silence | Cut | Garbage | OneShort | Statuses

THROTTLED = Refuse(status=429, code="TooManyRequestsException", message="Maximum sending rate exceeded.")
DAILY_QUOTA = Refuse(status=429, code="TooManyRequestsException", message="Daily message quota exceeded.")
