"""A look-up as the catalog declares it."""

from __future__ import annotations

import asyncio

from notifyd.core.catalog import LookupSpec
from notifyd.lookups.cached import CachedLookup, FactSource, LookupPolicy
from notifyd.lookups.service import ServiceFacts, ServicePolicy
from notifyd.lookups.table import TableFacts, find_table
from notifyd.ports import Clock, Entropy
from notifyd.wire.batch_get import AwsCaller
from notifyd.wire.transport import Transport


async def lookup_of(
    spec: LookupSpec,
    *,
    dynamodb: AwsCaller,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    tasks: asyncio.TaskGroup,
) -> CachedLookup:
    """`transport`: this look-up's own, for in a shared pool one slow service makes all wait.

    Raises:
        ConfigError, AwsError, TransportError: its table cannot be used, or not be asked for its key.
    """
    source: FactSource
    if spec.url is not None:
        service = ServicePolicy(deadline_s=spec.timeout_s)
        source = ServiceFacts(transport, spec.url, clock=clock, entropy=entropy, policy=service)
    else:
        table = await find_table(dynamodb, spec.table or "")
        source = TableFacts(dynamodb, table, clock=clock, entropy=entropy, deadline_s=spec.timeout_s)
    policy = LookupPolicy(cache_ttl_s=spec.cache_ttl_s, cache_entries_max=spec.cache_entries_max)
    return CachedLookup(spec.name, source, clock=clock, entropy=entropy, tasks=tasks, policy=policy)
