"""AWS Signature Version 4 in headers, for requests without a query."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from hmac import digest
from time import gmtime, strftime
from urllib.parse import quote

from notifyd.wire.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs for one service in one region. The signing key is derived once a day, and when the secret changes."""

    def __init__(self, *, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._secret = ""
        self._second = -1
        self._stamp = ""
        self._day = ""
        self._scope = ""
        self._key = b""

    def sign(
        self,
        credentials: Credentials,
        *,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        now_s: float,
    ) -> None:
        """Adds date, token and authorization to `headers`.

        `headers` have lower-case names, `host` among them, and all of them are signed. `path` is as it will be
        sent, percent-encoded, without dot segments.
        """
        self._move_to(int(now_s), credentials.secret_key)
        headers["x-amz-date"] = self._stamp
        if credentials.token is not None:
            headers["x-amz-security-token"] = credentials.token
        lines, signed = _canonical_headers(tuple(headers.items()))
        canonical = f"{method}\n{_canonical_path(path)}\n\n{lines}\n\n{signed}\n{sha256(body).hexdigest()}"
        text = f"{_ALGORITHM}\n{self._stamp}\n{self._scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = digest(self._key, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{self._scope}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )

    def _move_to(self, second: int, secret: str) -> None:
        if second != self._second:
            self._second = second
            self._stamp = strftime("%Y%m%dT%H%M%SZ", gmtime(second))
        day = self._stamp[:8]
        if day == self._day and secret == self._secret:
            return
        self._day = day
        self._secret = secret
        self._scope = f"{day}/{self._region}/{self._service}/aws4_request"
        key = f"AWS4{secret}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = digest(key, part.encode(), "sha256")
        self._key = key


# Calls of one operation in one second have the same.
@lru_cache(maxsize=64)
def _canonical_headers(headers: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The headers as they are signed, and their names."""
    by_name = sorted(headers)
    lines = "\n".join([f"{name}:{' '.join(value.split())}" for name, value in by_name])
    return lines, ";".join([name for name, _ in by_name])


# The daemon's REST paths are a handful of constants.
@lru_cache(maxsize=64)
def _canonical_path(path: str) -> str:
    """Encoded once more than it is sent: all services but S3 want it so."""
    return quote(path, safe="/~")
