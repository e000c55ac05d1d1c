"""The steps between an empty stage and its account; a test may do other things between them."""

from __future__ import annotations

from collections.abc import Callable

from notifyd.cli.demo.stage import Stage
from notifyd.ports import Clock
from notifyd.sandbox.account import Account, balance, read_accounted, read_depth, read_rows
from notifyd.sandbox.world import SourceKind, World
from notifyd.sandbox.writers import write_to_stream, write_to_table, write_users

_LOOK_EVERY_S = 0.5
# Over a crash nothing moves until the stand-by takes over: failover_time_s and what starting costs.
_STILL_MAX_S = 60.0


async def write_people(stage: Stage, world: World, clock: Clock) -> None:
    async with stage.client("dynamodb") as dynamodb:
        await write_users(
            dynamodb, clock, contacts=stage.names.contacts, settings=stage.names.settings, users=world.users
        )


async def write_events(
    stage: Stage, world: World, clock: Clock, written: Callable[[int], None]
) -> dict[str, float]:
    """The moment at which each event was handed over, by its id. `written` hears how many are."""
    if stage.source is SourceKind.DYNAMODB:
        async with stage.client("dynamodb") as dynamodb:
            return await write_to_table(dynamodb, clock, stage.names.events, world.events, written)
    async with stage.client("kinesis") as kinesis:
        return await write_to_stream(kinesis, clock, stage.names.events, world.events, written)


async def settle(stage: Stage, world: World, clock: Clock) -> None:
    """Returns once every event is accounted for and nothing waits, or nothing has moved for a minute."""
    before: object = None
    moved_at_s = clock.elapsed_s()
    while clock.elapsed_s() - moved_at_s < _STILL_MAX_S:
        now: object = await _read_so_far(stage)
        if now == world.account.events_in:
            now = account = await take_account(stage)
            if account.residue == account.waiting == 0:
                return
        if now != before:
            before, moved_at_s = now, clock.elapsed_s()
        await clock.sleep(_LOOK_EVERY_S)


async def take_account(stage: Stage) -> Account:
    """From what is durable: the lease table, the log, the retry queues."""
    async with stage.client("dynamodb") as dynamodb, stage.client("sqs") as sqs:
        return balance(
            await read_accounted(dynamodb, stage.names.leases),
            await read_rows(dynamodb, stage.names.log),
            {channel: await read_depth(sqs, stage.names.retry_queue(channel)) for channel in stage.channels},
        )


async def _read_so_far(stage: Stage) -> int:
    async with stage.client("dynamodb") as dynamodb:
        return int(sum(counts["read"] for counts in await read_accounted(dynamodb, stage.names.leases)))
