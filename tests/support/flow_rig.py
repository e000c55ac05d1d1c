"""Whole engines over fakes, in virtual time, and the account of what they did, taken from outside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from notifyd.core.catalog import Catalog, LookupPolicy, LookupSpec, NotificationType
from notifyd.core.channel import Channel, InDoubt
from notifyd.core.decode import Decoder
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Event
from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.message import Delivery
from notifyd.core.path import compile_path
from notifyd.core.pattern import compile_pattern
from notifyd.core.policy import DeliveryRules
from notifyd.core.retry import RetryPolicy
from notifyd.core.sequence import StartingPosition, TrimHorizon
from notifyd.core.user import Contact, Person, UserSettings
from notifyd.flow.deliver import DeliverTimes
from notifyd.flow.engine import Engine
from notifyd.flow.feed_turns import FeedTimes
from notifyd.flow.heart import HeartTimes
from notifyd.flow.leasing import LeaseTimes
from notifyd.flow.redeliver import RedeliverTimes
from notifyd.flow.setup import FlowSettings, Outside, SourceSetup
from notifyd.flow.templates import TemplateShelf
from notifyd.ports import Lookup, ProviderRoute
from notifyd.telemetry.metrics import Metrics
from tests.fakes.address_book import FakeAddressBook
from tests.fakes.control_table import FakeControlTable
from tests.fakes.delivery_log import FakeDeliveryLog
from tests.fakes.directory import FakeDirectory
from tests.fakes.lease_table import FakeLeaseTable
from tests.fakes.provider import FakeProvider, accept
from tests.fakes.queues import FakeAlerts, FakeDeadLetters, FakeRetryQueue
from tests.fakes.streams import FakeSource
from tests.fakes.system import FakeEntropy
from tests.support.virtual_time import VirtualClock
from tests.support.wire_cut import Wire

FAILOVER_S = 6.0
SEND_TIMEOUT_S = 1.0
VISIBILITY_S = 10.0
SETTINGS = FlowSettings(
    worker_id="",
    slots_max=1_000,
    commit_interval_s=0.05,
    span_max=1_000,
    bytes_in_process_max=1 << 20,
    dedupe_bytes_max=1 << 16,
    heart=HeartTimes(renew_interval_s=1.0, failover_time_s=FAILOVER_S, send_timeout_s=SEND_TIMEOUT_S),
    lease=LeaseTimes(scan_interval_s=0.5, failover_time_s=FAILOVER_S),
    deliver=DeliverTimes(linger_s=0.005, send_timeout_s=SEND_TIMEOUT_S, queue_wait_max_s=3.0),
    retry=RetryPolicy(attempts_max=4, backoff_base_s=1.0, backoff_max_s=8.0),
    redeliver=RedeliverTimes(receivers=2, receive_wait_s=0.5, send_timeout_s=SEND_TIMEOUT_S),
    log_flush_ms=5.0,
    log_ttl_s=86_400.0,
    alert_fold_s=60.0,
    drain_timeout_s=25.0,
)
TEMPLATES = {
    "paid/email.subject": "Paid",
    "paid/email.text": "{{ user.user_id }} paid {{ data.amount }}\n",
    "paid/push_ios.title": "Paid",
    "paid/sms.text": "{{ data.words }}",
    "paid/chat.text": "Paid\n",
    "rated/email.subject": "Rated",
    "rated/email.text": "{{ facts.merchant.name }}\n",
}
_FROM_THE_HORIZON = TrimHorizon()
_ENDS = (
    (RowKind.ACCEPTED, "accepted"),
    (RowKind.REJECTED, "rejected"),
    (RowKind.ADDRESS_GONE, "rejected"),
    (RowKind.SUPPRESSED, "suppressed"),
    (RowKind.EXPIRED, "expired"),
    (RowKind.DEAD, "dead"),
    (RowKind.DEFERRED, "waiting"),
    (RowKind.UNKNOWN, "waiting"),
)


def paid(name: str = "paid", detail_type: str = "paid", **fields: Any) -> NotificationType:
    values: dict[str, Any] = {
        "match": compile_pattern({"source": ["shop"], "detail-type": [detail_type]}),
        "users": compile_path("detail.users"),
        "data": compile_path("detail"),
        "category": "payments",
        "channels": (Channel.EMAIL,),
        "template": "paid",
        **fields,
    }
    return NotificationType(name, **values)


def raises(event: Event, person: Person, facts: Mapping[str, object]) -> bool:  # noqa: ARG001 - a catalog filter
    raise ZeroDivisionError


def merchant_lookup(on_failure: LookupPolicy) -> LookupSpec:
    return LookupSpec("merchant", compile_path("detail.merchant"), table="merchants", on_failure=on_failure)


class _Templates:
    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        return None if known_version == "v1" else ("v1", TEMPLATES)


class Worker:
    """One process."""

    def __init__(self, engine: Engine, wire: Wire, name: str, metrics: Metrics) -> None:
        self.engine = engine
        self.metrics = metrics
        self.wire = wire
        self.name = name
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(engine.run(self.stop))

    async def stopped(self) -> None:
        """SIGTERM: drains and ends."""
        self.stop.set()
        await self.task

    async def killed(self) -> None:
        """Kill -9: nothing of it reaches the outside any more."""
        self.wire.cut.set()
        self.task.cancel()
        await asyncio.wait([self.task])


class World:
    """What workers share, and what a test says of it."""

    def __init__(
        self,
        types: Sequence[NotificationType] = (paid(), paid("held", "held", in_doubt=InDoubt.HOLD)),
        *,
        rules: DeliveryRules | None = None,
        settings: FlowSettings = SETTINGS,
        starting_position: StartingPosition | None = _FROM_THE_HORIZON,
        record_age_max_s: float | None = None,
        dedupe_window_s: float | None = None,
        shards: Sequence[str] = ("shard-0",),
        lookups: dict[tuple[str, str], Lookup] | None = None,
        channel: Channel = Channel.EMAIL,
    ) -> None:
        self.clock = VirtualClock()
        self.settings = settings
        self.table = FakeLeaseTable()
        self.log = FakeDeliveryLog()
        self.retry = FakeRetryQueue(self.clock, visibility_s=VISIBILITY_S)
        self.dead = FakeDeadLetters()
        self.alerts = FakeAlerts()
        self.directory = FakeDirectory()
        self.address_book = FakeAddressBook(self.directory)
        self.control = FakeControlTable()
        self.provider = FakeProvider(self.clock, latency_s=0.05)
        self.weight = 1.0
        self.platform = ""
        self.others: list[ProviderRoute] = []  # beside `provider`
        self.beside: dict[Channel, FakeProvider] = {}  # other channels'
        self.source = FakeSource(self.clock, shards=shards)
        self.catalog = Catalog(types)
        self.channel = channel
        self.rules = rules or DeliveryRules(frozenset({channel}))
        self.lookups = lookups or {}
        self.put_count = 0
        self._starting_position = starting_position
        self._record_age_max_s = record_age_max_s
        self._dedupe_window_s = dedupe_window_s
        self._bodies: dict[str, bytes] = {}
        self._templates = TemplateShelf(_Templates(), self.clock, refresh_s=1e6)
        self._numbers = count(1)

    def use_types(self, types: Sequence[NotificationType]) -> None:
        """The catalog of the workers that start from now on."""
        self.catalog = Catalog(types)

    def unanswered(self, which: Callable[[Delivery], bool]) -> list[str]:
        """Requests with such deliveries are taken and never answered, until the list is cleared."""
        hung = ["on"]
        self.provider = FakeProvider(
            self.clock,
            latency_s=self.provider.latency_s,
            answer=lambda delivery: None if hung and which(delivery) else accept(delivery),
            group_key=which,
        )
        return hung

    # --- people and events ---

    def person(self, user_id: str, *, opted_out: bool = False, email: str | None = "") -> None:
        address = f"{user_id}@example.com" if email == "" else email
        self.directory.contacts[user_id] = Contact(user_id, address)
        if opted_out:
            self.directory.settings[user_id] = UserSettings(user_id, opted_out=True)

    def event(
        self,
        *users: str,
        detail_type: str = "paid",
        source: str = "shop",
        shard: str = "shard-0",
        arrival_s: float | None = None,
        **detail: Any,
    ) -> str:
        """Puts one; its id. Users who are not known yet become known, with an address."""
        for user_id in users:
            if user_id not in self.directory.contacts:
                self.person(user_id)
        event_id = f"evt-{next(self._numbers)}"
        body = {
            "id": event_id,
            "source": source,
            "detail-type": [detail_type],
            "detail": {"users": list(users), "amount": 5, **detail},
        }
        self._bodies[event_id] = msgspec.json.encode(body)
        self.put(self._bodies[event_id], shard, arrival_s=arrival_s)
        return event_id

    def repeat(self, event_id: str, *, shard: str = "shard-0") -> None:
        """The producer sends it again."""
        self.put(self._bodies[event_id], shard)

    def events(self, number: int, *, shard: str = "shard-0", detail_type: str = "paid") -> list[str]:
        """One for a user of its own each."""
        start = self.put_count
        return [self.event(f"u{start + index}", shard=shard, detail_type=detail_type) for index in range(number)]

    def put(self, body: bytes, shard: str = "shard-0", *, arrival_s: float | None = None) -> None:
        self.source.put(body, shard, arrival_s=arrival_s)
        self.put_count += 1

    def clock_at(self, seconds: float) -> float:
        """So long from now, in epoch seconds."""
        return self.clock.now_s() + seconds

    # --- workers ---

    async def worker(self, name: str = "ann", *, wire: Wire | None = None, **changes: Any) -> Worker:
        """Starts one; `changes`: of its settings."""
        await self._templates.load()
        wire = wire or Wire()
        settings = msgspec.structs.replace(self.settings, worker_id=name, **changes)
        outside = Outside(
            clock=self.clock,
            entropy=FakeEntropy(name),
            lease_table=wire.through("leases", self.table),
            delivery_log=wire.through("log", self.log),
            retry_queues={
                self.channel: wire.through("retry", self.retry),
                **{channel: FakeRetryQueue(self.clock, visibility_s=VISIBILITY_S) for channel in self.beside},
            },
            dead_letters=wire.through("dead", self.dead),
            alerts=wire.through("alerts", self.alerts),
            directory=wire.through("directory", self.directory),
            lookups=self.lookups,
            control=wire.through("control", self.control),
            providers={
                self.channel: [self._route(wire), *self.others],
                **{channel: [ProviderRoute(provider, 1.0)] for channel, provider in self.beside.items()},
            },
            sources=[self._source_setup(wire)],
            address_book=wire.through("address_book", self.address_book),
        )
        metrics = Metrics(
            CollectorRegistry(),
            version="0",
            providers={channel: ["fake"] for channel in (self.channel, *self.beside)},
            sources=[self.source.name],
        )
        engine = Engine(
            outside,
            settings,
            catalog=self.catalog,
            rules=self.rules,
            identity=Identity([("1", b"key")]),
            templates=self._templates,
            metrics=metrics,
        )
        return Worker(engine, wire, name, metrics)

    def _route(self, wire: Wire) -> ProviderRoute:
        return ProviderRoute(wire.through("provider", self.provider), self.weight, self.platform)

    def _source_setup(self, wire: Wire) -> SourceSetup:
        unskipped = {"data": {"detail": {"skip": [{"exists": False}]}}}
        criteria = compile_filter_criteria([unskipped], SourceKind.KINESIS)
        return SourceSetup(
            wire.through("source", self.source),
            Decoder(SourceKind.KINESIS, "events", filter_criteria=criteria),
            self._starting_position,
            self._record_age_max_s,
            FeedTimes(poll_interval_s=0.1, idle_poll_max_s=0.5),
            self._dedupe_window_s,
        )

    # --- waiting ---

    async def until(self, holds: Callable[[], bool], *, within_s: float = 120.0, every_s: float = 0.02) -> None:
        ends_at_s = self.clock.elapsed_s() + within_s
        while not holds():
            assert self.clock.elapsed_s() < ends_at_s, f"not within {within_s} s\n{self.describe()}"
            await self.clock.sleep(every_s)

    async def settled(self, *, within_s: float = 120.0) -> None:
        """Every record put is accounted for, and nothing waits to be tried again."""
        await self.until(
            lambda: self.accounted()["read"] == self.put_count and not self.retry.messages, within_s=within_s
        )

    # --- the account ---

    def accounted(self) -> Counter[str]:
        """The first equation, over all shards."""
        total: Counter[str] = Counter()
        for item in self.table.shards.values():
            total.update(item.progress.accounted)
        return total

    def deliveries(self) -> Counter[str]:
        """The second: where each delivery stands, by the furthest of its rows."""
        rows_of: dict[tuple[str, str], list[LogRow]] = {}
        for row in self.log.rows:
            if row.kind not in (RowKind.CLAIM, RowKind.GAP, RowKind.EVENT, RowKind.DUPLICATE):
                rows_of.setdefault((row.event_id, row.delivery_id), []).append(row)
        return Counter(_standing(rows) for rows in rows_of.values())

    def sent(self) -> Counter[tuple[str, str, str]]:
        """How often the provider took, or may have taken, each event × user × type."""
        by_id = {delivery.delivery_id: delivery for batch in self.provider.requests for delivery in batch}
        return Counter(
            (delivery.event_id, delivery.user_id, delivery.type_name)
            for delivery in map(by_id.__getitem__, self.provider.taken)
        )

    def duplicates(self) -> dict[tuple[str, str, str], int]:
        return {what: times - 1 for what, times in self.sent().items() if times > 1}

    def flagged(self) -> set[tuple[str, str, str]]:
        """What has a row `possible_duplicate`."""
        return {(row.event_id, row.user_id, row.type_name) for row in self.log.of_kind(RowKind.POSSIBLE_DUPLICATE)}

    def check_account(self) -> None:
        """Both equations, from outside: what was put, and what the table and the log say of it."""
        accounted = self.accounted()
        parts = ("before_start", "filtered", "unmatched", "malformed", "duplicate", "expanded")
        assert accounted["read"] == self.put_count, self.describe()
        assert sum(accounted[part] for part in parts) == accounted["read"], self.describe()
        for (event_id, delivery_id), kinds in self._ends().items():
            assert len(kinds) == 1, f"{event_id}/{delivery_id} ended as {sorted(kinds)}"

    def _ends(self) -> dict[tuple[str, str], set[str]]:
        ended = [(kind, name) for kind, name in _ENDS if name != "waiting"]
        ends: dict[tuple[str, str], set[str]] = {}
        for row in self.log.rows:
            ends.setdefault((row.event_id, row.delivery_id), set()).update(
                name for kind, name in ended if row.kind is kind
            )
        return {key: kinds for key, kinds in ends.items() if kinds}

    def check_everybody_got_it(self, events: Iterable[tuple[str, str, str]]) -> None:
        assert set(self.sent()) == set(events), self.describe()

    def describe(self) -> str:
        return (
            f"at {self.clock.elapsed_s():.1f} s: put {self.put_count}, accounted {dict(self.accounted())}, "
            f"deliveries {dict(self.deliveries())}, retry {len(self.retry.messages)}, "
            f"sent {sum(self.sent().values())}, alerts {self.alerts.subjects()}"
        )


def _standing(rows: Sequence[LogRow]) -> str:
    kinds = {row.kind for row in rows}
    return next((name for kind, name in _ENDS if kind in kinds), "nothing")


def of(type_name: str, events: Iterable[str], users: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(event_id, user_id, type_name) for event_id, user_id in zip(events, users, strict=True)]
