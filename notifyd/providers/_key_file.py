"""Private keys out of secrets: parsed once, since parsing costs as much again as a signature."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class NoKey(ValueError):
    """What the secret holds is no such key. Says nothing of what it holds."""


def p256_key(pem: str) -> EllipticCurvePrivateKey:
    """As ES256 wants it. Raises NoKey."""
    key = _loaded(pem)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise NoKey("is no key on the curve P-256, as ES256 wants it")
    return key


def rsa_key(pem: str) -> RSAPrivateKey:
    """As RS256 wants it. Raises NoKey."""
    key = _loaded(pem)
    if not isinstance(key, RSAPrivateKey):
        raise NoKey("is no RSA key, as RS256 wants it")
    return key


def _loaded(pem: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NoKey("is no private key in PEM without a password") from None
