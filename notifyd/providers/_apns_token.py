"""The token that says which team sends, made of the team's key.

APNs wants it renewed at least once in 60 minutes and refuses renewals more often than once in 20, counted from
its first use; all connections share one.
"""

from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from notifyd.ports import Clock

_RENEWED_AFTER_S = 40 * 60.0
_RENEWED_AT_MOST_EVERY_S = 20 * 60.0


class ProviderToken:
    def __init__(self, key: EllipticCurvePrivateKey, *, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._token = ""
        self._first_used_s = 0.0

    def current(self) -> str:
        """Called where it is used: the first use is when it is made."""
        if not self._token or self._age_s() >= _RENEWED_AFTER_S:
            self._token = jwt.encode(
                {"iss": self._team_id, "iat": int(self._clock.now_s())},
                self._key,
                algorithm="ES256",
                headers={"kid": self._key_id},
            )
            self._first_used_s = self._clock.elapsed_s()
        return self._token

    def expired(self) -> None:
        """APNs says so: the next is a new one, unless this one is too young for that."""
        if self._age_s() >= _RENEWED_AT_MOST_EVERY_S:
            self._token = ""

    def _age_s(self) -> float:
        return self._clock.elapsed_s() - self._first_used_s
