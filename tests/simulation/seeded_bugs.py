"""The daemon with one of its rules taken out, each by a part of its own in the place of the daemon's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.retry_message import RetryMessage
from notifyd.core.user import Person
from notifyd.flow.engine import Engine
from notifyd.flow.expand import Origin
from notifyd.flow.heart import Heart
from notifyd.flow.held_ids import HeldIds
from notifyd.flow.prepared import Prepared
from notifyd.flow.repeats import Repeats
from notifyd.flow.route import Router
from notifyd.flow.setup import Outside, SourceSetup
from notifyd.flow.shard import ShardParts
from notifyd.flow.slot_desk import SlotDesk
from notifyd.ports import (
    DeliveryLog,
    Directory,
    LeaseTable,
    LookUpLimits,
    Provider,
    ProviderRoute,
    RetryQueue,
    ShardInfo,
    ShardWrite,
    Source,
)
from tests.simulation.cluster import Parts
from tests.simulation.faults import Group
from tests.simulation.process import Process
from tests.simulation.world.provider import LOOK_UPS
from tests.simulation.world.world import World


class _Around:
    """A port with some of its methods replaced."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


# --- the fence ---


class _Fearless(Heart):
    """Knows of no lapse and waits for no renewal."""

    def __init__(self) -> None:
        self.lapses = 0

    async def ensure_fresh(self) -> bool:
        return True


class _Unfenced(Engine):
    def _router(self, channel: Channel) -> Router:
        router = super()._router(channel)
        for dispatcher in router._dispatchers.values():
            dispatcher._heart = _Fearless()
        return router


# --- the claim ---


class _Unclaimed(_Around):
    """Says nothing of what has begun beyond the checkpoint."""

    async def write(self, write: ShardWrite) -> ShardItem | None:
        progress = msgspec.structs.replace(
            write.progress, claimed=write.progress.checkpoint, unsettled=b"", first_sequence=""
        )
        standing: ShardItem | None = await self._port.write(msgspec.structs.replace(write, progress=progress))
        return standing


def _without_claim(outside: Outside, _process: Process, _world: World) -> Outside:
    return msgspec.structs.replace(outside, lease_table=cast(LeaseTable, _Unclaimed(outside.lease_table)))


# --- the chained commit_id ---


def _without_chain(outside: Outside, _process: Process, world: World) -> Outside:
    """The table compares epoch and owner alone."""
    compare = type(world.table).apply

    def apply(write: ShardWrite) -> ShardItem | None:
        standing = world.table.shards[write.key].commit_id
        return compare(world.table, msgspec.structs.replace(write, previous_commit_id=standing))

    world.table.__dict__["apply"] = apply
    return outside


# --- parents first ---


class _Orphans(_Around):
    async def list_shards(self) -> list[ShardInfo]:
        listed: list[ShardInfo] = await self._port.list_shards()
        return [msgspec.structs.replace(shard, parents=()) for shard in listed]


def _without_parents(outside: Outside, _process: Process, _world: World) -> Outside:
    return msgspec.structs.replace(outside, sources=[_of_orphans(setup) for setup in outside.sources])


def _of_orphans(setup: SourceSetup) -> SourceSetup:
    return msgspec.structs.replace(setup, source=cast(Source, _Orphans(setup.source)))


# --- settled only after the hand-over ---


class _Hasty(_Around):
    """Says at once that the queue has it."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._puts: set[asyncio.Task[Any]] = set()

    async def put(self, messages: Sequence[RetryMessage]) -> list[bool]:
        put = asyncio.ensure_future(self._put(list(messages)))
        self._puts.add(put)
        put.add_done_callback(self._puts.discard)
        return [True for _ in messages]

    async def _put(self, messages: Sequence[RetryMessage]) -> None:
        while True:
            try:
                taken = await self._port.put(messages)
            except Exception:  # noqa: BLE001 - again, until it is there
                taken = [False for _ in messages]
            messages = [message for message, was_taken in zip(messages, taken, strict=True) if not was_taken]
            if not messages:
                return


def _settling_before_hand_over(outside: Outside, _process: Process, _world: World) -> Outside:
    queues = {channel: cast(RetryQueue, _Hasty(queue)) for channel, queue in outside.retry_queues.items()}
    return msgspec.structs.replace(outside, retry_queues=queues)


# --- the slot-freeing rule ---


class _Generous(SlotDesk):
    """Hands slots out again as soon as they are taken."""

    def take(self, holder: str, wanted: int) -> int:  # noqa: ARG002 - everybody gets all
        return wanted

    def free(self, holder: str, count: int) -> None: ...


class _SlotsFreedAtOnce(Engine):
    def _shard_parts(self, *arguments: Any) -> ShardParts:
        return msgspec.structs.replace(super()._shard_parts(*arguments), slots=_Generous(self.slots.slots_max))


# --- append-only rows ---


def _one_row_a_delivery(outside: Outside, _process: Process, world: World) -> Outside:
    """The newest row of a delivery stands in the place of all before."""

    def key_of(row: LogRow) -> str:
        return row.row if row.kind in ("claim", "possible_duplicate") else row.delivery_id

    world.log.__dict__["_key_of"] = key_of
    return outside


# --- dedupe: the log is asked of what fingerprints know, and of all behind a takeover ---


class _Credulous(Repeats):
    async def _ask(
        self, asked: Sequence[tuple[Prepared, Origin]], why: Sequence[str]
    ) -> list[tuple[Prepared, Origin, str]]:
        return [(*pair, "somewhere") for pair, one in zip(asked, why, strict=True) if one == "fingerprint"]


class _Forgetful(Repeats):
    def join(self, item: ShardItem) -> HeldIds:
        held = super().join(item)
        self._shards[item.shard_id].is_new = True
        return held


class _Believing(Engine):
    dedupes: type[Repeats] = _Credulous

    def _repeats(self, setup: SourceSetup) -> Repeats | None:
        repeats = super()._repeats(setup)
        if repeats is not None:
            repeats.__class__ = self.dedupes
        return repeats


class _Forgetting(_Believing):
    dedupes = _Forgetful


# --- the settle time ---


class _Rash(_Around):
    """A provider that is believed at once when it says that it has nothing."""

    @property
    def look_up_limits(self) -> LookUpLimits:
        return msgspec.structs.replace(LOOK_UPS, settle_s=0.0)


def _without_settling(outside: Outside, _process: Process, _world: World) -> Outside:
    providers = {channel: [_to_rash(route) for route in routes] for channel, routes in outside.providers.items()}
    return msgspec.structs.replace(outside, providers=providers)


def _to_rash(route: ProviderRoute) -> ProviderRoute:
    return msgspec.structs.replace(route, provider=cast(Provider, _Rash(route.provider)))


# --- everything is asked again before a later attempt ---


class _Remembering(_Around):
    """A directory that is asked once about each user, as a cache without an end would have it."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._known: dict[str, Person] = {}

    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        new = [user_id for user_id in user_ids if user_id not in self._known]
        if new:
            self._known.update(await self._port.look_up(new))
        return {user_id: self._known[user_id] for user_id in user_ids}


def _asking_once(outside: Outside, _process: Process, _world: World) -> Outside:
    return msgspec.structs.replace(outside, directory=cast(Directory, _Remembering(outside.directory)))


# --- what the rows of a delivery under way, or of one that ended, say ---


class _Blind(_Around):
    """A log that does not give back rows of one kind."""

    def __init__(self, port: Any, kind: RowKind) -> None:
        super().__init__(port)
        self._kind = kind

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        return [row for row in await self._port.rows_of_event(event_id) if row.kind is not self._kind]


def _blind_to(kind: RowKind) -> Callable[[Outside, Process, World], Outside]:
    def blind(outside: Outside, _process: Process, _world: World) -> Outside:
        return msgspec.structs.replace(outside, delivery_log=cast(DeliveryLog, _Blind(outside.delivery_log, kind)))

    return blind


class SeededBug(msgspec.Struct, frozen=True):
    """`groups`: the faults under which it shows soonest. `is_rare`: it takes dozens of seeds even so."""

    groups: tuple[Group, ...]
    is_rare: bool = False
    engine: Callable[..., Engine] = Engine
    outside: Callable[[Outside, Process, World], Outside] = lambda outside, _process, _world: outside

    @property
    def parts(self) -> Parts:
        return Parts(engine=self.engine, outside=self.outside)


SEEDED_BUGS: dict[str, SeededBug] = {
    "the fence": SeededBug((Group.PAUSE,), engine=_Unfenced),
    "the claim": SeededBug((Group.CRASH,), outside=_without_claim),
    "the chained commit_id": SeededBug((Group.WEATHER,), outside=_without_chain),
    "parents first": SeededBug((Group.RESHARD,), outside=_without_parents),
    "settling after hand-over": SeededBug((Group.CRASH, Group.WEATHER), outside=_settling_before_hand_over),
    "the slot-freeing rule": SeededBug((Group.CRASH,), engine=_SlotsFreedAtOnce),
    "asking the log of fingerprints": SeededBug((Group.DUPLICATE,), engine=_Believing),
    "asking the log after a takeover": SeededBug((Group.DUPLICATE, Group.RESTART), engine=_Forgetting),
    "the settle time": SeededBug((Group.PROVIDER,), outside=_without_settling),
    "asking again before a later attempt": SeededBug((Group.PROVIDER,), outside=_asking_once),
    "taking up a listed resend": SeededBug((Group.CRASH,), outside=_blind_to(RowKind.POSSIBLE_DUPLICATE)),
    "no end beside a suppression": SeededBug((Group.CRASH,), outside=_blind_to(RowKind.SUPPRESSED)),
    "no end beside a burial": SeededBug(
        (Group.CRASH, Group.RELEASE), is_rare=True, outside=_blind_to(RowKind.DEAD)
    ),
    "append-only rows": SeededBug((Group.PROVIDER, Group.WEATHER), outside=_one_row_a_delivery),
}
