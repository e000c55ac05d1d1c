"""What every provider is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr

from notifyd.config_sections import Section
from notifyd.core.channel import Channel
from notifyd.core.look_up import CannotTell, Found
from notifyd.core.message import Delivery
from notifyd.core.outcome import Reason, Rejected
from notifyd.ports import Clock, Entropy, LookUpLimits, Provider
from notifyd.secret_ref import SecretRef
from notifyd.wire.aws_call import AwsService

# Settled before the caller's own deadline, which would make unknown even what was answered, or never sent.
_ANSWER_SHARE = 0.95

# Of a template's literal or a look-up's code; JSON has no such text. It fails where a request's bytes are made.
NO_UNICODE: Final = Rejected(Reason.MESSAGE_REFUSED, "a text holds half of a surrogate pair")


def answer_timeout_s(send_timeout_s: float) -> float:
    """How long a provider may take to settle all of a request."""
    return send_timeout_s * _ANSWER_SHARE


class OpenAws(Protocol):
    async def __call__(
        self, service: str, *, connections_max: int, base_url: str | None, ca_file: Path | None
    ) -> AwsService:
        """A service (botocore's name for it) of our own account and region; whoever opened it closes it."""
        ...


class Unasked:
    """Of a provider that has nothing to be asked by: what it took its feedback tells."""

    look_up_limits: LookUpLimits | None = None

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:  # noqa: ARG002 - the port's
        return CannotTell("the provider cannot be asked")


class ProviderContext(msgspec.Struct, frozen=True):
    """What the composition root has for a factory. `secret` holds what was fetched at start."""

    clock: Clock
    entropy: Entropy
    send_timeout_s: float
    open_aws: OpenAws
    secret: Callable[[SecretRef], SecretStr]


class ProviderEntry(NamedTuple):
    """A line of PROVIDERS. `build` takes an instance of `config_model`.

    `platform`: whose addresses it takes, where a channel has several platforms.
    """

    config_model: type[Section]
    build: Callable[[Any, ProviderContext], Awaitable[Provider]]
    channel: Channel
    platform: str = ""
