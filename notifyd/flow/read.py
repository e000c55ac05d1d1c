"""One shard's records, in parts ready to be claimed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from notifyd.core.event import Record
from notifyd.core.lease import ShardItem
from notifyd.core.sequence import TrimHorizon
from notifyd.core.window import Window
from notifyd.errors import AwsError, TransportError, TrimmedData
from notifyd.flow.backoff import Backoff
from notifyd.flow.byte_budget import ByteBudget
from notifyd.flow.feed_turns import ShardTurns
from notifyd.flow.gap import Gap
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.prepare import Preparer, preparing_bytes
from notifyd.flow.prepared import Prepared
from notifyd.flow.ticket import TicketOwner
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Entropy, Page, Source

log = structlog.get_logger(__name__)

PART_RECORDS = 250  # a part waits once for its users, and holds the loop for about 10 ms


class ShardFeed:
    """Reads, decodes and prepares, never further than span and byte budget allow."""

    def __init__(
        self,
        item: ShardItem,
        window: Window,
        owner: TicketOwner,
        *,
        source: Source,
        preparer: Preparer,
        log_writer: LogWriter,
        budget: ByteBudget,
        watch: Watch,
        turns: ShardTurns,
        span_max: int,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._item = item
        self._window = window
        self._owner = owner
        self._source = source
        self._preparer = preparer
        self._gap = Gap(item, window, source=source, log_writer=log_writer, watch=watch, clock=clock)
        self._budget = budget
        self._watch = watch
        self._turns = turns
        self._span_max = span_max
        self._clock = clock
        self._backoff = Backoff(clock, entropy, base_s=0.2, max_s=5.0)
        self._reader = source.reader(item.shard_id, window.resume_from(item.start))
        self._page: Sequence[Record] = ()
        self._page_at = 0
        self._next_read_at_s = 0.0
        self._ended = False
        self._room = asyncio.Event()
        self.iterator_age_s: float | None = None

    async def next_part(self) -> list[Prepared] | None:
        """Up to 250 records, prepared; none where a quiet shard is to be written; None once it has ended."""
        while self._page_at >= len(self._page):
            if self._ended:
                self._gap.look(None)
                await self._gap.close_at_end()
                return None
            await self._fetch()
            if self._window.tip_is_news:
                return []
        part, taken_bytes = self._cut()
        await self._wait_for_room(len(part))
        await self._budget.take(taken_bytes)
        kept_bytes = 0
        try:
            prepared = await self._prepare(part)
            kept_bytes = sum([entry.size_bytes for entry in prepared])
        finally:
            # What a predecessor settled is not kept, and nothing is of a part that was not finished.
            self._budget.give_back(taken_bytes - kept_bytes)
        return prepared

    def _cut(self) -> tuple[Sequence[Record], int]:
        """What is prepared next, and what it takes: of large records fewer, for the budget's sake."""
        part = self._page[self._page_at : self._page_at + PART_RECORDS]
        sizes_bytes = [preparing_bytes(record) for record in part]
        taken_bytes = sum(sizes_bytes)
        while len(sizes_bytes) > 1 and taken_bytes > self._budget.part_bytes_max:
            taken_bytes -= sizes_bytes.pop()
        self._page_at += len(sizes_bytes)
        return part[: len(sizes_bytes)], taken_bytes

    async def _prepare(self, part: Sequence[Record]) -> list[Prepared]:
        self._gap.look(part[0].position)
        first, standings = self._window.append(
            [record.position for record in part], [record.arrival_s for record in part]
        )
        self._watch.read(self._item.source, len(part))
        prepared = await self._preparer.prepare(
            self._item.shard_id, part, first, standings, self._owner, begun_to=self._window.begun_to
        )
        if prepared:
            self._gap.close_at(prepared[0], part[0].position)
        return prepared

    def made_room(self) -> None:
        """The checkpoint moved."""
        self._room.set()

    async def _wait_for_room(self, count: int) -> None:
        while self._window.read_count and self._window.read_count + count > self._span_max:
            self._room.clear()
            await self._room.wait()

    async def _fetch(self) -> None:
        wait_s = self._next_read_at_s - self._clock.elapsed_s()
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        started_at_s, asked_at_s = self._clock.elapsed_s(), self._clock.now_s()
        try:
            page = await self._read()
        except (AwsError, TransportError) as error:
            log.warning("read_failed", shard=self._item.key, error=str(error))
            self._watch.dependency_failed(self._item.source, str(error))
            await self._backoff.wait()
            return
        self._backoff.reset()
        self._watch.dependency_worked(self._item.source)
        self._page, self._page_at, self._ended = page.records, 0, page.ended
        if page.behind_s == 0.0 and not page.records:
            self._gap.at_tip(asked_at_s)
        self.iterator_age_s = self._age_s(page)
        self._next_read_at_s = self._turns.next_at_s(page, started_at_s)

    async def _read(self) -> Page:
        await self._gap.look_back()
        try:
            return await self._reader.read()
        except TrimmedData as trimmed:
            await self._gap.trimmed(trimmed.wanted)
        except AwsError as error:
            if error.code != "ResourceNotFoundException" or not await self._left_the_stream():
                raise
            self._gap.open(self._window.last_read_text)
            return Page([], ended=True, caught_up=True)
        self._reader = self._source.reader(self._item.shard_id, TrimHorizon())
        return Page([])

    async def _left_the_stream(self) -> bool:
        """What neither a read nor a listing finds; one of them alone may be behind the other."""
        return all(shard.shard_id != self._item.shard_id for shard in await self._source.list_shards())

    def _age_s(self, page: Page) -> float | None:
        """As the service says; where it says nothing, by the last record read."""
        if page.behind_s is not None:
            return page.behind_s
        if page.caught_up:
            return 0.0
        return self._clock.now_s() - page.records[-1].arrival_s if page.records else self.iterator_age_s
