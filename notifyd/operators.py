"""Opens what an operator's command looks at: the daemon's own adapters, without the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import CollectorRegistry

from notifyd.assembly import Assembly
from notifyd.aws.outage import is_outage
from notifyd.aws.region import find_region
from notifyd.aws.secrets import fetch_secrets
from notifyd.aws.session import AwsSession
from notifyd.catalog_file import load_catalog
from notifyd.config import Config, environment
from notifyd.core.catalog import Catalog
from notifyd.core.delivery_id import Identity
from notifyd.errors import AwsError, ConfigError, DamagedItem, Fault, TransportError
from notifyd.system import SystemClock, SystemEntropy
from notifyd.telemetry.metrics import Metrics


class Desk:
    """Everything a command may ask for; what it asks for is opened."""

    def __init__(self, config: Config, catalog: Catalog, session: AwsSession, assembly: Assembly) -> None:
        self.config = config
        self.catalog = catalog
        self.session = session
        self.assembly = assembly

    async def identity(self) -> Identity:
        keys = self.config.identity.keys
        secrets = await fetch_secrets({key.secret for key in keys}, self.session, environment())
        return Identity([(key.version, secrets[key.secret].get_secret_value().encode()) for key in keys])


@asynccontextmanager
async def open_desk(config: Config) -> AsyncIterator[Desk]:
    """Raises ConfigError, also for what AWS refuses or does not answer."""
    clock, entropy = SystemClock(), SystemEntropy()
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        region = find_region(config.aws.region, environment())
        session = AwsSession(region, clock=clock, entropy=entropy, ca_file=config.aws.ca_file)
        await stack.enter_async_context(session)
        catalog = load_catalog(config.catalog)
        async with asyncio.TaskGroup() as tasks:
            assembly = Assembly(
                config,
                catalog,
                session,
                {},
                metrics=Metrics(CollectorRegistry(), version="", providers={}, sources=[]),
                clock=clock,
                entropy=entropy,
                stack=stack,
                tasks=tasks,
            )
            try:
                yield Desk(config, catalog, session, assembly)
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failure = error
    if failure is not None:
        _raise(failure)


def _raise(failure: Exception) -> NoReturn:
    match failure:
        case AwsError(code="ResourceNotFoundException"):
            raise ConfigError([Fault("AWS", str(failure), "run `notifyd init`, or correct the name")]) from None
        case AwsError() | TransportError() | ClientError() | BotoCoreError():
            mend = "look at credentials, region and what this role may do; see `notifyd check`"
            raise ConfigError([Fault("AWS", str(failure), mend, is_outage=is_outage(failure))]) from None
        case DamagedItem():
            raise ConfigError([Fault(failure.key, failure.why, "see `notifyd leases`")]) from None
        case _:
            raise failure
