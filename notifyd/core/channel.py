"""The ways a notification can reach somebody."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    # The text's own: an enum's is made in Python, and every delivery is looked up by its channel a few times.
    __hash__ = str.__hash__

    EMAIL = "email"
    SMS = "sms"
    PUSH_IOS = "push_ios"
    PUSH_ANDROID = "push_android"
    WEB_PUSH = "web_push"
    CHAT = "chat"


class Lane(StrEnum):
    """Transactional goes before bulk in every queue that can wait."""

    TRANSACTIONAL = "transactional"
    BULK = "bulk"


class InDoubt(StrEnum):
    """What becomes of a delivery of which nobody knows whether the provider took it."""

    RESEND = "resend"
    LOOK_UP = "look_up"
    HOLD = "hold"
