"""Reconciles stream, ledger, log and queues over a stretch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from notifyd.audit.parts import AuditedSource, Matched, Walk
from notifyd.audit.stretch import Stretch
from notifyd.core.account import Account, Accounted
from notifyd.core.audit import LISTED_MAX, Missing, Tally, check_event
from notifyd.core.channel import Channel
from notifyd.core.event import Event, Filtered, Malformed
from notifyd.core.lease import shard_key
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.reach import Reached
from notifyd.core.standing import DeliveryFound, Standing, deliveries
from notifyd.ports import Clock, DeadLetters, DeliveryLog, LeaseScan, RetryQueue

# Depths are approximate: a delivery that has just moved is looked at again before it counts as lost.
_LOOKS_MAX = 3
_LOOK_AGAIN_S = 2.0
# Rows that may be looked at again; of what waits beyond them, only how many there were is known.
_SUSPECTS_MAX = 100_000


class Report(msgspec.Struct, frozen=True):
    """`ledger`: the first equation over everything ever settled, by shard. `stranded`: wait for another try,
    more of them than the channel's retry queue holds messages; the list names the candidates.
    """

    from_s: float
    to_s: float
    ledger: dict[str, dict[str, int]]
    events: dict[str, int]
    deliveries: dict[str, int]
    suppressed: dict[str, int]
    unread: int
    residue: int
    missing: list[Missing]
    stranded_count: int
    stranded: list[LogRow]
    gaps: list[LogRow]
    unknown_shards: list[str]
    possible_duplicates_count: int
    possible_duplicates: list[DeliveryFound]
    in_doubt_count: int
    in_doubt: list[DeliveryFound]
    retry_depth: dict[str, int]
    dead_letter_depth: dict[str, int]

    @property
    def holds(self) -> bool:
        """Both equations, and no gap in what was read."""
        return self.residue == 0 and not self.gaps


class Auditor:
    """`scan` has to be older than anything that `walk` reads."""

    def __init__(
        self,
        *,
        walk: Walk,
        scan: LeaseScan,
        delivery_log: DeliveryLog,
        retry_queues: Mapping[Channel, RetryQueue],
        dead_letters: DeadLetters,
        clock: Clock,
    ) -> None:
        self._walk = walk
        self._scan = scan
        self._log = delivery_log
        self._retry_queues = retry_queues
        self._dead_letters = dead_letters
        self._clock = clock
        self._tally = Tally()
        self._waiting: Counter[Channel] = Counter()
        self._suspects: list[LogRow] = []

    async def audit(
        self, sources: Sequence[AuditedSource], stretch: Stretch, progress: Callable[[int], None]
    ) -> Report:
        """`progress` hears how many records were checked. Raises AwsError or TransportError."""
        for audited in sources:
            async for part in self._walk.parts(audited, stretch):
                for entry in part:
                    self._check(entry)
                progress(self._tally.read)
        retry_depth = await self._depths()
        stranded_count, stranded = await self._find_stranded(retry_depth)
        return await self._report(stretch, sources, stranded_count, stranded, retry_depth)

    def _check(self, entry: Matched) -> None:
        tally = self._tally
        if entry.reached is Reached.UNREAD:
            tally.unread += 1
            return
        if entry.before_start:
            tally.count(Account.BEFORE_START)
            return
        match entry.decoded:
            case Filtered():
                tally.count(Account.FILTERED)
            case Malformed():
                tally.count(Account.MALFORMED)
            case Event() as event:
                found = check_event(event, entry.types, entry.rows, entry.position)
                settled = entry.reached is Reached.SETTLED
                tally.add(found, settled=settled)
                if settled:
                    self._note_waiting(found.deliveries)

    def _note_waiting(self, found: Sequence[DeliveryFound]) -> None:
        for delivery in found:
            if delivery.standing is Standing.WAITING and (channel := delivery.row.channel) is not None:
                self._waiting[channel] += 1
                if len(self._suspects) < _SUSPECTS_MAX:
                    self._suspects.append(delivery.row)

    async def _depths(self) -> dict[Channel, int]:
        return {channel: await queue.depth() for channel, queue in self._retry_queues.items()}

    async def _find_stranded(self, depth: dict[Channel, int]) -> tuple[int, list[LogRow]]:
        """What waits for its next attempt, by more than there are messages to make it."""
        waiting, suspects = self._waiting, self._suspects
        for look in range(_LOOKS_MAX):
            over = {channel: count - depth.get(channel, 0) for channel, count in waiting.items()}
            over = {channel: count for channel, count in over.items() if count > 0}
            suspects = [row for row in suspects if row.channel in over]
            if not over or look == _LOOKS_MAX - 1:
                return sum(over.values()), suspects[:LISTED_MAX]
            await self._clock.sleep(_LOOK_AGAIN_S)
            known = suspects
            suspects = [row for row in known if await self._still_waits(row)]
            waiting = waiting - _by_channel(known) + _by_channel(suspects)
            depth.update(await self._depths())
        raise AssertionError("the last look returns")

    async def _still_waits(self, row: LogRow) -> bool:
        rows = await self._log.rows_of_event(row.event_id)
        found = deliveries([other for other in rows if other.delivery_id == row.delivery_id])
        return any(delivery.standing is Standing.WAITING for delivery in found)

    async def _report(
        self,
        stretch: Stretch,
        sources: Sequence[AuditedSource],
        stranded_count: int,
        stranded: list[LogRow],
        retry_depth: dict[Channel, int],
    ) -> Report:
        tally = self._tally
        names = {audited.source.name for audited in sources}
        ledger = {item.key: item.progress.accounted for item in self._scan.shards if item.source in names}
        off = sum(abs(Accounted.from_dict(accounted).residue()) for accounted in ledger.values())
        channels = (None, *self._retry_queues)
        return Report(
            from_s=stretch.from_s,
            to_s=stretch.to_s,
            ledger=ledger,
            events=tally.events_equation(),
            deliveries=tally.deliveries_equation(stranded_count),
            suppressed=dict(tally.suppressed),
            unread=tally.unread,
            residue=off + tally.missing_count + stranded_count,
            missing=tally.missing,
            stranded_count=stranded_count,
            stranded=stranded,
            gaps=await self._gaps(sources, stretch),
            unknown_shards=[damage.key for damage in self._scan.damaged],
            possible_duplicates_count=tally.duplicates_count,
            possible_duplicates=tally.duplicates,
            in_doubt_count=tally.doubts_count,
            in_doubt=tally.doubts,
            retry_depth={channel.value: depth for channel, depth in retry_depth.items()},
            dead_letter_depth={
                str(channel or "events"): await self._dead_letters.depth(channel) for channel in channels
            },
        )

    async def _gaps(self, sources: Sequence[AuditedSource], stretch: Stretch) -> list[LogRow]:
        """What the stream lost before it was read, noticed in this stretch."""
        gaps: list[LogRow] = []
        for audited in sources:
            for shard in await audited.source.list_shards():
                rows = await self._log.rows_of_event(f"gap#{shard_key(audited.source.name, shard.shard_id)}")
                gaps += [
                    row for row in rows if row.kind is RowKind.GAP and stretch.from_s <= row.at_s < stretch.to_s
                ]
        return gaps[:LISTED_MAX]


def _by_channel(rows: Sequence[LogRow]) -> Counter[Channel]:
    return Counter(row.channel for row in rows if row.channel is not None)
