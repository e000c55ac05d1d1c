"""What is found when all has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from notifyd.core.log_row import RowKind
from tests.simulation.judge import ENDS
from tests.simulation.world.load import Due
from tests.simulation.world.provider import Meaning
from tests.simulation.world.world import World


def broken_promises(world: World, ended: frozenset[str], *, slots_max: int, faults: int) -> Iterator[str]:
    """`ended`: the workers that came to their end by themselves."""
    yield from world.network.broken
    yield from _events(world)
    yield from _deliveries(world)
    yield from _duplicates(world, slots_max=slots_max, faults=faults)
    yield from _leases(world, ended)


def _events(world: World) -> Iterator[str]:
    """The first equation, and each of its terms against what was put.

    What was trimmed may be missing. Behind a gap positions mean nothing any more, so that what was settled
    beyond the checkpoint is looked up, and counted, again.
    """
    accounted = world.judge.accounted()
    put = world.judge.put_count
    gone = sum(world.judge.gaps.values())
    if not put - gone <= accounted["read"] or (accounted["read"] > put and not gone):
        yield f"{put} records were put and {gone} trimmed, {accounted['read']} are accounted as read"
    parts = ("filtered", "unmatched", "malformed", "expanded", "before_start", "duplicate")
    if accounted["read"] != sum(accounted[part] for part in parts):
        yield f"the first equation has a residue: {dict(accounted)}"
    least, most = world.judge.repeats_least, world.judge.repeats_most
    moved = {"expanded": (-most, -least), "duplicate": (least, most)}
    for part in parts:
        least, most = (world.judge.accounts[part] + by for by in moved.get(part, (0, 0)))
        if accounted[part] < least - gone or (accounted[part] > most and not gone):
            yield f"{part}: {accounted[part]}, but {least} to {most} were put"


def _gaps(world: World) -> Iterator[tuple[Meaning, bool]]:
    """What may have been trimmed before it was read, and whether the log tells of a gap in its shard."""
    told = {row.event_id.removeprefix("gap#") for row in world.rows() if row.kind is RowKind.GAP}
    for key, written in world.judge.may_be_lost():
        for meaning in written.due:
            yield meaning, key in told


def _deliveries(world: World) -> Iterator[str]:
    """The second: each delivery that was planned has come to an end, and to the one that was due."""
    kinds: dict[Meaning, set[RowKind]] = {}
    for row in world.rows():
        if row.kind in ENDS:
            kinds.setdefault((row.event_id, row.user_id, row.type_name), set()).add(row.kind)
    for meaning in sorted(kinds.keys() - world.judge.due.keys()):
        yield f"{meaning} has rows and was not expected"
    for meaning in sorted(world.account.taken.keys() - world.judge.due.keys()):
        yield f"{meaning} was sent and not expected"
    gaps = dict(_gaps(world))
    for meaning, due in world.judge.due.items():
        ends = kinds.get(meaning, set())
        if meaning in gaps and not ends:
            if not gaps[meaning]:
                yield f"{meaning} was trimmed before it was read, and no row tells of the gap"
        else:
            yield from _one_delivery(meaning, due, ends, world.account.taken[meaning])
    yield from _dead(world, kinds)


def _one_delivery(meaning: Meaning, due: Due, ends: set[RowKind], taken: int) -> Iterator[str]:
    if not ends:
        yield f"{meaning} has no end"
    elif due is Due.SENT and not taken and not ends & {RowKind.DEAD, RowKind.EXPIRED}:
        yield f"{meaning} is lost: its ends are {sorted(ends)}"
    elif due is not Due.SENT and taken:
        yield f"{meaning} was sent though it was to be {due.value}"
    elif due is Due.SUPPRESSED and ends != {RowKind.SUPPRESSED}:
        yield f"{meaning} was to be suppressed: its ends are {sorted(ends)}"


def _dead(world: World, kinds: dict[Meaning, set[RowKind]]) -> Iterator[str]:
    """Nothing dies of nothing: only what was held in doubt, or was refused too often.

    The furthest row counts: what a late sender's row says was accepted needs nobody on call. And who dies
    between row and message leaves it to a successor, who cannot read what was trimmed meanwhile.
    """
    trimmed = {meaning for meaning, is_told in _gaps(world) if is_told}
    buried = {
        (message.delivery.event_id, message.delivery.user_id, message.delivery.type_name)
        for messages in world.dead.messages.values()
        for message in messages
        if message.delivery is not None
    }
    for meaning, ends in kinds.items():
        if RowKind.DEAD in ends and RowKind.ACCEPTED not in ends and meaning not in buried | trimmed:
            yield f"{meaning} is dead and on no DLQ"
        if RowKind.DEAD in ends and meaning[2] != "held" and not world.fired:
            yield f"{meaning} is dead without a fault"


def _duplicates(world: World, *, slots_max: int, faults: int) -> Iterator[str]:
    twice = duplicates(world)
    total = sum(twice.values())
    most = faults * slots_max + world.account.unanswered
    if total > most:
        yield f"{total} duplicates of {faults} faults with {slots_max} slots"
    for meaning in twice:
        if meaning not in world.judge.flagged:
            yield f"{meaning} was sent {world.account.taken[meaning]} times and is not listed"
        if meaning[2] == "held":
            yield f"{meaning} was sent {world.account.taken[meaning]} times though it was to be held"
        if meaning[2] == "asked" and not world.fired["look-up fails"]:
            yield f"{meaning} was sent {world.account.taken[meaning]} times though every look-up was answered"


def duplicates(world: World) -> Counter[Meaning]:
    """By event, user and type; an id of its own for the same meaning counts as the same."""
    return Counter(
        {
            meaning: times - world.judge.copies[meaning]
            for meaning, times in world.account.taken.items()
            if times > world.judge.copies[meaning]
        }
    )


def _leases(world: World, ended: frozenset[str]) -> Iterator[str]:
    for key, item in world.table.shards.items():
        if item.lease_owner in ended:
            yield f"{key} is still {item.lease_owner}'s, who has ended"
