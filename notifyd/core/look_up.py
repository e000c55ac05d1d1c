"""What a provider says when it is asked whether it took a delivery. Three answers, as a send has."""

from __future__ import annotations

import msgspec


class Taken(msgspec.Struct, frozen=True, gc=False):
    """It has the delivery; `provider_id` is its own name for it, if it gave one."""

    provider_id: str = ""


class NotTaken(msgspec.Struct, frozen=True, gc=False):
    """It has nothing that may be the delivery: sent now, it is no duplicate."""


class CannotTell(msgspec.Struct, frozen=True, gc=False):
    """Neither is sure, or not yet; `why` in words for a log."""

    why: str = ""


Found = Taken | NotTaken | CannotTell
