"""Every state of a small world: workers on the project's own window, claims, slots and recovery.

A world is a few records with a few deliveries each, in one or two shards, up to two workers, and a number of
faults: a crash, a take while the owner still runs (a zombie), an applied write whose copy comes again late.
The walk visits all interleavings and says what was lost, how often anything was sent twice, and whether
anybody got stuck.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator

import msgspec

from notifyd.core.account import Account, Accounted
from notifyd.core.catalog import Catalog
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.event import Event
from notifyd.core.kept_event import Known
from notifyd.core.lease import Refusal, ShardItem, judge_refusal
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.message import Delivery, Email
from notifyd.core.sequence import Position, TrimHorizon
from notifyd.core.window import Progress, Standing, Window
from notifyd.flow.claims import Claims
from notifyd.flow.expand import Origin
from notifyd.flow.orphanage import Orphanage
from notifyd.flow.prepared import Prepared
from notifyd.flow.recover import judge
from notifyd.flow.slot_desk import SlotDesk
from notifyd.flow.ticket import Ticket
from tests.fakes.system import FakeClock

Shape = tuple[tuple[int, ...], ...]  # deliveries of each record of each shard
# Nobody of a world is suppressed, so none of its events is looked into.
_EVENT = Event("", "world", (), None, {}, 1.0, Position("0"), None, False)


class Rules(msgspec.Struct, frozen=True):
    """The protocol's, each of which can be broken to show that the walk would notice."""

    chained: bool = True
    free_on_acknowledgement: bool = True
    ask_the_log: bool = True


class Found(msgspec.Struct):
    states: int = 0
    lost: int = 0
    duplicates: dict[int, int] = {}  # faults → most deliveries sent twice
    stuck: int = 0
    unlisted: int = 0  # sent twice, and nobody took it for a possible duplicate


class Owned:
    """One shard in a worker's hands."""

    def __init__(self, shard: int, item: ShardItem, log: frozenset[str], world: Walk, slots: SlotDesk) -> None:
        self.shard = shard
        self.epoch = item.epoch
        self.previous_commit = item.commit_id
        self.window = Window.recovered(item.progress)
        self.claims = Claims(self.window, slots, f"shard{shard}")
        self.slots = slots
        self.to_send: list[Ticket] = []
        self.sent: list[Ticket] = []
        self.rowed = 0
        slots.join(f"shard{shard}", _nobody_waits)
        self._read_all(item, log, world)

    def _read_all(self, item: ShardItem, log: frozenset[str], world: Walk) -> None:
        behind = item.progress.checkpoint
        places = [place for place in world.places[self.shard] if behind is None or place.is_after(behind)]
        first, standings = self.window.append(places, [1.0] * len(places))
        for offset, (place, standing) in enumerate(zip(places, standings, strict=True)):
            if standing is Standing.SETTLED:
                continue
            prepared = world.prepared(self.shard, place, first + offset)
            prepared.begun_to = self.window.begun_to(first + offset)
            if standing is Standing.IN_DOUBT and world.rules.ask_the_log:
                origin = Origin(_EVENT, None, prepared.index, place.text(), Known({}))  # type: ignore[arg-type] # nobody is told
                rows = [row for row in world.rows_of(prepared) if row.row in log]
                judge(prepared, origin, (), rows, _ORPHANAGE)
            self.claims.add([prepared])


_ORPHANAGE = Orphanage(Catalog(()), [Channel.EMAIL], RowMaker(86_400.0), FakeClock())


class SharedTicket(Ticket):
    """Nothing of a ticket changes in the walk, so copies of a world share it."""

    def __deepcopy__(self, memo: dict[int, object]) -> SharedTicket:
        return self


class Worker:
    def __init__(self, slots_max: int) -> None:
        self.slots = SlotDesk(slots_max)
        self.owned: dict[int, Owned] = {}
        self.is_zombie = False  # others have taken a shard of it for dead


class World(msgspec.Struct):
    items: list[ShardItem]
    workers: list[Worker | None]
    log: frozenset[str] = frozenset()
    accepted: dict[str, int] = {}
    faults_left: int = 0
    late: tuple[int, ShardItem, str] | None = None  # shard, the item as it would be written, the id it expects
    commits: int = 0
    listed: frozenset[str] = frozenset()


class Walk:
    def __init__(self, shape: Shape, *, slots_max: int, faults: int, rules: Rules | None = None) -> None:
        self.shape = shape
        self.slots_max = slots_max
        self.faults = faults
        self.rules = rules or Rules()
        self.places = [[Position(str(10 + index)) for index in range(len(records))] for records in shape]

    # --- the world's records ---

    def delivery_ids(self, shard: int, record: int) -> list[str]:
        return [f"{shard}.{record}.{delivery}" for delivery in range(self.shape[shard][record])]

    def prepared(self, shard: int, place: Position, index: int) -> Prepared:
        record = int(place.sequence) - 10
        prepared = Prepared(index, Account.EXPANDED, 0)
        for delivery_id in self.delivery_ids(shard, record):
            delivery = Delivery(
                delivery_id=delivery_id,
                event_id=f"{shard}.{record}",
                user_id=delivery_id,
                type_name="t",
                channel=Channel.EMAIL,
                address="a",
                lane=Lane.BULK,
                in_doubt=InDoubt.RESEND,
                arrival_s=0.0,
                deadline_at_s=1e9,
                message=Email("s", "t"),
            )
            prepared.tickets.append(
                SharedTicket(delivery, None, index, place.text(), {}, 0.0)  # type: ignore[arg-type] # nobody is told
            )
        return prepared

    def row(self, ticket: Ticket) -> LogRow:
        delivery = ticket.delivery
        return LogRow(
            delivery.event_id,
            delivery.delivery_id,
            1,
            RowKind.ACCEPTED,
            ticket.position,
            0.0,
            0,
            user_id=delivery.user_id,
            type_name=delivery.type_name,
            channel=delivery.channel,
        )

    def rows_of(self, prepared: Prepared) -> list[LogRow]:
        return [self.row(ticket) for ticket in prepared.tickets]

    # --- the walk ---

    def run(self, states_max: int = 400_000) -> Found:
        start = World(
            items=[
                ShardItem(
                    "s",
                    str(shard),
                    TrimHorizon(),
                    Progress(None, 0.0, None, b"", "", Accounted().as_dict()),
                )
                for shard in range(len(self.shape))
            ],
            workers=[None, None],
            faults_left=self.faults,
        )
        found = Found()
        seen = {_key(start)}
        queue = deque([start])
        while queue:
            world = queue.popleft()
            self._judge(world, found)
            moves = list(self._moves(world))
            if not moves and not self._finished(world):
                found.stuck += 1
            for after in moves:
                key = _key(after)
                if key not in seen:
                    seen.add(key)
                    queue.append(after)
            if len(seen) > states_max:
                raise AssertionError(f"more than {states_max} states: the case is too large to walk")
        found.states = len(seen)
        return found

    def _finished(self, world: World) -> bool:
        ends = [places[-1] for places in self.places]
        return all(item.progress.checkpoint == end for item, end in zip(world.items, ends, strict=True))

    def _judge(self, world: World, found: Found) -> None:
        duplicates = sum(max(0, count - 1) for count in world.accepted.values())
        used = self.faults - world.faults_left
        found.unlisted += any(count > 1 and name not in world.listed for name, count in world.accepted.items())
        found.duplicates[used] = max(found.duplicates.get(used, 0), duplicates)
        for shard, item in enumerate(world.items):
            for record in self._settled(shard, item):
                if any(not world.accepted.get(name) for name in self.delivery_ids(shard, record)):
                    found.lost += 1

    def _settled(self, shard: int, item: ShardItem) -> Iterator[int]:
        """Records of which the item says that they need nothing more."""
        window = Window.recovered(item.progress)
        behind = item.progress.checkpoint
        for record, place in enumerate(self.places[shard]):
            if (behind is not None and not place.is_after(behind)) or window.append([place], [1.0])[1] == [
                Standing.SETTLED
            ]:
                yield record

    def _moves(self, world: World) -> Iterator[World]:
        for number, worker in enumerate(world.workers):
            if worker is None or not worker.is_zombie:
                yield from self._take(world, number)
            if worker is None:
                continue
            if world.faults_left:
                after = _copy(world)
                after.workers[number] = None
                after.faults_left -= 1
                yield after
            for shard in worker.owned:
                yield from self._write(world, number, shard)
                yield from self._send(world, number, shard)
                yield from self._flush(world, number, shard)
        if world.late is not None:
            yield self._late_write(world)

    def _take(self, world: World, number: int) -> Iterator[World]:
        """A worker takes one shard. It is a fault where its owner still runs; a zombie's other shards follow."""
        for shard, item in enumerate(world.items):
            owner = self._owner(world, shard)
            if owner == number or item.progress.checkpoint == self.places[shard][-1]:
                continue
            holder = None if owner is None else world.workers[owner]
            cost = 0 if holder is None or holder.is_zombie else 1
            if world.faults_left < cost:
                continue
            after = _copy(world, *({number} if owner is None else {number, owner}))
            after.faults_left -= cost
            if owner is not None and (given_up := after.workers[owner]) is not None:
                given_up.is_zombie = True
            after.commits += 1
            taken = msgspec.structs.replace(
                item, epoch=item.epoch + 1, lease_owner=f"w{number}", commit_id=f"c{after.commits}"
            )
            after.items[shard] = taken
            worker = after.workers[number] or Worker(self.slots_max)
            worker.owned[shard] = Owned(shard, taken, after.log, self, worker.slots)
            after.workers[number] = worker
            yield after

    def _owner(self, world: World, shard: int) -> int | None:
        """Whose the shard is, where that worker still runs."""
        epoch = world.items[shard].epoch
        for number, worker in enumerate(world.workers):
            if worker is not None and shard in worker.owned and worker.owned[shard].epoch == epoch:
                return number
        return None

    def _write(self, world: World, number: int, shard: int) -> Iterator[World]:
        after = _copy(world, number)
        worker = after.workers[number]
        assert worker is not None
        owned = worker.owned[shard]
        claimed = owned.claims.claim_next()
        owned.window.advance()
        if not (claimed or owned.rowed or owned.claims.changed):
            return
        owned.claims.changed = False
        after.commits += 1
        commit_id = f"c{after.commits}"
        item = after.items[shard]
        written = msgspec.structs.replace(item, progress=owned.window.progress(), commit_id=commit_id)
        refusal = judge_refusal(
            item,
            owner=f"w{number}",
            epoch=owned.epoch,
            commit_id=commit_id,
            previous_commit_id=owned.previous_commit,
        )
        if (self.rules.chained and refusal is Refusal.FENCED) or item.epoch != owned.epoch:
            # Its slots stay taken: others hold this worker for dead, and its other shards may follow.
            del worker.owned[shard]
            if not worker.owned:
                after.workers[number] = None
            yield after
            return
        after.items[shard] = written
        self._acknowledged(owned, claimed, commit_id)
        yield after
        if world.faults_left and world.late is None:
            copied = _copy(after)
            copied.late = (shard, written, item.commit_id)
            copied.faults_left -= 1
            yield copied

    def _acknowledged(self, owned: Owned, claimed: list[Prepared], commit_id: str) -> None:
        owned.previous_commit = commit_id
        if self.rules.free_on_acknowledgement:
            owned.slots.free(f"shard{owned.shard}", owned.rowed)
        owned.rowed = 0
        owned.to_send += [ticket for prepared in claimed for ticket in prepared.tickets]

    def _late_write(self, world: World) -> World:
        """The network brings an earlier write once more."""
        assert world.late is not None
        shard, written, expected = world.late
        after = _copy(world)
        after.late = None
        item = after.items[shard]
        if item.commit_id == expected or (not self.rules.chained and item.epoch == written.epoch):
            after.items[shard] = msgspec.structs.replace(written, commit_id=item.commit_id)
        return after

    def _send(self, world: World, number: int, shard: int) -> Iterator[World]:
        if (before := world.workers[number]) is None or not before.owned[shard].to_send:
            return
        after = _copy(world, number)
        worker = after.workers[number]
        assert worker is not None
        owned = worker.owned[shard]
        ticket = owned.to_send.pop(0)
        name = ticket.delivery.delivery_id
        if ticket.again:
            after.listed |= {name}
        after.accepted = {**after.accepted, name: min(9, after.accepted.get(name, 0) + 1)}
        owned.sent.append(ticket)
        yield after

    def _flush(self, world: World, number: int, shard: int) -> Iterator[World]:
        """The rows of all that was sent become durable."""
        if (before := world.workers[number]) is None or not before.owned[shard].sent:
            return
        after = _copy(world, number)
        worker = after.workers[number]
        assert worker is not None
        owned = worker.owned[shard]
        after.log = after.log | {self.row(ticket).row for ticket in owned.sent}
        owned.claims.tickets_ended(owned.sent)
        owned.rowed += len(owned.sent)
        if not self.rules.free_on_acknowledgement:
            owned.slots.free(f"shard{shard}", len(owned.sent))
        owned.sent = []
        yield after


def _copy(world: World, *changing: int) -> World:
    """Workers that change are copied, everything else in a world is immutable or replaced."""
    workers = list(world.workers)
    for number in changing:
        workers[number] = copy.deepcopy(workers[number])
    return World(
        items=list(world.items),
        workers=workers,
        log=world.log,
        accepted=world.accepted,
        faults_left=world.faults_left,
        late=world.late,
        commits=world.commits,
        listed=world.listed,
    )


def _nobody_waits() -> None:
    """Worlds have no wake-ups: every move is tried anyway."""


def _key(world: World) -> bytes:
    """The state without names: commit ids only as far as they still match."""
    items = [(item.epoch, msgspec.json.encode(item.progress), item.lease_owner) for item in world.items]
    workers = [
        None
        if worker is None
        else [
            (
                shard,
                owned.epoch,
                owned.previous_commit == world.items[shard].commit_id,
                msgspec.json.encode(owned.window.progress()),
                [prepared.index for prepared in owned.claims.ready],
                [ticket.delivery.delivery_id for ticket in owned.to_send],
                [ticket.delivery.delivery_id for ticket in owned.sent],
                owned.rowed,
                owned.slots.used,
                owned.claims.changed,
                owned.claims.partial_count,
            )
            for shard, owned in sorted(worker.owned.items())
        ]
        + [worker.is_zombie]
        for worker in world.workers
    ]
    late = None
    if world.late is not None:
        shard, written, expected = world.late
        still_expected = expected == world.items[shard].commit_id
        late = (shard, written.epoch, msgspec.json.encode(written.progress), still_expected)
    told = (sorted(world.log), sorted(world.listed), sorted(world.accepted.items()))
    state = (items, workers, told, world.faults_left, late)
    return repr(state).encode()
