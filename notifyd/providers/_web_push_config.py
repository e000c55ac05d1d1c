"""Who sends web push: the application server's key pair and whom a push service may write to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notifyd.providers._receivers import ReceiversSection
from notifyd.secret_ref import SecretRef


class WebPushConfig(ReceiversSection):
    vapid_key: SecretRef
    """The private key (P-256) whose public part browsers subscribed with: PEM, or its 32 bytes in base64url."""
    contact: Annotated[str, Field(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[!-~]+)$")]
    """Where a push service's operator may write to: mailto: or https:."""
    icon: Annotated[str, Field(pattern=r"^https://[!-~]+$")] | None = None
    """Shown beside every notification."""
    allow_private: bool = False
    """Lets subscriptions lead to addresses that are not public, and over http: for a stand-in, never for users."""
