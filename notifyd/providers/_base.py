"""What every provider is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr

from notifyd.config_sections import Section
from notifyd.core.channel import Channel
from notifyd.ports import Clock, Provider
from notifyd.secret_ref import SecretRef
from notifyd.wire.aws_call import AwsService


class OpenAws(Protocol):
    async def __call__(
        self, service: str, *, connections_max: int, base_url: str | None, ca_file: Path | None
    ) -> AwsService:
        """A service (botocore's name for it) of our own account and region; whoever opened it closes it."""
        ...


class ProviderContext(msgspec.Struct, frozen=True):
    """What the composition root has for a factory. `secret` holds what was fetched at start."""

    clock: Clock
    send_timeout_s: float
    open_aws: OpenAws
    secret: Callable[[SecretRef], SecretStr]


class ProviderEntry(NamedTuple):
    """A line of PROVIDERS. `build` takes an instance of `config_model`."""

    config_model: type[Section]
    build: Callable[[Any, ProviderContext], Awaitable[Provider]]
    channel: Channel
