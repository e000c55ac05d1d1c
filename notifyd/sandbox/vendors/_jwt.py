"""JSON web tokens as vendors check them: signature first, then each claim by the sandbox's clock."""

from __future__ import annotations

from typing import Any

import jwt
from jwt.exceptions import PyJWTError

# Claims are checked here: by our clock, and each with the vendor's own answer.
_SIGNATURE_ALONE: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
}


class BadToken(Exception):
    """Its text says what is wrong."""


def verified(token: str, key: Any, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that `key` (public) signed. Raises BadToken."""
    try:
        decoded = jwt.decode_complete(token, key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
    except (PyJWTError, ValueError) as error:
        raise BadToken(str(error)) from error
    return decoded["header"], decoded["payload"]


def number(claims: dict[str, Any], name: str) -> float:
    """A NumericDate. Raises BadToken."""
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadToken(f"{name} is missing or no number")
    return value
