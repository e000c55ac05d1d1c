"""Apple Push Notification service: iOS, over HTTP/2.

Limits: "Sending notification requests to APNs" names 4 KB a payload and no rate.
"""

from __future__ import annotations

import ssl
from collections.abc import Hashable, Sequence

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Deferred, Outcome, Reason, Unknown
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Limits, Tell, tell_nobody
from notifyd.providers._apns_answer import EXPIRED_TOKEN, TOO_MANY_TOKENS, outcome_of, reason_of
from notifyd.providers._apns_config import SPACES_BYTES_MAX, ApnsClient, ApnsConfig
from notifyd.providers._apns_request import question_of, request_of, shared_headers
from notifyd.providers._apns_token import ProviderToken
from notifyd.providers._base import ProviderContext, Unasked, answer_timeout_s
from notifyd.providers._http_answer import unanswered
from notifyd.providers._key_file import NoKey, p256_key
from notifyd.providers._push import PAYLOAD_BYTES_MAX, settled
from notifyd.providers._push_transport import PushTransport
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Answer, Request, Response
from notifyd.wire.transport_http2 import Http2Transport

_WHERE = "providers.apns"


class ApnsProvider(Unasked):
    """A batch goes out together and is answered stream by stream."""

    name = "apns"
    channel = Channel.PUSH_IOS

    def __init__(
        self, config: ApnsConfig, transport: PushTransport, token: ProviderToken | None, *, timeout_s: float
    ) -> None:
        """`token` None: the transport shows a certificate."""
        spaces = SPACES_BYTES_MAX if config.client is ApnsClient.AIOAPNS else 0
        self.limits = Limits(
            batch_max=config.batch_max,
            in_flight_max=config.in_flight_max,
            payload_bytes_max=PAYLOAD_BYTES_MAX - spaces,
            rate_per_s=config.rate_per_s,
            each_alone=True,
        )
        self._config = config
        self._transport = transport
        self._token = token
        self._timeout_s = timeout_s

    def group_key(self, delivery: Delivery) -> Hashable:  # noqa: ARG002 - all go to one place
        return None

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        base_url, payload_bytes_max = self._config.origin, self.limits.payload_bytes_max
        made = [request_of(delivery, base_url=base_url, payload_bytes_max=payload_bytes_max) for delivery in batch]
        return await self._settled(made, tell)

    async def refresh_limits(self) -> None:
        """APNs tells of none."""

    async def problems(self) -> list[Fault]:
        """By a notification to no device: APNs looks at who sends before it looks at the device."""
        [outcome] = await self._settled([question_of(base_url=self._config.origin)])
        match outcome:
            case Deferred(Reason.CREDENTIALS | Reason.SENDER_REFUSED, answer=said):
                mend = "mend key, key_id, team_id or certificate, topic or environment"
                return [Fault(_WHERE, f"APNs refuses them: {said}", mend)]
            case Deferred(Reason.NO_CONNECTION | Reason.TURNED_AWAY, answer=said) | Unknown(answer=said):
                mend = "mend base_url or ca_file, or the network there"
                return [Fault(_WHERE, f"cannot be asked: {said}", mend, is_outage=True)]
            case _:
                return []

    async def close(self) -> None:
        await self._transport.close()

    async def _settled(self, made: Sequence[Request | Outcome], tell: Tell = tell_nobody) -> list[Outcome]:
        shared = shared_headers(self._config.topic, None if self._token is None else self._token.current())
        return await settled(
            made, self._transport, self._outcome, timeout_s=self._timeout_s, shared=shared, tell=tell
        )

    def _outcome(self, answer: Answer) -> Outcome:
        if not isinstance(answer, Response):
            return unanswered(answer)
        if answer.status in {403, 429}:
            self._heed(answer)
        return outcome_of(answer)

    def _heed(self, response: Response) -> None:
        """What an answer says of our token, beside what it says of the notification."""
        match reason_of(response):
            case reason if reason == TOO_MANY_TOKENS:
                # The connection is of no use for a while, another one is; one more token would make it worse.
                self._transport.retire(response)
            case reason if reason == EXPIRED_TOKEN and self._token is not None:
                self._token.expired()
            case _:
                pass


async def build_apns(config: ApnsConfig, context: ProviderContext) -> ApnsProvider:
    try:
        tls = client_context(config.ca_file, certificate=config.certificate)
    except (OSError, ssl.SSLError) as error:
        what = f"cannot be read: {error.strerror or error}"
        mend = "name a PEM file with the certificate and its key"
        raise ConfigError([Fault(f"{_WHERE}.certificate", what, mend)]) from None
    token = _token(config, context)
    transport = _transport(config, context, tls, token)
    return ApnsProvider(config, transport, token, timeout_s=answer_timeout_s(context.send_timeout_s))


def _transport(
    config: ApnsConfig, context: ProviderContext, tls: ssl.SSLContext, token: ProviderToken | None
) -> PushTransport:
    match config.client:
        case ApnsClient.HTTP2:
            return Http2Transport(
                config.origin, tls, entropy=context.entropy, connections_max=config.connections_max
            )
        case ApnsClient.AIOAPNS:
            # It takes a third of a second to import.
            from notifyd.providers._apns_aioapns import AioapnsTransport

            return AioapnsTransport(config, tls, token, clock=context.clock)


def _token(config: ApnsConfig, context: ProviderContext) -> ProviderToken | None:
    if config.key is None or config.key_id is None or config.team_id is None:
        return None
    try:
        key = p256_key(context.secret(config.key).get_secret_value())
    except NoKey as error:
        mend = "store the whole .p8 file that Apple gave"
        raise ConfigError([Fault(f"{_WHERE}.key", str(error), mend)]) from None
    return ProviderToken(key, key_id=config.key_id, team_id=config.team_id, clock=context.clock)
