"""Google's OAuth 2 token endpoint for service accounts (RFC 7523): a signed assertion for a bearer token."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.exceptions import PyJWTError

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import content_type, form_of
from notifyd.sandbox.vendors._jwt import BadToken, number, verified

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)
ASSERTION_LIFE_MAX_S = 3600
_LEEWAY_S = 300


def _error(code: str, what: str, status: int = 400) -> Answer:
    return json_answer({"error": code, "error_description": what}, status)


class GoogleOauth:
    """`token_life_s`: of the tokens it gives out; the FCM desk asks `is_valid`."""

    name = "google_oauth"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.CREDENTIALS: _error("invalid_grant", "Invalid JWT Signature."),
        Refusal.SENDER: _error("invalid_scope", "Invalid OAuth scope or ID token audience provided."),
        Refusal.THROTTLED: _error("rate_limit_exceeded", "Too many requests", 429),
        Refusal.UNAVAILABLE: _error("internal_failure", "Backend Error", 503),
    }

    def __init__(
        self,
        *,
        client_email: str,
        key_id: str,
        public_key: rsa.RSAPublicKey,
        clock: Clock,
        token_life_s: int = 3600,
    ) -> None:
        self.token_life_s = token_life_s
        self._client_email = client_email
        self._key_id = key_id
        self._public_key = public_key
        self._clock = clock
        self._expires_s: dict[str, float] = {}
        self._numbers = count(1)

    def is_valid(self, token: str) -> bool:
        return self._clock.now_s() < self._expires_s.get(token, 0.0)

    def revoke(self) -> None:
        """Every token that was given out."""
        self._expires_s.clear()

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if request.path != "/token" or request.method != "POST":
            raise Refused(_error("not_found", "POST /token", 404))
        if content_type(request) != "application/x-www-form-urlencoded":
            raise Refused(_error("invalid_request", "Bad Request"))
        form = form_of(request.body)
        if form.get("grant_type") != GRANT:
            raise Refused(_error("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}"))
        self._check(form.get("assertion", ""), request.origin + request.path)
        now_s = self._clock.now_s()
        self._expires_s = {token: until_s for token, until_s in self._expires_s.items() if until_s > now_s}
        token = f"ya29.sandbox-{next(self._numbers):06}"
        self._expires_s[token] = now_s + self.token_life_s
        answer = {"access_token": token, "expires_in": self.token_life_s - 1, "token_type": "Bearer"}
        return Taken([], json_answer(answer))

    def _check(self, assertion: str, url: str) -> None:
        try:
            unverified: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
            if unverified.get("iss") != self._client_email:
                raise Refused(_error("invalid_grant", "Invalid grant: account not found"))
            header, claims = verified(assertion, self._public_key, "RS256")
            issued_s, expires_s = number(claims, "iat"), number(claims, "exp")
        except (BadToken, PyJWTError) as error:
            raise Refused(_error("invalid_grant", f"Invalid JWT Signature: {error}")) from error
        if header.get("kid", self._key_id) != self._key_id:
            raise Refused(_error("invalid_grant", "Invalid JWT Signature."))
        if claims.get("aud") != url:
            raise Refused(
                _error("invalid_grant", f"Invalid JWT: Failed audience check. The right audience is {url}")
            )
        now_s = self._clock.now_s()
        if not now_s - ASSERTION_LIFE_MAX_S - _LEEWAY_S < issued_s < now_s + _LEEWAY_S:
            raise Refused(_error("invalid_grant", "Invalid JWT: iat is not of this hour"))
        if not now_s < expires_s <= issued_s + ASSERTION_LIFE_MAX_S:
            raise Refused(_error("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"))
        if not set(str(claims.get("scope", "")).split()) & SCOPES:
            raise Refused(self.refusals[Refusal.SENDER])
