"""A stream, a log and a lease table in memory, as a daemon left them, and the commands' parts over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from notifyd.audit.auditor import Auditor, Report
from notifyd.audit.decide import Decider
from notifyd.audit.parts import AuditedSource, Walk
from notifyd.audit.resend import Resender, Resent
from notifyd.audit.shadow import Comparison, Shadow
from notifyd.audit.stretch import Stretch
from notifyd.core.account import Accounted
from notifyd.core.catalog import Catalog, NotificationType
from notifyd.core.channel import Channel
from notifyd.core.decode import Decoder
from notifyd.core.delivery_id import Identity
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.lease import ShardItem, StreamItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.path import compile_path
from notifyd.core.policy import DeliveryRules
from notifyd.core.sequence import Position, TrimHorizon
from notifyd.core.user import Contact
from notifyd.core.window import Progress
from notifyd.flow.claim_check import check_in
from notifyd.flow.facts import FactFinder
from tests.fakes.delivery_log import FakeDeliveryLog
from tests.fakes.directory import FakeDirectory
from tests.fakes.lease_table import FakeLeaseTable
from tests.fakes.queues import FakeDeadLetters, FakeRetryQueue
from tests.fakes.streams import FakeSource
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.catalog_examples import notification_type

PAID = notification_type(users=compile_path("detail.users"))
_IDENTITY = Identity([("1", b"a key of sixteen")])


class AuditRig:
    """One shard, `shard-0`. The ledger says nothing until `reached`."""

    def __init__(self, types: Sequence[NotificationType] = (PAID,), *, knows_timestamps: bool = True) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock, knows_timestamps=knows_timestamps)
        self.log = FakeDeliveryLog()
        self.table = FakeLeaseTable()
        self.queue = FakeRetryQueue(self.clock)
        self.dead_letters = FakeDeadLetters()
        self.directory = FakeDirectory([Contact(user, email=f"{user}@example.com") for user in "abcdef"])
        self.catalog = Catalog(types)
        self.audited = AuditedSource(self.source, Decoder(SourceKind.KINESIS, "events"))
        self.table.streams[self.source.name] = StreamItem(self.source.name, TrimHorizon())

    def put(self, event_id: str, *users: str, source: str = "shop") -> Position:
        envelope = {"id": event_id, "source": source, "detail-type": ["paid"], "detail": {"users": users}}
        return self.source.put(json.dumps(envelope).encode())

    def reached(self, checkpoint: Position | None, claimed: Position | None = None, **fields: Any) -> ShardItem:
        """As the shard's item says. `claimed` None: no further than the checkpoint."""
        progress = Progress(
            checkpoint=checkpoint,
            checkpoint_arrival_s=0.0,
            claimed=claimed or checkpoint,
            unsettled=b"",
            first_sequence="",
            accounted=fields.pop("accounted", Accounted().as_dict()),
        )
        item = ShardItem(self.source.name, "shard-0", TrimHorizon(), progress, **fields)
        self.table.shards[item.key] = item
        return item

    async def tell(
        self, position: Position, event_id: str, user_id: str, kind: RowKind = RowKind.ACCEPTED, **fields: Any
    ) -> LogRow:
        """A row as the daemon writes it."""
        address = f"{user_id}@example.com"
        values: Mapping[str, Any] = {"attempt": 1, "channel": Channel.EMAIL, "type_name": "paid", **fields}
        row = LogRow(
            event_id=event_id,
            delivery_id=_IDENTITY.delivery_id(event_id, user_id, "paid", "email", address),
            kind=kind,
            position=f"{self.source.name}/shard-0/{position.text()}",
            at_s=self.clock.now_s(),
            expires_at_s=2_000_000_000,
            user_id=user_id,
            **values,
        )
        await self.log.append([row])
        return row

    async def call_duplicate(self, position: Position, event_id: str, original: Position) -> None:
        """As the daemon decides before anything of the original is logged."""
        shard = f"{self.source.name}/shard-0"
        row = RowMaker(86_400.0).duplicate_row(
            event_id,
            position=f"{shard}/{position.text()}",
            original=f"{shard}/{original.text()}",
            at_s=self.clock.now_s(),
        )
        await self.log.append([row])

    # The commands' parts, over the last hour.

    async def audit(self) -> Report:
        scan = await self.table.scan()
        auditor = Auditor(
            walk=await self._walk(),
            scan=scan,
            delivery_log=self.log,
            retry_queues={Channel.EMAIL: self.queue},
            dead_letters=self.dead_letters,
            clock=self.clock,
        )
        return await auditor.audit([self.audited], self.last_hour(), lambda _: None)

    async def compare(self) -> Comparison:
        return await Shadow(await self._walk(), self._decider()).compare(
            [self.audited], self.last_hour(), lambda _: None
        )

    async def resend(self, *, write: bool = True) -> Resent:
        resender = Resender(
            decider=self._decider(),
            identity=_IDENTITY,
            rows=RowMaker(86_400.0),
            delivery_log=self.log,
            retry_queues={Channel.EMAIL: self.queue},
            check_in=check_in,
            clock=self.clock,
            write=write,
        )
        walk = await self._walk()
        async for part in walk.parts(self.audited, self.last_hour()):
            await resender.part(part)
        return resender.resent

    def last_hour(self) -> Stretch:
        return Stretch(self.clock.now_s() - 3600, self.clock.now_s() + 1)

    def _decider(self) -> Decider:
        rules = DeliveryRules(available=frozenset({Channel.EMAIL}))
        return Decider(directory=self.directory, find_facts=FactFinder({}).find, rules=rules)

    async def _walk(self) -> Walk:
        return Walk(
            catalog=self.catalog,
            delivery_log=self.log,
            scan=await self.table.scan(),
            clock=self.clock,
            entropy=FakeEntropy(),
        )
