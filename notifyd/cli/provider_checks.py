"""What the providers in use say of themselves: credentials, and the way to the vendor. Nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import SecretStr

from notifyd.aws.secrets import fetch_secrets
from notifyd.aws.session import AwsSession
from notifyd.config import Config, environment
from notifyd.errors import ConfigError, Fault, TransportError
from notifyd.providers import PROVIDERS, ProviderContext
from notifyd.secret_ref import SecretRef, secret_refs
from notifyd.system import SystemClock, SystemEntropy


async def provider_faults(config: Config, session: AwsSession) -> list[Fault]:
    """Secrets that cannot be had are others' to report: their providers are left out."""
    used = dict.fromkeys(name for channel in config.channels.values() for name in channel.weights)
    asked = [_faults(name, config, session) for name in used]
    return [fault for faults in await asyncio.gather(*asked) for fault in faults]


async def _faults(name: str, config: Config, session: AwsSession) -> list[Fault]:
    section = config.provider(name)
    try:
        secrets = await fetch_secrets(set(secret_refs(section)), session, environment())
    except (ConfigError, TransportError):
        return []
    try:
        provider = await PROVIDERS[name].build(section, _context(config, session, secrets))
        try:
            return await provider.problems()
        finally:
            await provider.close()
    except ConfigError as error:
        return error.faults


def _context(config: Config, session: AwsSession, secrets: Mapping[SecretRef, SecretStr]) -> ProviderContext:
    return ProviderContext(
        clock=SystemClock(),
        entropy=SystemEntropy(),
        send_timeout_s=config.delivery.send_timeout_s,
        open_aws=session.lean,
        secret=secrets.__getitem__,
    )
