"""Whether a shard holds a record, found out with few reads."""

from __future__ import annotations

from notifyd.errors import Throttled
from notifyd.ports import Clock, ShardReader

# An open shard may answer with empty pages before its first record; how many is nowhere promised.
_READS_MAX = 10
# 5 reads a second are allowed on a shard, for everybody together.
_PAUSE_S = 0.25


async def holds_record(reader: ShardReader, clock: Clock) -> bool:
    """`reader` stands at TRIM_HORIZON. A shard that stays unclear counts as one with a record.

    Raises AwsError or TransportError; throttles are waited out, a few times.
    """
    unclear = True
    for attempt in range(_READS_MAX):
        if attempt:
            await clock.sleep(_PAUSE_S)
        try:
            page = await reader.read()
        except Throttled:
            continue
        if page.records:
            return True
        if page.ended or page.behind_s == 0.0:
            return False
        unclear = not page.caught_up
    return unclear
