"""Provider tokens as APNs checks them: signature, kid, iss, age, and how often they are renewed."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.vendors._jwt import BadToken, number, verified

TOKEN_AGE_MAX_S = 3600
TOKEN_RENEWAL_MIN_S = 1200
# The two clocks may be apart by this.
_LEEWAY_S = 60
_REMEMBERED_MAX = 10_000


class BadProviderToken(Exception):
    """Its text is APNs' reason."""

    def __init__(self, reason: str, status: int = 403) -> None:
        super().__init__(reason)
        self.status = status


class ApnsTokens:
    def __init__(self, *, key_id: str, team_id: str, public_key: ec.EllipticCurvePublicKey, clock: Clock) -> None:
        self._key_id = key_id
        self._team_id = team_id
        self._public_key = public_key
        self._clock = clock
        self._issued_s: dict[str, float] = {}
        self._of_connection: dict[int, float] = {}

    def check(self, authorization: str, connection: int) -> None:
        """Raises BadProviderToken."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise BadProviderToken("MissingProviderToken")
        issued_s = self._issued(token)
        now_s = self._clock.now_s()
        if issued_s > now_s + _LEEWAY_S:
            raise BadProviderToken("InvalidProviderToken")
        if now_s - issued_s > TOKEN_AGE_MAX_S:
            raise BadProviderToken("ExpiredProviderToken")
        # A connection that showed one token takes another only if that is 20 minutes younger.
        known_s = self._of_connection.get(connection)
        if known_s is not None and 0 < abs(issued_s - known_s) < TOKEN_RENEWAL_MIN_S:
            raise BadProviderToken("TooManyProviderTokenUpdates", 429)
        if known_s is None and len(self._of_connection) >= _REMEMBERED_MAX:
            self._of_connection.clear()
        self._of_connection[connection] = issued_s

    def _issued(self, token: str) -> float:
        """`iat` of a token with a good signature; each token is verified once."""
        known = self._issued_s.get(token)
        if known is not None:
            return known
        try:
            header, claims = verified(token, self._public_key, "ES256")
            issued_s = number(claims, "iat")
        except BadToken as bad:
            raise BadProviderToken("InvalidProviderToken") from bad
        if not self._names_us(header, claims):
            raise BadProviderToken("InvalidProviderToken")
        if len(self._issued_s) >= _REMEMBERED_MAX:
            self._issued_s.clear()
        self._issued_s[token] = issued_s
        return issued_s

    def _names_us(self, header: dict[str, Any], claims: dict[str, Any]) -> bool:
        return header.get("kid") == self._key_id and claims.get("iss") == self._team_id
