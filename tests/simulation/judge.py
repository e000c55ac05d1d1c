"""Who watches from outside: what services were told and what the provider took, never the daemon's own word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.message import Delivery
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.core.sequence import Position
from tests.simulation.answers import Answers
from tests.simulation.dice import Dice
from tests.simulation.ends import ENDS, Ends
from tests.simulation.open_sends import OpenSends
from tests.simulation.process import Process
from tests.simulation.world.load import Written
from tests.simulation.world.meaning import Meaning, meanings_of
from tests.simulation.world.stream import WorldSource

if TYPE_CHECKING:
    from tests.simulation.world.world import World


class _Put(msgspec.Struct):
    """A record of a shard; `name`: how the events' DLQ calls it. `trimmed`: perhaps before it was read."""

    position: Position
    name: str
    written: Written
    trimmed: bool = False


class Judge:
    def __init__(self, world: World) -> None:
        self._world = world
        self._records: defaultdict[str, list[_Put]] = defaultdict(list)
        self._settled: Counter[str] = Counter()
        self._ended: set[Meaning] = set()
        self._buried_records: set[str] = set()
        self._repeats: set[str] = set()
        self._brought_at: defaultdict[str, set[str]] = defaultdict(set)  # positions, by event
        self._shards_of: defaultdict[str, set[str]] = defaultdict(set)
        self._puts_of: defaultdict[str, list[tuple[str, _Put]]] = defaultdict(list)
        self._in_flight: dict[str, tuple[str, str]] = {}  # process and user, by delivery
        self._open = OpenSends()
        self._ends = Ends()
        self.answers = Answers(world.people)
        self._trimmed_of: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()  # records that were trimmed before the checkpoint passed them
        self.due: dict[Meaning, float] = {}  # since when
        self.copies: Counter[Meaning] = Counter()
        self.accounts: Counter[str] = Counter()
        self.repeats_least = self.repeats_most = 0  # how many records are to be accounted as duplicates
        self.crashes = 0
        self.in_flight_at_crashes = 0
        self.victims: set[str] = set()
        self.flagged: set[str] = set()  # delivery ids
        self.on_lost: Callable[[list[str]], None] = lambda _users: None
        self.sent = 0
        self.slots_max = 0
        self.ambushes: list[int] = []  # whoever sends next dies so many steps later

    def put(self, source: WorldSource, shard: str, position: Position, written: Written) -> None:
        key = f"shard#{source.name}#{shard}"
        put = _Put(position, f"{source.name}/{shard}/{position.text()}", written)
        self._records[key].append(put)
        self.accounts[written.account] += 1
        for meaning in written.due:
            self.due.setdefault(meaning, self._world.loop.time())
        for event_id in dict.fromkeys(meaning[0] for meaning in written.due):
            self._count_copy(source, shard, self._puts_of[event_id], written)
            self._puts_of[event_id].append((key, put))
            self._shards_of[event_id].add(key)

    def _count_copy(
        self, source: WorldSource, shard: str, before: list[tuple[str, _Put]], written: Written
    ) -> None:
        """Behind another of its shard, or of a parent's, it is found out whatever happens; on another shard only
        where one process has both, or once the other is in the log and the shard was taken over.
        """
        dedupes = source.dedupe_window_s is not None
        lineage = {f"shard#{source.name}#{one}" for one in source.lineage(shard)}
        found = dedupes and any(key in lineage and not put.trimmed for key, put in before)
        self.repeats_least += found
        self.repeats_most += dedupes and bool(before)
        if not found:
            self.copies.update(written.due)

    @property
    def put_count(self) -> int:
        return sum(self.accounts.values())

    def some_put(self, source: WorldSource, dice: Dice) -> Iterator[tuple[str, Written]]:
        """One that was put into the source before and asks for something, often a late one; and its shard."""
        of_source = f"shard#{source.name}#"
        puts = [
            (key.removeprefix(of_source), put)
            for key, records in self._records.items()
            if key.startswith(of_source)
            for put in records
            if put.written.due
        ]
        if puts:
            puts.sort(key=lambda one: one[1].position.order())
            shard, put = dice.one_of(puts[-10:] if dice.chance(0.5) else puts)
            yield shard, put.written

    def trimmable(self, source: WorldSource, shard: str) -> int:
        """How many of the oldest can go: only of a shard that was read before does anybody know what was next."""
        key = f"shard#{source.name}#{shard}"
        item = self._world.table.shards.get(key)
        if item is None or item.progress.checkpoint is None:
            return 0
        return len(self._records[key]) - self._trimmed_of[key] - 1

    def trimmed(self, source: WorldSource, shard: str, count: int) -> None:
        key = f"shard#{source.name}#{shard}"
        start = self._trimmed_of[key]
        self._trimmed_of[key] += count
        for index in range(max(start, self._settled[key]), start + count):
            put = self._records[key][index]
            put.trimmed = True
            self.gaps[key] += 1
            # It may have been sent, and nobody will look that up: a copy is sent then.
            for event_id in dict.fromkeys(meaning[0] for meaning in put.written.due):
                if len(self._puts_of[event_id]) > 1:
                    self.copies.update(put.written.due)

    def may_be_lost(self) -> Iterator[tuple[str, Written]]:
        for key in self.gaps:
            yield from ((key, put.written) for put in self._records[key] if put.trimmed)

    # --- while it runs: each raises AssertionError on a broken promise ---

    def reading(self, source: WorldSource, shard: str) -> None:
        for parent in source.parents[shard]:
            item = self._world.table.shards.get(f"shard#{source.name}#{parent}")
            assert item is not None, f"{shard} is read though {parent} has no item"
            assert item.is_finished, f"{shard} is read before its parent {parent} is done"

    def sending(self, process: Process, batch: Sequence[Delivery]) -> None:
        """A first attempt comes from its shard: the sender has to own it, or nobody may be allowed to take it."""
        self.sent += len(batch)
        if self.ambushes:
            process.crash_at_step = process.steps + self.ambushes.pop()
        for delivery in batch:
            self._in_flight[delivery.delivery_id] = process.name, delivery.user_id
            shards = self._shards_of[delivery.event_id]
            if against := self.answers.against(process.name, delivery, shards):
                self._world.network.broken.append(f"{process.name} sends {delivery.event_id} {against}")
            if delivery.attempt == 1 and len(shards) == 1:
                [key] = shards
                self._open.sent(process.name, key, delivery.delivery_id)
                owner = self._world.table.shards[key].lease_owner
                if owner != process.name:
                    self._world.network.broken.append(
                        f"{process.name} sends {delivery.event_id} of {key}, which is {owner or 'nobody'}'s"
                    )
        if self._open.count(process.name) > self.slots_max:
            self._world.network.broken.append(
                f"{process.name} has begun {self._open.count(process.name)} deliveries that no acknowledged write "
                f"settled, with {self.slots_max} slots"
            )

    def taken(self, before: ShardItem, after: ShardItem) -> None:
        self._world.trace.note(f"-- {after.key} epoch {after.epoch}: {before.lease_owner} -> {after.lease_owner}")
        self.answers.took(after.lease_owner, after.key)
        if before.lease_owner and before.lease_owner != after.lease_owner:
            self.victims.add(before.lease_owner)
            self._open.lost(before.lease_owner, before.key)

    def written(self, before: ShardItem, after: ShardItem) -> None:
        self._open.written(before.lease_owner, after.key)
        old, new = before.progress.checkpoint, after.progress.checkpoint
        if old is not None and not after.is_finished:
            assert new is not None, f"{after.key}: the checkpoint {old.text()} is gone"
            assert not old.is_after(new), f"{after.key}: the checkpoint went back to {new.text()}"
        records, at = self._records[after.key], self._settled[after.key]
        while at < len(records) and (
            after.is_finished or (new is not None and not records[at].position.is_after(new))
        ):
            self._check_settled(after.key, records[at])
            at += 1
        self._settled[after.key] = at

    def _check_settled(self, key: str, put: _Put) -> None:
        if put.trimmed or put.name in self._repeats:
            return
        where = f"{key}: the checkpoint passed {put.position.text()}"
        if put.written.account == "malformed":
            assert put.name in self._buried_records, f"{where}, whose body is on no DLQ"
        for meaning in put.written.due:
            is_settled = meaning in self._ended or self._world.releases.may_leave_out(meaning)
            assert is_settled, f"{where} before {meaning} was settled"

    def read(self, process: str, event_id: str) -> None:
        self._ends.read(process, event_id)

    def rowed(self, process: str, rows: Sequence[LogRow]) -> None:
        self._world.network.broken += self._ends.rowed(process, rows)
        for row in rows:
            if row.kind in ENDS:
                self._ended.update(meanings_of(row))
            if row.kind is RowKind.DUPLICATE:
                self._repeats.add(row.position)
            if row.kind is RowKind.POSSIBLE_DUPLICATE:
                self.flagged.add(row.delivery_id)
                brought_at = self._brought_at[row.event_id]
                if brought_at and row.position not in brought_at:
                    self._repeats.add(row.position)  # set aside: who brought the event before ends it
            elif row.kind in ENDS or row.kind in (RowKind.DEFERRED, RowKind.UNKNOWN):
                self._brought_at[row.event_id].add(row.position)
            self._in_flight.pop(row.delivery_id, None)
            self._open.rowed(row.delivery_id)

    def queued(self, message: RetryMessage) -> None:
        self._ended.add((message.event_id, message.user_id, message.type_name, message.channel))

    def buried(self, message: DeadMessage) -> None:
        self._buried_records.add(message.position)

    def crashed(self, process: Process, point: str) -> None:
        self.crashes += 1
        lost = {key: user for key, (name, user) in self._in_flight.items() if name == process.name}
        for delivery_id in lost:
            del self._in_flight[delivery_id]
        self.in_flight_at_crashes += len(lost)
        self._world.trace.note(f"-- {process.name} dies {point}, {len(lost)} in flight")
        self._world.fired[f"crash {point}"] += 1
        self.on_lost(list(lost.values()))

    # --- how it stands ---

    def may_stay_open(self, position: str) -> bool:
        """A duplicate's: it was begun before that was known. Or trimmed: nobody can read what it asks for."""
        if position in self._repeats:
            return True
        source, shard, _ = position.split("/")
        puts = self._records[f"shard#{source}#{shard}"]
        return next(put.trimmed for put in puts if put.name == position)

    def under_way(self) -> list[str]:
        """Users of whom something has come to no end yet."""
        waiting = [message.user_id for message in self._world.retried()]
        return waiting + [meaning[1] for meaning in self.due if meaning not in self._ended]

    def accounted(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for item in self._world.table.shards.values():
            total.update(item.progress.accounted)
        return total

    @property
    def is_settled(self) -> bool:
        """The checkpoints have passed all records, and nothing waits to be tried again."""
        return not self._world.retried() and all(
            self._settled[key] == len(records) for key, records in self._records.items()
        )
