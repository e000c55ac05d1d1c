"""Which leases a worker takes and which it asks for, so that all hold the same number, give or take one. Pure.

No live worker is robbed: who holds too many is asked, drains and releases. Free leases and those of the dead
go to whoever is below its share first; where nobody below is left, to anybody, so that no shard stays unread.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from notifyd.core.lease import Liveness, ShardItem, shard_key

# Asked for at once by one worker: each drains some of its owner's work.
_REQUESTS_MAX = 10


# So many workers look at the table an interval each; of more, each looks the more rarely.
_LOOKS_AN_INTERVAL = 4
# A look more often than heartbeats come (renew_interval_s ships as a fifth of failover_time_s) tells nothing
# of who lives, and one more rarely would make a takeover late.
_LOOKS_A_FAILOVER = 5


class Turn(msgspec.Struct, frozen=True):
    """What one scan asks a worker to do. `takes` may be written now; `requests` ask their owners.

    `unread`: shards beyond what all workers together can hold.
    """

    takes: tuple[ShardItem, ...]
    requests: tuple[ShardItem, ...]
    unread: int = 0


def share_of(total: int, workers: int) -> tuple[int, int]:
    """Fewest and most leases of one worker when all are balanced."""
    workers = max(1, workers)
    return total // workers, -(-total // workers)


def scan_pause_s(scan_interval_s: float, workers: int, failover_time_s: float) -> float:
    """Between a worker's scans. Each reads the whole table and is billed for it, so what a fleet pays would
    grow with its workers times its shards; what comes free is seen as soon, for somebody looks.
    """
    stretched_s = min(scan_interval_s * workers / _LOOKS_AN_INTERVAL, failover_time_s / _LOOKS_A_FAILOVER)
    return max(scan_interval_s, stretched_s)


def plan_turn(
    items: Iterable[ShardItem],
    workers: Collection[str],
    liveness: Liveness,
    *,
    me: str,
    running: Collection[str],
    damaged: Collection[str],
    now_s: float,
    leases_max: int,
) -> Turn:
    """`workers`: those that take leases, draining ones left out. `running`, `damaged`: keys of items.

    An item that shows me as owner but does not run here was taken by a write whose answer was lost. One that
    was lost runs here until what it had in flight has ended: it is neither taken nor asked for before.
    """
    open_items = [item for item in startable(items, damaged) if not item.is_finished]
    live = {worker for worker in workers if worker == me or liveness.is_live(worker, now_s)} | {me}
    fewest, most = share_of(len(open_items), len(live))
    most = min(most, leases_max)
    mine = [item for item in open_items if item.lease_owner == me]
    takes = [item for item in mine if item.key not in running]
    within_reach = [item for item in open_items if item.key not in running]
    free = [item for item in within_reach if _is_free(item, liveness, me, now_s)]
    room = max(0, most - len(mine))
    for_me = [item for item in free if item.requested_by == me]
    others = [item for item in free if item.requested_by != me]
    takes += for_me
    room = max(0, room - len(for_me))
    takes += _spread(others, me, live)[:room]
    requests: list[ShardItem] = []
    if not others:
        held = len(mine) + len(for_me)
        requests = _requests(within_reach, live, me, fewest=fewest, most=most, held=held)
    return Turn(tuple(takes), tuple(requests), max(0, len(open_items) - len(live) * leases_max))


def startable(items: Iterable[ShardItem], damaged: Collection[str]) -> list[ShardItem]:
    """Parents before children: items whose parents, as far as the table has them, are at SHARD_END."""
    items = list(items)
    unfinished = {item.key for item in items if not item.is_finished} | set(damaged)
    return [
        item for item in items if not any(shard_key(item.source, parent) in unfinished for parent in item.parents)
    ]


def _is_free(item: ShardItem, liveness: Liveness, me: str, now_s: float) -> bool:
    """Nobody's, or a dead worker's (one that drains is alive); what was released for somebody waits for them."""
    if item.lease_owner == me or liveness.is_live(item.lease_owner, now_s):
        return False
    return item.requested_by in ("", me) or not liveness.is_live(item.requested_by, now_s)


def _spread(free: Sequence[ShardItem], me: str, live: Collection[str]) -> list[ShardItem]:
    """Each worker begins at another place of the list, so that two seldom race for the same lease."""
    if not free:
        return []
    ordered = sorted(free, key=lambda item: item.key)
    start = len(ordered) * sorted(live).index(me) // len(live)
    return [*ordered[start:], *ordered[:start]]


def _requests(
    open_items: Sequence[ShardItem], live: Collection[str], me: str, *, fewest: int, most: int, held: int
) -> list[ShardItem]:
    """From those that hold the most, as long as both ends up closer to the share."""
    held += sum(item.requested_by == me for item in open_items if item.lease_owner not in ("", me))
    loads: Counter[str] = Counter()
    candidates: dict[str, list[ShardItem]] = defaultdict(list)
    for item in sorted(open_items, key=lambda item: item.key, reverse=True):
        # What is asked for already is on its way to somebody.
        if item.lease_owner in live and item.lease_owner != me and not item.requested_by:
            loads[item.lease_owner] += 1
            candidates[item.lease_owner].append(item)
    asked: list[ShardItem] = []
    while loads and len(asked) < _REQUESTS_MAX:
        richest = max(loads, key=lambda worker: (loads[worker], worker))
        limit = fewest if held < fewest else most
        if held >= most or loads[richest] <= limit:
            break
        asked.append(candidates[richest].pop())
        loads[richest] -= 1
        held += 1
    return asked
