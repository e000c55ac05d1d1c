"""The accounts that the sandbox knows: fixed keys where a vendor has keys, key pairs of its own making else.

Nothing that is signed with these is worth anything elsewhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from notifyd.sandbox.vendors._web_push_body import base64url, from_base64url, point_of


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """One a process: it takes long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Credentials(msgspec.Struct, frozen=True):
    """What clients have to show. `apns_key_p8`, `fcm_private_key`: PEM (PKCS 8)."""

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
    apns_key_id: str = "SANDBOXKEY"
    apns_team_id: str = "SANDBOXTM1"
    apns_topic: str = "com.example.app"
    apns_key_p8: str = msgspec.field(default_factory=lambda: _pem(ec.generate_private_key(ec.SECP256R1())))
    fcm_project_id: str = "notifyd-sandbox"
    fcm_client_email: str = "sender@notifyd-sandbox.iam.gserviceaccount.com"
    fcm_key_id: str = "sandbox-key-1"
    fcm_private_key: str = msgspec.field(default_factory=lambda: _pem(_rsa_key()))

    @property
    def vapid_public_key(self) -> str:
        """base64url of the uncompressed point: what pages subscribe with."""
        scalar = int.from_bytes(from_base64url(self.vapid_private_key))
        return base64url(point_of(ec.derive_private_key(scalar, ec.SECP256R1()).public_key()))

    def service_account(self, token_uri: str) -> dict[str, Any]:
        """The JSON file that Google's console gives out."""
        return {
            "type": "service_account",
            "project_id": self.fcm_project_id,
            "private_key_id": self.fcm_key_id,
            "private_key": self.fcm_private_key,
            "client_email": self.fcm_client_email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }
