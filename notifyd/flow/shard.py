"""The loop of one shard: read → prepare → claim → (dispatcher) → record → commit. The file to read first.

Two tasks share a window. `_read` takes parts of up to 250 prepared records from the feed. `_commit` is the
one writer of the shard's item: each write settles, advances the checkpoint and claims the next records at
once, and only what an acknowledged write covers is ever begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum

import msgspec
import structlog

from notifyd.core.account import growth
from notifyd.core.lease import ShardItem
from notifyd.core.window import Window
from notifyd.end_tasks import end_tasks
from notifyd.flow.begin import Beginner
from notifyd.flow.byte_budget import ByteBudget
from notifyd.flow.claims import Claims
from notifyd.flow.feed_turns import FeedTurns
from notifyd.flow.heart import Heart
from notifyd.flow.ledger import LeaseLost, ShardLedger
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.pace import Pace
from notifyd.flow.prepare import Preparer
from notifyd.flow.read import ShardFeed
from notifyd.flow.repeats import Repeats
from notifyd.flow.slot_desk import SlotDesk
from notifyd.flow.ticket import Ticket
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Entropy, LeaseTable, Source
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class ShardEnded(Enum):
    """Why a shard's loop ended."""

    SHARD_END = "SHARD_END"  # read and settled to its end: its children may start
    LEASE_LOST = "LEASE_LOST"  # another's now: nothing more was committed
    REQUESTED = "REQUESTED"  # drained, committed, released
    ERROR = "ERROR"  # a bug: the settled prefix was committed, the lease released


class ShardParts(msgspec.Struct, frozen=True):
    """What every shard of a source is built from.

    `lost_slots_held_s`: who took one shard held this worker for dead and may be taking its others. Were the
    slots of the lost one free at once, they could be spent on the next to be lost: more than slots_max of one
    fault. After failover_time_s a further take means a further fault.
    """

    source: Source
    lease_table: LeaseTable
    preparer: Preparer
    repeats: Repeats | None
    beginner: Beginner
    heart: Heart
    slots: SlotDesk
    log_writer: LogWriter
    budget: ByteBudget
    watch: Watch
    metrics: Metrics
    clock: Clock
    entropy: Entropy
    turns: FeedTurns
    span_max: int
    commit_interval_s: float
    lost_slots_held_s: float


class ShardRun:
    """One owned shard, from take to release. Implements `TicketOwner`."""

    def __init__(self, item: ShardItem, parts: ShardParts) -> None:
        """Raises ValueError where the item's runs are damaged."""
        self.item = item
        self.holder = item.key
        self._parts = parts
        self._window = Window.recovered(item.progress)
        held = None if parts.repeats is None else parts.repeats.join(item)
        self._claims = Claims(self._window, parts.slots, self.holder, held)
        self._ledger = ShardLedger(parts.lease_table, item, parts.clock, parts.entropy)
        self._pace = Pace(parts.clock, parts.turns.steps, interval_s=parts.commit_interval_s)
        self._feed = ShardFeed(
            item,
            self._window,
            self,
            source=parts.source,
            preparer=parts.preparer,
            log_writer=parts.log_writer,
            budget=parts.budget,
            watch=parts.watch,
            turns=parts.turns.join(),
            span_max=parts.span_max,
            clock=parts.clock,
            entropy=parts.entropy,
        )
        self._work = asyncio.Event()
        self._counted = dict(item.progress.accounted)
        self._read_all = False
        self._stopping = False
        self._failed = False
        self._lost = False
        self._proof_wanted = False
        self._proven_lapses = parts.heart.lapses
        self._proven = asyncio.Event()
        self._rowed = 0  # slots whose deliveries ended; the next acknowledged write frees them

    # --- TicketOwner ---

    def may_send(self, ticket: Ticket) -> bool:  # noqa: ARG002 - the shard stands for all its tickets
        return not self._lost

    async def prove(self, lapses: int) -> None:
        """After a lapse of the heartbeat somebody may own the shard: the next acknowledged write says who."""
        while self._proven_lapses < lapses and not self._lost:
            self._proof_wanted = True
            self._proven.clear()
            self._work.set()
            await self._proven.wait()

    def settled(self, tickets: Sequence[Ticket]) -> None:
        self._rowed += len(tickets)
        self._claims.tickets_ended(tickets)
        self._wake()

    def dropped(self, tickets: Sequence[Ticket]) -> None:
        """Only after the lease was lost: whoever owns the shard now will send them."""
        self._claims.tickets_open -= len(tickets)
        self._work.set()

    def part_ended(self, index: int) -> None:
        """An end that took no slot has come: rows durable, or a message on its queue."""
        self._claims.part_ended(index)
        self._wake()

    def _wake(self) -> None:
        """What only settles wakes nobody who waits for what presses."""
        if not self._pace.is_patient or self._is_pressing():
            self._work.set()

    # --- the two tasks ---

    async def run(self) -> ShardEnded:
        """Ends for a named reason, or by being cancelled; either way slots and bytes are given back."""
        self._parts.slots.join(self.holder, self._work.set)
        reading = asyncio.create_task(self._read())
        try:
            return await self._commit(reading)
        except LeaseLost as lost:
            self._parts.metrics.fenced.add(1)
            log.warning("lease_lost", shard=self.holder, reason=str(lost))
            await self._finish_lost(reading)
            return ShardEnded.LEASE_LOST
        finally:
            self._lost = True
            self._proven.set()
            await end_tasks(reading)
            self._parts.slots.leave(self.holder)
            if self._parts.repeats is not None:
                self._parts.repeats.leave(self.item.shard_id)
            self._parts.budget.give_back(self._claims.held_bytes() + self._claims.settled_bytes)

    def request_stop(self) -> None:
        """Stop reading and claiming; what is claimed is finished, committed and released."""
        self._stopping = True
        self._work.set()

    async def _read(self) -> None:
        try:
            while (prepared := await self._feed.next_part()) is not None:
                self._claims.add(prepared)
                self._work.set()
            self._window.read_to_end()
            self._read_all = True
        except Exception:
            log.exception("shard_failed", shard=self.holder)
            self._failed = self._stopping = True
        self._work.set()

    async def _commit(self, reading: asyncio.Task[None]) -> ShardEnded:
        self._work.set()
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._is_due():
                continue
            await self._pace.wait(self._work, self._is_pressing)
            if self._stopping:
                await end_tasks(reading)
                self._claims.drop_unclaimed()
            ended = await self._write_once()
            if ended is not None:
                return ended

    async def _write_once(self) -> ShardEnded | None:
        """Settles what is settled, claims what has slots, writes, then begins what the write claimed."""
        claimed = self._claims.claim_next()
        self._window.advance()
        finished = self._read_all and self._claims.is_idle and self._window.is_empty
        release = self._stopping and self._claims.is_idle
        rowed = self._rowed
        news = self._claims.changed or self._proof_wanted or self._window.tip_is_news
        if not (claimed or rowed or finished or release or news):
            return None
        self._claims.changed = self._proof_wanted = False
        lapses = self._parts.heart.lapses
        progress = self._window.progress()
        try:
            await self._ledger.write(progress, finished=finished, release=finished or release)
        except LeaseLost:
            self._claims.not_begun(claimed)
            raise
        self._proven_lapses = lapses
        self._proven.set()
        self._rowed -= rowed
        self._parts.slots.free(self.holder, rowed)
        self._note_commit(progress.accounted)
        self._parts.beginner.begin(claimed, self)
        if finished:
            return ShardEnded.SHARD_END
        if release:
            return ShardEnded.ERROR if self._failed else ShardEnded.REQUESTED
        return None

    def _is_due(self) -> bool:
        """Whether a write may be needed; a wake-up without one must not spend the pace's turn."""
        return bool(self._rowed or self._claims.changed or self._window.tip_is_news or self._is_pressing())

    def _is_pressing(self) -> bool:
        """Somebody waits for the write: for what it claims, proves, ends, or for the slots that it frees."""
        return bool(
            self._claims.waits
            or self._proof_wanted
            or self._stopping
            or self._read_all
            or (self._rowed and self._parts.slots.waiting_count)
        )

    def _note_commit(self, accounted: dict[str, int]) -> None:
        self._parts.metrics.commits.add(1)
        self._parts.metrics.events.add_all(growth(self._counted, accounted))
        self._counted = accounted
        self._parts.budget.give_back(self._claims.settled_bytes)
        self._claims.settled_bytes = 0
        self._feed.made_room()

    async def _finish_lost(self, reading: asyncio.Task[None]) -> None:
        """What is in flight ends by its own timeout and its rows are still written; then the slots are free."""
        self._lost = True
        self._proven.set()
        await end_tasks(reading)
        self._parts.slots.give_up(self.holder)
        while self._claims.tickets_open > 0:
            self._work.clear()
            await self._work.wait()
        await self._parts.clock.sleep(self._parts.lost_slots_held_s)

    # --- what the one on call sees ---

    @property
    def iterator_age_s(self) -> float | None:
        return self._feed.iterator_age_s

    @property
    def unsettled_count(self) -> int:
        return self._window.unsettled_count

    @property
    def tickets_open(self) -> int:
        return self._claims.tickets_open

    @property
    def state(self) -> str:
        if self._stopping:
            return "draining"
        return "recovering" if self._window.is_recovering else "reading"

    def checkpoint_age_s(self, now_s: float) -> float | None:
        """Since the arrival of the last record behind the checkpoint; None before the first."""
        arrival_s = self._window.checkpoint_arrival_s
        return now_s - arrival_s if arrival_s else None

    @property
    def residue(self) -> int:
        """What the first equation lacks."""
        return self._window.accounted.residue()

    @property
    def deliveries_residue(self) -> int:
        """Begun deliveries less the slots that they should hold: 0, or one is counted wrongly."""
        if self._lost:
            return 0  # its slots stay taken for a while, whatever has ended
        return self._claims.tickets_open + self._rowed - self._parts.slots.held(self.holder)
