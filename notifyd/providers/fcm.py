"""Firebase Cloud Messaging, HTTP v1: Android, over HTTP/2.

Limits: "Throttling and quotas": 600,000 messages a minute and project, which are smoothed here to 10,000 a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Deferred, Outcome, Reason
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock, Limits, Tell, tell_nobody
from notifyd.providers._base import ProviderContext, Unasked, answer_timeout_s
from notifyd.providers._fcm_answer import outcome_of, refuses_access_token
from notifyd.providers._fcm_config import FcmConfig
from notifyd.providers._fcm_request import request_of, shared_headers
from notifyd.providers._google_token import AccessToken, ServiceAccount
from notifyd.providers._http_answer import unanswered
from notifyd.providers._key_file import NoKey
from notifyd.providers._push import PAYLOAD_BYTES_MAX, settled
from notifyd.providers._push_transport import PushTransport
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Answer, Response
from notifyd.wire.transport_http2 import Http2Transport
from notifyd.wire.transport_to import transport_to

_WHERE = "providers.fcm"
# Before a batch goes out it may wait so long for an access token; the rest of the time is its own.
_TOKEN_SHARE = 0.4


class FcmProvider(Unasked):
    """A batch goes out together, as ApnsProvider's does."""

    name = "fcm"
    channel = Channel.PUSH_ANDROID

    def __init__(
        self,
        config: FcmConfig,
        transport: PushTransport,
        access: AccessToken,
        *,
        project_id: str,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        self.limits = Limits(
            batch_max=config.batch_max,
            in_flight_max=config.in_flight_max,
            payload_bytes_max=PAYLOAD_BYTES_MAX,
            rate_per_s=config.rate_per_s,
            each_alone=True,
        )
        self._url = f"{config.base_url}/v1/projects/{project_id}/messages:send"
        self._channel_id = config.channel_id
        self._transport = transport
        self._access = access
        self._clock = clock
        self._timeout_s = timeout_s

    def group_key(self, delivery: Delivery) -> Hashable:  # noqa: ARG002 - all go to one project
        return None

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        begun_s = self._clock.elapsed_s()
        token = await self._access.current()
        if isinstance(token, Deferred):
            return [token] * len(batch)
        now_s = self._clock.now_s()
        made = [
            request_of(delivery, url=self._url, channel_id=self._channel_id, now_s=now_s) for delivery in batch
        ]
        return await settled(
            made,
            self._transport,
            lambda answer: self._outcome(answer, token),
            timeout_s=self._timeout_s - (self._clock.elapsed_s() - begun_s),
            shared=shared_headers(token),
            tell=tell,
        )

    async def refresh_limits(self) -> None:
        """FCM tells of none."""

    async def problems(self) -> list[Fault]:
        """Whether the service account is good for an access token."""
        token = await self._access.current()
        if isinstance(token, Deferred):
            mend = "mend service_account, token_url or ca_file, and let the account send messages"
            return [Fault(_WHERE, token.answer, mend, is_outage=token.reason is not Reason.CREDENTIALS)]
        return []

    async def close(self) -> None:
        await self._access.close()
        await self._transport.close()

    def _outcome(self, answer: Answer, token: str) -> Outcome:
        if not isinstance(answer, Response):
            return unanswered(answer)
        if refuses_access_token(answer):
            self._access.refused(token)
        return outcome_of(answer)


async def build_fcm(config: FcmConfig, context: ProviderContext) -> FcmProvider:
    where = f"{_WHERE}.service_account"
    mend = "store the whole key file that Google gave for the service account"
    try:
        account, key = ServiceAccount.parse(context.secret(config.service_account).get_secret_value())
    except NoKey as error:
        raise ConfigError([Fault(where, str(error), mend)]) from None
    project_id = config.project_id or account.project_id
    if not project_id:
        raise ConfigError([Fault(where, "names no project", f"{mend}, or set project_id")])
    url = config.token_url or account.token_uri
    timeout_s = answer_timeout_s(context.send_timeout_s)
    access = AccessToken(
        account,
        key,
        transport_to(url, client_context(config.ca_file), connections_max=1),
        url=url,
        clock=context.clock,
        timeout_s=timeout_s * _TOKEN_SHARE,
    )
    transport = Http2Transport(
        config.base_url,
        client_context(config.ca_file),
        entropy=context.entropy,
        connections_max=config.connections_max,
    )
    return FcmProvider(config, transport, access, project_id=project_id, clock=context.clock, timeout_s=timeout_s)
