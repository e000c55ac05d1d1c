"""Judges a run when nothing moves any more: from the journal, the log, the lease table and the queues alone."""

from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel
from notifyd.sandbox.account import Account, balance, read_accounted, read_depth, read_rows
from notifyd.sandbox.oracle import judge, read_arrivals
from tests.faults.ground import Ground
from tests.faults.load import Load
from tests.faults.promises import Promise

_LOOK_EVERY_S = 1.0
_STILL_MAX_S = 60.0


class Verdict(msgspec.Struct, frozen=True):
    """`unlisted`: mails that came twice without a possible_duplicate row."""

    events: int
    mails: int
    lost: int
    unexpected: int
    duplicates: int
    unlisted: int
    residue: int
    stuck: int  # dead, rejected, expired or still waiting, where no fault asks for any


async def reach_verdict(ground: Ground, load: Load) -> Verdict:
    """After the load has stopped; waits until all is accounted for or nothing has moved for a minute."""
    account = await _settle(ground, load)
    expected = load.expected
    finding = judge(expected, read_arrivals(ground.journal))
    async with ground.client("dynamodb") as dynamodb:
        rows = await read_rows(dynamodb, ground.names.log)
    listed = {row.delivery_id for row in rows if row.kind == "possible_duplicate"}
    return Verdict(
        events=load.written,
        mails=len(expected),
        lost=len(finding.lost),
        unexpected=len(finding.unexpected),
        duplicates=finding.duplicates,
        unlisted=len(finding.duplicated.keys() - listed),
        residue=account.residue + abs(load.written - account.read),
        stuck=account.dead + account.rejected + account.expired + account.waiting,
    )


def promises_of(verdicts: list[Verdict]) -> list[Promise]:
    """What holds in every run, whatever the fault."""

    def total(name: str) -> int:
        return sum(getattr(verdict, name) for verdict in verdicts)

    return [
        Promise(name, total(name), at_most=0) for name in ("lost", "unexpected", "unlisted", "residue", "stuck")
    ]


async def _settle(ground: Ground, load: Load) -> Account:
    """The log is read only once every record is accounted for: a scan of it costs the stand-in seconds."""
    before: object = None
    moved_at_s = ground.clock.elapsed_s()
    while ground.clock.elapsed_s() - moved_at_s < _STILL_MAX_S:
        now: object = await _read_so_far(ground)
        if now == load.written:
            now = account = await _account(ground)
            if account.residue == account.waiting == 0:
                return account
        if now != before:
            before, moved_at_s = now, ground.clock.elapsed_s()
        await ground.clock.sleep(_LOOK_EVERY_S)
    return await _account(ground)


async def _read_so_far(ground: Ground) -> int:
    async with ground.client("dynamodb") as dynamodb:
        return int(sum(counts["read"] for counts in await read_accounted(dynamodb, ground.names.leases)))


async def _account(ground: Ground) -> Account:
    names = ground.names
    async with ground.client("dynamodb") as dynamodb, ground.client("sqs") as sqs:
        return balance(
            await read_accounted(dynamodb, names.leases),
            await read_rows(dynamodb, names.log),
            {Channel.EMAIL: await read_depth(sqs, names.retry_queue(Channel.EMAIL))},
        )
