"""Dates of headers and mails, as others write them."""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz


def epoch_s(text: str) -> float | None:
    """None: that is no date, or none that a calendar has."""
    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None
