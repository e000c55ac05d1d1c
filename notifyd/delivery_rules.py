"""The operator's rules of delivery, out of the config: for the daemon, and for commands that decide as it does."""

from __future__ import annotations

from notifyd.config import Config
from notifyd.core.allow_list import AllowList
from notifyd.core.channel import Channel
from notifyd.core.policy import DeliveryMode, DeliveryRules
from notifyd.providers import PROVIDERS


def delivery_rules(config: Config) -> DeliveryRules:
    delivery = config.delivery
    return DeliveryRules(
        available=frozenset(config.channels),
        mode=DeliveryMode(delivery.mode),
        allow=AllowList(delivery.recipients_allow) if delivery.recipients_allow is not None else None,
        redirect_to=dict(delivery.redirect_to),
        chat_platforms=_chat_platforms(config),
    )


def _chat_platforms(config: Config) -> tuple[str, ...]:
    chat = config.channels.get(Channel.CHAT)
    return tuple(dict.fromkeys(PROVIDERS[name].platform for name in chat.weights)) if chat is not None else ()
