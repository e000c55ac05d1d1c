"""Access tokens for a Google service account, for an assertion signed by its key (RFC 7523)."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from notifyd.core.outcome import Deferred, Reason
from notifyd.end_tasks import end_tasks
from notifyd.errors import TransportError
from notifyd.ports import Clock
from notifyd.providers._http_answer import decoded
from notifyd.providers._key_file import NoKey, rsa_key
from notifyd.providers._mail import short
from notifyd.wire.transport import Request, Response, Transport

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S = 3600
# From the first on a new one is fetched beside the sends, from the second on they wait for it.
_RENEWED_BEFORE_END_S = 600.0
_ENDS_BEFORE_END_S = 60.0
# The endpoint is asked no more often than this while it refuses: all sends of that time share the answer.
_PAUSE_S = 5.0


class ServiceAccount(msgspec.Struct):
    """Its key file, as far as it is needed."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    project_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - a place

    @classmethod
    def parse(cls, text: str) -> tuple[ServiceAccount, RSAPrivateKey]:
        """Raises NoKey, which says nothing of what `text` holds."""
        try:
            account = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise NoKey("is no JSON with client_email and private_key") from None
        return account, rsa_key(account.private_key)


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = _LIFE_S


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


_GRANTED = msgspec.json.Decoder(_Granted)
_REFUSAL = msgspec.json.Decoder(_Refusal)


class AccessToken:
    """One refresh at a time, whoever asks. Where none comes, `current` says what that means for a send."""

    def __init__(
        self,
        account: ServiceAccount,
        key: RSAPrivateKey,
        transport: Transport,
        *,
        url: str,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self._account = account
        self._key = key
        self._transport = transport
        self._url = url
        self._clock = clock
        self._timeout_s = timeout_s
        self._token = ""
        self._ends_at_s = 0.0
        self._refresh: asyncio.Task[None] | None = None
        self._failure: Deferred | None = None
        self._not_before_s = 0.0

    async def current(self) -> str | Deferred:
        left_s = self._ends_at_s - self._clock.elapsed_s() if self._token else 0.0
        if left_s > _RENEWED_BEFORE_END_S:
            return self._token
        refresh = self._refreshing()
        if left_s > _ENDS_BEFORE_END_S:
            return self._token
        if refresh is not None:
            # Others wait for it as well: whoever is cancelled leaves it running.
            await asyncio.shield(refresh)
        usable = self._token and self._clock.elapsed_s() < self._ends_at_s - _ENDS_BEFORE_END_S
        return self._token if usable else self._failure or Deferred(Reason.CREDENTIALS)

    def refused(self, token: str) -> None:
        """FCM does not take it: the next send waits for another, unless there is one already."""
        if token == self._token:
            self._token = ""
            self._failure = Deferred(Reason.CREDENTIALS, answer="the access token was refused")

    async def close(self) -> None:
        if self._refresh is not None:
            await end_tasks(self._refresh)
        await self._transport.close()

    def _refreshing(self) -> asyncio.Task[None] | None:
        """None: the last one failed a moment ago."""
        if self._refresh is None and self._clock.elapsed_s() >= self._not_before_s:
            self._refresh = asyncio.create_task(self._fetch())
            self._refresh.add_done_callback(self._refreshed)
        return self._refresh

    def _refreshed(self, _: asyncio.Task[None]) -> None:
        self._refresh = None

    async def _fetch(self) -> None:
        asked_at_s = self._clock.elapsed_s()
        self._not_before_s = asked_at_s + _PAUSE_S
        try:
            response = await self._transport.send(self._request(), timeout_s=self._timeout_s)
        except TransportError as error:
            # Whether or not the endpoint was reached: of the notification nothing was sent.
            self._failure = Deferred(Reason.NO_CONNECTION, answer=short(f"no access token: {error}"))
            return
        granted = decoded(_GRANTED, response.body) if response.status == 200 else None
        if granted is None:
            self._failure = _failure(response)
            return
        self._token = granted.access_token
        self._ends_at_s = asked_at_s + granted.expires_in
        self._failure = None

    def _request(self) -> Request:
        now_s = int(self._clock.now_s())
        claims = {
            "iss": self._account.client_email,
            "scope": _SCOPE,
            "aud": self._url,
            "iat": now_s,
            "exp": now_s + _LIFE_S,
        }
        assertion = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._account.private_key_id})
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        return Request("POST", self._url, {"content-type": "application/x-www-form-urlencoded"}, body)


def _failure(response: Response) -> Deferred:
    told = decoded(_REFUSAL, response.body) or _Refusal()
    answer = short(f"no access token: {response.status} {told.error} {told.error_description}".rstrip())
    ours = response.status in {400, 401, 403, 404}
    return Deferred(Reason.CREDENTIALS if ours else Reason.PROVIDER_ERROR, answer=answer)
