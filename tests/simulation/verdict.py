"""What is found when all has come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from tests.simulation.ends import ENDS
from tests.simulation.world.meaning import Meaning, meanings_of
from tests.simulation.world.people import reachable
from tests.simulation.world.provider import Sent
from tests.simulation.world.world import World

_BEGUN = frozenset({RowKind.DEFERRED, RowKind.UNKNOWN, RowKind.POSSIBLE_DUPLICATE, RowKind.CLAIM})


def broken_promises(
    world: World, ended: frozenset[str], *, slots_max: int, faults: int, is_calm: bool
) -> Iterator[str]:
    """`ended`: the workers that came to their end by themselves. `is_calm`: no fault was drawn."""
    yield from world.network.broken
    yield from _events(world)
    yield from _deliveries(world, is_calm=is_calm)
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
    parts: tuple[str, ...] = ("filtered", "unmatched", "malformed", "expanded", "before_start", "duplicate")
    if accounted["read"] != sum(accounted[part] for part in parts):
        yield f"the first equation has a residue: {dict(accounted)}"
    least, most = world.judge.repeats_least, world.judge.repeats_most
    moved = {"expanded": (-most, -least), "duplicate": (least, most)}
    if world.releases.may_match_less:
        parts = ("filtered", "malformed", "before_start")
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


def _deliveries(world: World, *, is_calm: bool) -> Iterator[str]:
    """The second: each delivery that was planned has come to an end, and to one that was due."""
    kinds: defaultdict[Meaning, set[RowKind]] = defaultdict(set)
    for row in world.rows():
        if row.kind in ENDS:
            for meaning in meanings_of(row):
                kinds[meaning].add(row.kind)
    sent = {one.meaning for one in world.account.taken}
    for meaning in sorted(kinds.keys() - world.judge.due.keys()):
        yield f"{meaning} has rows and was not expected"
    for meaning in sorted(sent - world.judge.due.keys()):
        yield f"{meaning} was sent and not expected"
    gaps = dict(_gaps(world))
    for meaning, since_s in world.judge.due.items():
        if meaning in gaps and meaning not in kinds:
            if not gaps[meaning]:
                yield f"{meaning} was trimmed before it was read, and no row tells of the gap"
        else:
            for wrong in _one_delivery(world, meaning, since_s, kinds[meaning], was_sent=meaning in sent):
                yield f"{meaning} {wrong}: its ends are {sorted(kinds[meaning])}"
    yield from _waiting(world)
    yield from _dead(world, is_calm=is_calm)


def _one_delivery(
    world: World, meaning: Meaning, since_s: float, ends: set[RowKind], *, was_sent: bool
) -> Iterator[str]:
    """What its user was from when the event was put decides what it may have come to."""
    _, user, _, channel = meaning
    known = {reachable(person, channel) for person in world.people.since(user, since_s)}
    if RowKind.ACCEPTED in ends and not was_sent:
        yield "is accepted and was never taken"
    if world.releases.may_leave_out(meaning) or (RowKind.DEAD in ends and world.releases.may_bury(meaning)):
        return
    if not ends:
        yield "has no end"
    if not any(known):
        if was_sent or ends != {RowKind.SUPPRESSED}:
            yield "was to be suppressed"
    elif RowKind.SUPPRESSED in ends and len(known) == 1:
        yield "was suppressed though nothing stood against it"
    elif user in world.people.refused:
        if was_sent or RowKind.EXPIRED in ends:
            yield "was to be rejected"
    else:
        yield from _to_be_sent(world, meaning, ends, known, was_sent=was_sent)


def _to_be_sent(
    world: World, meaning: Meaning, ends: set[RowKind], known: set[frozenset[str]], *, was_sent: bool
) -> Iterator[str]:
    if RowKind.REJECTED in ends:
        yield "was rejected by nobody"
    if ends & {RowKind.DEAD, RowKind.EXPIRED}:
        return
    if not was_sent and RowKind.SUPPRESSED not in ends:
        yield "is lost"
    if len(known) == 1 and meaning[3] is Channel.PUSH_IOS:
        for device in sorted(min(known)):
            if not world.account.taken[Sent(meaning, device)]:
                yield f"is lost to {device}"


def _waiting(world: World) -> Iterator[str]:
    """Whatever was begun under an id has an end under that id, at each position that brought it.

    Of a record that turned out to be a duplicate it is listed what may have been sent, and nothing else.
    """
    began: dict[tuple[str, str, str], LogRow] = {}
    ended: set[tuple[str, str, str]] = set()
    tried: defaultdict[str, set[str]] = defaultdict(set)  # positions, by event
    for row in world.rows():
        if row.kind in ENDS:
            ended.add((row.event_id, row.delivery_id, row.position))
        elif row.kind in _BEGUN:
            began[row.event_id, row.delivery_id, row.position] = row
        if row.kind in ENDS | _BEGUN and row.kind is not RowKind.POSSIBLE_DUPLICATE:
            tried[row.event_id].add(row.position)
    for (event_id, delivery_id, position), row in began.items():
        is_set_aside = tried[event_id] and position not in tried[event_id]
        if (event_id, delivery_id, position) not in ended and not (
            is_set_aside or world.judge.may_stay_open(position)
        ):
            yield f"{row} waits for ever"


def _dead(world: World, *, is_calm: bool) -> Iterator[str]:
    """Nothing dies of nothing: only what was held in doubt, or was refused too often.

    The furthest row counts: what a late sender's row says was accepted needs nobody on call. And who dies
    between row and message leaves it to a successor, who cannot read what was trimmed meanwhile.
    """
    trimmed = {meaning for meaning, is_told in _gaps(world) if is_told}
    buried = {
        message.delivery.delivery_id
        for messages in world.dead.messages.values()
        for message in messages
        if message.delivery is not None
    }
    # Of what was buried before anything was tried, the event is there.
    events = {message.position for messages in world.dead.messages.values() for message in messages}
    dead = {row.delivery_id: row for row in world.rows() if row.kind in (RowKind.DEAD, RowKind.EXPIRED)}
    undone = {row.delivery_id for row in world.rows() if row.kind in ENDS - {RowKind.DEAD, RowKind.EXPIRED}}
    for delivery_id, row in dead.items():
        [meaning, *_] = meanings_of(row)
        is_there = delivery_id in buried or (not row.attempt and row.position in events)
        if not is_there and delivery_id not in undone and meaning not in trimmed:
            yield f"{meaning} is dead and on no DLQ"
        if is_calm:
            yield f"{meaning} is dead without a fault"


def _duplicates(world: World, *, slots_max: int, faults: int) -> Iterator[str]:
    twice = duplicates(world)
    total = sum(twice.values())
    most = faults * slots_max + world.account.unanswered
    if total > most:
        yield f"{total} duplicates of {faults} faults with {slots_max} slots"
    for sent in twice:
        meaning, times, ids = sent.meaning, world.account.taken[sent], world.account.ids_of[sent]
        # Asked after by an id of its new address, the provider knows of nothing.
        is_listed = ids & world.judge.flagged or (meaning[2] == "asked" and len(ids) > 1)
        if not is_listed:
            yield f"{sent} was sent {times} times and is not listed"
        if meaning[2] == "held":
            yield f"{sent} was sent {times} times though it was to be held"
        if meaning[2] == "asked" and len(ids) == 1 and not world.fired["look-up fails"]:
            yield f"{sent} was sent {times} times though every look-up was answered"
    meaning_of: dict[str, Meaning] = {}
    for sent, ids in world.account.ids_of.items():
        for delivery_id in ids:
            if meaning_of.setdefault(delivery_id, sent.meaning) != sent.meaning:
                yield f"{delivery_id} is {sent.meaning} and {meaning_of[delivery_id]}"


def duplicates(world: World) -> Counter[Sent]:
    """By event, user, type and channel; an id of its own for the same meaning counts as the same."""
    return Counter(
        {
            sent: times - world.judge.copies[sent.meaning]
            for sent, times in world.account.taken.items()
            if times > world.judge.copies[sent.meaning]
        }
    )


def _leases(world: World, ended: frozenset[str]) -> Iterator[str]:
    for key, item in world.table.shards.items():
        if item.lease_owner in ended:
            yield f"{key} is still {item.lease_owner}'s, who has ended"
