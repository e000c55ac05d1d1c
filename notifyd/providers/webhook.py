"""Webhooks to whoever registered an https URL, signed by the Standard Webhooks scheme.

The URLs are other people's: what follows from that is in `_receivers`.
"""

from __future__ import annotations

import binascii
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import JSON
from notifyd.providers._http_answer import by_status, refusal
from notifyd.providers._receivers import (
    ReceiversProvider,
    ReceiversSection,
    may_reach,
    of_one_receiver,
    receivers_transport,
)
from notifyd.providers._webhook_payload import payload
from notifyd.secret_ref import SecretRef
from notifyd.wire.http1_target import Target, target_of
from notifyd.wire.transport import Request, Response, Transport

# What the scheme asks payloads to stay below.
_PAYLOAD_BYTES_MAX = 20 * 1024
_STATUSES = {
    404: Reason.ADDRESS_INVALID,
    405: Reason.ADDRESS_INVALID,
    410: Reason.ADDRESS_GONE,
}
_URL_CHARS_MAX = 2048


class WebhookConfig(ReceiversSection):
    secrets: Annotated[tuple[SecretRef, ...], Field(min_length=1)]
    """whsec_…; all of them sign, so that a receiver can go over from one to the next."""


class WebhookProvider(ReceiversProvider):
    name = "webhook"
    channel = Channel.CHAT

    def __init__(
        self,
        config: WebhookConfig,
        *,
        signers: Sequence[Webhook],
        transport: Transport,
        clock: Clock,
        send_timeout_s: float,
    ) -> None:
        limits = config.limits_by_receiver(payload_bytes_max=_PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._signers = signers
        self._clock = clock

    def group_key(self, delivery: Delivery) -> Hashable:
        target = self._target(delivery.address)
        return target.origin if isinstance(target, Target) else None

    def request_of(self, delivery: Delivery) -> Request | Outcome:
        target = self._target(delivery.address)
        if isinstance(target, Rejected):
            return target
        body = payload(delivery)
        now = datetime.fromtimestamp(int(self._clock.now_s()), UTC)
        text = body.decode()
        headers = {
            **JSON,
            "user-agent": "notifyd",
            "webhook-id": delivery.delivery_id,
            "webhook-timestamp": f"{now.timestamp():.0f}",
            "webhook-signature": " ".join(
                signer.sign(delivery.delivery_id, now, text) for signer in self._signers
            ),
        }
        return Request("POST", (self._config.base_url or target.origin) + target.path, headers, body)

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        if 200 <= answer.status < 300:
            return Accepted()
        if 300 <= answer.status < 400:
            what = f"HTTP {answer.status}: a redirect, which is not followed"
            return Rejected(Reason.ADDRESS_INVALID, what)
        reason = _STATUSES.get(answer.status)
        if reason is None:
            return of_one_receiver(by_status(answer))
        return refusal(reason, f"HTTP {answer.status}")

    def _target(self, url: str) -> Target | Rejected:
        """Without the URL in the answer: it may be a secret."""
        if len(url) > _URL_CHARS_MAX:
            return Rejected(Reason.ADDRESS_INVALID, f"the URL is longer than {_URL_CHARS_MAX} characters")
        try:
            target = target_of(url)
        except ValueError as error:
            return Rejected(Reason.ADDRESS_INVALID, str(error))
        if not target.tls:
            return Rejected(Reason.ADDRESS_INVALID, "the URL is none of https")
        if not may_reach(target.host, self._config.hosts_allow):
            return Rejected(Reason.ADDRESS_INVALID, "hosts_allow does not name the URL's host")
        return target


async def build_webhook(config: WebhookConfig, context: ProviderContext) -> WebhookProvider:
    """Raises ConfigError: a secret cannot sign."""
    return WebhookProvider(
        config,
        signers=[_signer(ref, context) for ref in config.secrets],
        transport=receivers_transport(config),
        clock=context.clock,
        send_timeout_s=context.send_timeout_s,
    )


def _signer(ref: SecretRef, context: ProviderContext) -> Webhook:
    try:
        return Webhook(context.secret(ref).get_secret_value())
    except (binascii.Error, EmptyWebhookSecretError):
        what = f"{ref} is no secret of Standard Webhooks"
        raise ConfigError(
            [Fault("providers.webhook.secrets", what, "write whsec_ and 24 to 64 random bytes in base64")]
        ) from None
