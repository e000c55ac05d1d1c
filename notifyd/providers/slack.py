"""Slack: to a channel by chat.postMessage, to an incoming webhook by its URL, which is a secret.

Limits: one message a second and channel, and the text's size (Slack's "Rate limits" and "chat.postMessage").
"""

from __future__ import annotations

import re
from collections.abc import Hashable

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.message import Chat, Delivery, message_of
from notifyd.core.outcome import Deferred, Outcome, Reason, Rejected
from notifyd.errors import Fault
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import HttpProvider, HttpSection, Origin, refused_check, vendor_transport
from notifyd.providers._slack_answer import api_outcome, hook_outcome, said_of
from notifyd.secret_ref import SecretRef
from notifyd.wire.transport import Request, Response, Transport

_PAYLOAD_BYTES_MAX = 1_000_000
_TEXT_CHARS_MAX = 40_000
_PER_CHANNEL_PER_S = 1.0
_HOOKS = "https://hooks.slack.com"
_HOOK_PATH = re.compile(r"/services(?:/[A-Za-z0-9]{1,64}){2,3}")
# A channel's or person's id, or a channel's name: letters of any script, no capitals.
_CHANNEL = re.compile(r"[CDGUW][A-Z0-9]{5,20}|#?[\w.-]{1,80}")
_JSON = {"content-type": "application/json; charset=utf-8"}
_NO_TOKEN = "no `token` is configured, and a channel's messages need one"  # noqa: S105 - none


class SlackConfig(HttpSection):
    token: SecretRef | None = None
    """A bot's (xoxb-…) with chat:write, for channels; hooks need none."""
    base_url: Origin = "https://slack.com"
    hooks_url: Origin = _HOOKS
    """Where the paths of incoming webhooks are posted to."""


class _Metadata(msgspec.Struct):
    event_payload: dict[str, str]
    event_type: str = "notification"


class _Message(msgspec.Struct, omit_defaults=True):
    text: str
    metadata: _Metadata
    channel: str = ""
    blocks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class SlackProvider(HttpProvider):
    name = "slack"
    channel = Channel.CHAT

    def __init__(
        self, config: SlackConfig, *, token: str | None, transport: Transport, send_timeout_s: float
    ) -> None:
        limits = config.limits_by_receiver(
            payload_bytes_max=_PAYLOAD_BYTES_MAX, group_rate_per_s=_PER_CHANNEL_PER_S
        )
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._login = None if token is None else {"authorization": f"Bearer {token}"}

    def group_key(self, delivery: Delivery) -> Hashable:
        """A channel's rate is one, however its name is written."""
        return delivery.address.removeprefix("#")

    def request_of(self, delivery: Delivery) -> Request | Outcome:
        chat = message_of(delivery, Chat)
        if len(chat.text) > _TEXT_CHARS_MAX:
            what = f"{len(chat.text)} characters; Slack takes {_TEXT_CHARS_MAX}"
            return Rejected(Reason.PAYLOAD_TOO_LARGE, what)
        message = _Message(
            text=chat.text,
            metadata=_Metadata({"delivery_id": delivery.delivery_id}),
            blocks=msgspec.UNSET if chat.blocks is None else msgspec.Raw(chat.blocks),
        )
        address = delivery.address
        if _is_url(address):
            path = self._hook_path(address)
            if path is None:
                return Rejected(Reason.ADDRESS_INVALID, "the URL is no incoming webhook of Slack's")
            return Request("POST", self._config.hooks_url + path, _JSON, msgspec.json.encode(message))
        if not _CHANNEL.fullmatch(address):
            return Rejected(Reason.ADDRESS_INVALID, "it is neither a channel's id or name nor a webhook's URL")
        if self._login is None:
            return Deferred(Reason.CREDENTIALS, answer=_NO_TOKEN)
        message.channel = address
        return self._call("chat.postMessage", self._login, msgspec.json.encode(message))

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:
        return hook_outcome(answer) if _is_url(delivery.address) else api_outcome(answer)

    async def faults(self) -> list[Fault]:
        if self._login is None:
            return []
        answer = await self.ask(self._call("auth.test", self._login))
        said = said_of(answer)
        if said is None:
            return [self.fault("base_url", refused_check(answer), "see whether that is Slack's Web API")]
        if not said.ok:
            return [
                self.fault("token", f"Slack refuses it: {said.error}", "install the app and use its bot's token")
            ]
        return []

    def _call(self, method: str, login: dict[str, str], body: bytes = b"") -> Request:
        return Request("POST", f"{self._config.base_url}/api/{method}", login | _JSON, body)

    def _hook_path(self, url: str) -> str | None:
        """Whatever else a URL leads to is somebody else's, and gets no request from here."""
        for origin in (_HOOKS, self._config.hooks_url):
            path = url.removeprefix(origin)
            if path != url and _HOOK_PATH.fullmatch(path):
                return path
        return None


def _is_url(address: str) -> bool:
    return "://" in address


async def build_slack(config: SlackConfig, context: ProviderContext) -> SlackProvider:
    return SlackProvider(
        config,
        token=None if config.token is None else context.secret(config.token).get_secret_value(),
        transport=vendor_transport(config.base_url, config),
        send_timeout_s=context.send_timeout_s,
    )
