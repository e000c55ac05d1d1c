"""Web push (RFC 8030): browsers, and with them laptops and desktops. Each browser's maker runs a push service.

The subscriptions' endpoints come from users: requests go to public addresses alone, and of an answer only its
status is looked at.
"""

from __future__ import annotations

from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Accepted, AddressGone, Outcome, Reason, Rejected
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock
from notifyd.providers._base import ProviderContext
from notifyd.providers._hosts import may_reach
from notifyd.providers._http import HttpProvider
from notifyd.providers._http_answer import by_status
from notifyd.providers._key_file import NoKey
from notifyd.providers._push import PAYLOAD_BYTES_MAX, fitted, hashed_id, seconds_left
from notifyd.providers._vapid import Vapid, vapid_key
from notifyd.providers._web_push_config import WebPushConfig
from notifyd.providers._web_push_message import TEXT_BYTES_MAX, encrypted, worker_json
from notifyd.providers._web_push_subscription import subscription_of
from notifyd.wire.public_only import public_addresses
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_http1 import Http1Transport, by_name

# Services cut longer ones down to it.
_TTL_MAX_S = 28 * 86_400.0
_ANSWER_BYTES_MAX = 4096
_TOPIC_CHARS_MAX = 32
_TOPIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class WebPushProvider(HttpProvider):
    name = "web_push"
    channel = Channel.WEB_PUSH

    def __init__(
        self, config: WebPushConfig, transport: Transport, vapid: Vapid, *, clock: Clock, send_timeout_s: float
    ) -> None:
        limits = config.limits(payload_bytes_max=PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._vapid = vapid
        self._clock = clock

    def request_of(self, delivery: Delivery) -> Request | Rejected:
        config = self._config
        subscription = subscription_of(delivery.address, http_allowed=config.allow_private)
        if isinstance(subscription, Rejected):
            return subscription
        if not may_reach(subscription.target.host, config.hosts_allow):
            return Rejected(Reason.ADDRESS_INVALID, "hosts_allow does not name the subscription's host")
        push = message_of(delivery, Push)
        text = fitted(push, lambda one: worker_json(delivery, one, config.icon), TEXT_BYTES_MAX)
        if isinstance(text, Rejected):
            return text
        origin = config.base_url or subscription.target.origin
        headers = {
            "authorization": self._vapid.header(origin),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(seconds_left(delivery, self._clock.now_s(), most_s=_TTL_MAX_S)),
            "urgency": "low" if delivery.lane is Lane.BULK else "high",
            "topic": _topic(push.collapse_id or delivery.delivery_id),
        }
        return Request("POST", origin + subscription.target.path, headers, encrypted(text, subscription))

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        match answer.status:
            case 200 | 201 | 202:
                return Accepted(answer.headers.get("location", "").rpartition("/")[2])
            case 404 | 410:
                return AddressGone(f"HTTP {answer.status}")
            case _:
                return by_status(answer)

    async def faults(self) -> list[Fault]:
        """No push service can be asked: each subscription may have its own."""
        return []


async def build_web_push(config: WebPushConfig, context: ProviderContext) -> WebPushProvider:
    try:
        key = vapid_key(context.secret(config.vapid_key).get_secret_value())
    except NoKey as error:
        mend = "store the private key whose public part browsers subscribe with"
        raise ConfigError([Fault("providers.web_push.vapid_key", str(error), mend)]) from None
    transport = Http1Transport(
        client_context(config.ca_file),
        connections_max=config.in_flight_max,
        answer_bytes_max=_ANSWER_BYTES_MAX,
        drops_large=True,
        addresses_of=by_name if config.allow_private or config.base_url is not None else public_addresses,
    )
    vapid = Vapid(key, contact=config.contact, clock=context.clock)
    return WebPushProvider(config, transport, vapid, clock=context.clock, send_timeout_s=context.send_timeout_s)


def _topic(collapse_id: str) -> str:
    """What takes the place of what a browser has not fetched yet: 32 characters of base64url at most."""
    fits = len(collapse_id) <= _TOPIC_CHARS_MAX and _TOPIC.issuperset(collapse_id)
    return collapse_id if fits else hashed_id(collapse_id)
