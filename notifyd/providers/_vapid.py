"""Who sends, as push services want to know it (RFC 8292): one token an origin, for half a day."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifyd.ports import Clock
from notifyd.providers._key_file import NoKey, p256_key

_SCALAR_BYTES = 32
_LIFE_S = 12 * 3600
# A service's clock may be ahead of ours.
_RENEWED_AFTER_S = _LIFE_S / 2
# Users bring the origins: whoever invents them must not fill the memory.
_ORIGINS_MAX = 1000


class Vapid:
    def __init__(self, key: EllipticCurvePrivateKey, *, contact: str, clock: Clock) -> None:
        self._key = key
        self._contact = contact
        self._clock = clock
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._public_key = base64url(point)
        self._headers: dict[str, tuple[str, float]] = {}

    def header(self, origin: str) -> str:
        """The Authorization of requests to `origin`."""
        known = self._headers.get(origin)
        if known is not None and self._clock.elapsed_s() < known[1]:
            return known[0]
        claims = {"aud": origin, "exp": int(self._clock.now_s()) + _LIFE_S, "sub": self._contact}
        header = f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self._public_key}"
        self._headers.pop(origin, None)
        self._headers[origin] = header, self._clock.elapsed_s() + _RENEWED_AFTER_S
        if len(self._headers) > _ORIGINS_MAX:
            self._headers.pop(next(iter(self._headers)))
        return header


def vapid_key(text: str) -> EllipticCurvePrivateKey:
    """Of PEM, or of the private scalar in base64url, as most tools print it. Raises NoKey."""
    if text.startswith("-----BEGIN"):
        return p256_key(text)
    scalar = from_base64url(text.strip())
    if scalar is None or len(scalar) != _SCALAR_BYTES:
        raise NoKey("is neither a private key in PEM nor 32 bytes in base64url")
    try:
        return derive_private_key(int.from_bytes(scalar), SECP256R1())
    except ValueError:
        raise NoKey("is no private key of the curve P-256") from None


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes | None:
    """With padding or without; None for what is none."""
    bare = text.rstrip("=")
    try:
        data = urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except (ValueError, binascii.Error):
        return None
    # The decoder leaves out whatever it does not know.
    return data if base64url(data) == bare else None
