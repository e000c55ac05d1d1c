"""Deliveries that were decided against, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from notifyd.core.channel import Channel


class SuppressionReason(StrEnum):
    OPTED_OUT = "opted_out"
    RATE_LIMITED = "rate_limited"
    NO_ADDRESS = "no_address"
    ON_SUPPRESSION_LIST = "on_suppression_list"
    NOT_ALLOWED = "not_allowed"
    DRY_RUN = "dry_run"
    FILTER = "filter"
    LOOKUP_FAILED = "lookup_failed"


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A delivery decided for. `platform`: whose address it is, where the channel has several."""

    channel: Channel
    address: str
    platform: str = ""


class Suppressed(msgspec.Struct, frozen=True, gc=False):
    """A delivery decided against; `inputs` are the values that led to it, free of addresses."""

    channel: Channel | None
    reason: SuppressionReason
    inputs: dict[str, Any] = {}


Decision = Planned | Suppressed
