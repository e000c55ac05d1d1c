"""Web push (RFC 8030): browsers, and with them laptops and desktops. Each browser's maker runs a push service.

Endpoints come from users: what follows from that is in `_receivers`.
"""

from __future__ import annotations

from collections.abc import Hashable

from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock
from notifyd.providers._base import ProviderContext
from notifyd.providers._http_answer import by_status, retry_after_s
from notifyd.providers._key_file import NoKey
from notifyd.providers._push import PAYLOAD_BYTES_MAX, fitted, hashed_id, seconds_left
from notifyd.providers._receivers import ReceiversProvider, may_reach, of_one_receiver, receivers_transport
from notifyd.providers._vapid import Vapid, vapid_key
from notifyd.providers._web_push_config import WebPushConfig
from notifyd.providers._web_push_message import TEXT_BYTES_MAX, encrypted, worker_json
from notifyd.providers._web_push_refusals import Refusals
from notifyd.providers._web_push_subscription import origin_of, subscription_of
from notifyd.wire.transport import Request, Response, Transport

# Services cut longer ones down to it; Edge's refuses 0, which asks it not to keep what it keeps by default.
_TTL_MIN_S, _TTL_MAX_S = 1, 28 * 86_400.0
_TOPIC_CHARS_MAX = 32
_TOPIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

# "Push notification service request and response headers": 410 is "Gone" or "Domain Blocked" there.
_SENDER_BLOCKED = "block"
_DROPPED = frozenset({"dropped", "channelthrottled"})


class WebPushProvider(ReceiversProvider):
    name = "web_push"
    channel = Channel.WEB_PUSH

    def __init__(
        self, config: WebPushConfig, transport: Transport, vapid: Vapid, *, clock: Clock, send_timeout_s: float
    ) -> None:
        limits = config.limits_by_receiver(payload_bytes_max=PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._vapid = vapid
        self._clock = clock
        self._refusals = Refusals()

    def group_key(self, delivery: Delivery) -> Hashable:
        return origin_of(delivery.address)

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
            "ttl": str(max(_TTL_MIN_S, seconds_left(delivery, self._clock.now_s(), most_s=_TTL_MAX_S))),
            "urgency": "low" if delivery.lane is Lane.BULK else "high",
            "topic": _topic(push.collapse_id or delivery.delivery_id),
        }
        return Request("POST", origin + subscription.target.path, headers, encrypted(text, subscription))

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:
        if said := _in_wns_words(answer):
            text = f"HTTP {answer.status} {said}"
            return Deferred(Reason.RECIPIENT_UNAVAILABLE, retry_after_s(answer), text)
        match answer.status:
            case 200 | 201 | 202:
                self._refusals.accepted()
                return Accepted(answer.headers.get("location", "").rpartition("/")[2])
            case 404 | 410:
                return AddressGone(f"HTTP {answer.status}")
            case 401 | 403 if self._refusals.refused(str(origin_of(delivery.address))):
                return by_status(answer)
            case _:
                return of_one_receiver(by_status(answer))


async def build_web_push(config: WebPushConfig, context: ProviderContext) -> WebPushProvider:
    try:
        key = vapid_key(context.secret(config.vapid_key).get_secret_value())
    except NoKey as error:
        mend = "store the private key whose public part browsers subscribe with"
        raise ConfigError([Fault("providers.web_push.vapid_key", str(error), mend)]) from None
    vapid = Vapid(key, contact=config.contact, clock=context.clock)
    transport = receivers_transport(config)
    return WebPushProvider(config, transport, vapid, clock=context.clock, send_timeout_s=context.send_timeout_s)


def _in_wns_words(answer: Response) -> str:
    """What Edge's push service says otherwise than others, of a subscription that lives; empty: nothing of it."""
    match answer.status:
        case 200 | 201 | 202:
            status = answer.headers.get("x-wns-status", "").lower()
            return status if status in _DROPPED else ""
        case 406:
            return "throttled"
        case 410 if _SENDER_BLOCKED in answer.headers.get("x-wns-error-description", "").lower():
            return "domain blocked"
        case _:
            return ""


def _topic(collapse_id: str) -> str:
    """What takes the place of what a browser has not fetched yet: 32 characters of base64url at most."""
    fits = len(collapse_id) <= _TOPIC_CHARS_MAX and _TOPIC.issuperset(collapse_id)
    return collapse_id if fits else hashed_id(collapse_id)
