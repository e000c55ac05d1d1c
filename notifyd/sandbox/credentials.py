"""The accounts that the sandbox knows: fixed keys, so that a config can be written before it runs.

Key pairs are made anew for each sandbox: nothing that is signed here is worth anything elsewhere.
"""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.vendors._web_push_body import base64url, from_base64url, point_of


class Credentials(msgspec.Struct, frozen=True):
    """What clients have to show."""

    sendgrid_api_key: str = "SG.sandbox.api-key"
    mailchimp_api_key: str = "md-sandbox-api-key"
    twilio_account_sid: str = "AC" + "0" * 31 + "1"
    twilio_auth_token: str = "sandbox-auth-token"  # noqa: S105 - the sandbox's own
    vonage_api_key: str = "5a4db0e5"
    vonage_api_secret: str = "sandbox-api-secret"  # noqa: S105
    slack_token: str = "xoxb-sandbox"  # noqa: S105
    slack_hook_path: str = "/services/T0SANDBOX/B0SANDBOX/sandboxsandboxsandboxsan"
    webhook_secret: str = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveA=="  # noqa: S105
    vapid_private_key: str = "oW1zFmUyUVSgqp5FcjfUpYzMEoqVqeTZtsgkDk6u1Lk"
    """base64url of the 32 bytes, as most tools for web push print it."""

    @property
    def vapid_public_key(self) -> str:
        """base64url of the uncompressed point: what pages subscribe with."""
        scalar = int.from_bytes(from_base64url(self.vapid_private_key))
        return base64url(point_of(ec.derive_private_key(scalar, ec.SECP256R1()).public_key()))
