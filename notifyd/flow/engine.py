"""The flow as a whole: wired from ports, started, drained in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

import structlog

from notifyd.core.catalog import Catalog
from notifyd.core.channel import Channel
from notifyd.core.delivery_id import Identity
from notifyd.core.fingerprints import Fingerprints
from notifyd.core.policy import DeliveryRules
from notifyd.flow.begin import Beginner
from notifyd.flow.byte_budget import ByteBudget
from notifyd.flow.checks import checks_of
from notifyd.flow.expand import Expander
from notifyd.flow.facts import FactFinder
from notifyd.flow.feed_turns import FeedTurns
from notifyd.flow.heart import Heart
from notifyd.flow.leasing import LeaseKeeper
from notifyd.flow.log_reader import LogReader
from notifyd.flow.orphanage import Orphanage
from notifyd.flow.outlets import Outlets
from notifyd.flow.prepare import Preparer, SourceRules
from notifyd.flow.recover import Recoverer
from notifyd.flow.redeliver import Redeliverer
from notifyd.flow.repeats import Repeats
from notifyd.flow.route import Router
from notifyd.flow.setup import FlowSettings, Outside, SourceSetup
from notifyd.flow.shard import ShardParts
from notifyd.flow.slot_desk import SlotDesk
from notifyd.flow.start import Patience, unless
from notifyd.flow.streams import initialise
from notifyd.flow.switchboard import Switchboard
from notifyd.flow.templates import TemplateShelf
from notifyd.flow.watch import LEASE_TABLE, Watch
from notifyd.ports import LeaseScan
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Engine:
    """Starts everything; on `stop`: stop taking → stop readers → batches finish → commit → release."""

    def __init__(
        self,
        outside: Outside,
        settings: FlowSettings,
        *,
        catalog: Catalog,
        rules: DeliveryRules,
        identity: Identity,
        templates: TemplateShelf,
        metrics: Metrics,
    ) -> None:
        clock, entropy = outside.clock, outside.entropy
        self.outside = outside
        self._settings = settings
        self._catalog = catalog
        self._templates = templates
        self._metrics = metrics
        self.slots = SlotDesk(settings.slots_max)
        self._deduping = sum(setup.dedupe_window_s is not None for setup in outside.sources)
        dedupe_bytes = settings.dedupe_bytes_max if self._deduping else 0
        self.budget = ByteBudget(settings.bytes_in_process_max - dedupe_bytes)
        self.outlets = Outlets(outside, settings, metrics)
        self.watch = Watch(clock, metrics, self.outlets.alerts)
        self.heart = Heart(
            settings.worker_id, outside.lease_table, clock, settings.heart, lambda: len(self.keeper.runs)
        )
        self._log_reader = LogReader(outside.delivery_log, clock, entropy)
        self.switchboard = Switchboard(outside.control, settings.worker_id, clock, self.watch)
        self.routers = {channel: self._router(channel) for channel in outside.providers}
        self.switchboard.report = lambda: [one for router in self.routers.values() for one in router.report()]
        self._facts = FactFinder(outside.lookups)
        self._expander = Expander(identity=identity, rows=self.outlets.rows, templates=templates, rules=rules)
        self._redeliverers = [self._redeliverer(channel) for channel in outside.providers]
        self.keeper = LeaseKeeper(
            table=outside.lease_table,
            heart=self.heart,
            times=settings.lease,
            clock=clock,
            entropy=entropy,
            watch=self.watch,
            metrics=metrics,
        )
        self.draining = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then drains.

        Raises:
            ConfigError: a stream has data and nobody said where to begin; a template does not compile; a table
                or stream does not exist.
            AwsError, TransportError: AWS did not answer for START_WITHIN_S.
        """
        if not await unless(stop, self._start()):
            await self.heart.release()
            return
        async with asyncio.TaskGroup() as tasks:
            services = [tasks.create_task(service) for service in self._services()]
            work = [
                tasks.create_task(self.keeper.run()),
                *(tasks.create_task(redeliverer.run()) for redeliverer in self._redeliverers),
            ]
            await stop.wait()
            await self._drain(work)
            await self.heart.release()
            await self.outlets.alerts.flush()
            for task in services:
                task.cancel()

    async def _start(self) -> None:
        patience = Patience(self.outside.clock, self.outside.entropy, self.watch)
        await patience.ask("templates", self._templates.load)
        await self.switchboard.look()  # a provider that is off must not get the first delivery
        table, clock = self.outside.lease_table, self.outside.clock
        scan = await patience.ask(LEASE_TABLE, table.scan)
        for setup in self.outside.sources:
            begin = partial(initialise, setup.source, table, scan, setup.starting_position, clock)
            await patience.ask(setup.source.name, begin)
        scan = await patience.ask(LEASE_TABLE, table.scan)
        self.keeper.sources = {setup.source.name: self._shard_parts(setup, scan) for setup in self.outside.sources}
        # No lease is taken before the heartbeat that speaks for it was acknowledged.
        while not await self.heart.renew():
            await clock.sleep(self._settings.heart.renew_interval_s)

    async def _drain(self, work: Sequence[asyncio.Task[None]]) -> None:
        """What is claimed and not settled when the time is up is in doubt for the next owner."""
        self.draining = True
        log.info("draining", timeout_s=self._settings.drain_timeout_s)
        await self.heart.announce_drain()
        self.keeper.stop()
        for redeliverer in self._redeliverers:
            redeliverer.stop()
        _, late = await asyncio.wait(work, timeout=self._settings.drain_timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        log.info("drained", tasks_cut_off=len(late))

    def _services(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs beside the shards until they are released."""
        yield self.heart.run()
        yield from self.outlets.services()
        yield self._templates.run()
        yield self.switchboard.run()
        yield from (router.run() for router in self.routers.values())

    def _router(self, channel: Channel) -> Router:
        return Router(
            channel,
            self.outside.providers[channel],
            switchboard=self.switchboard,
            recorder=self.outlets.recorder,
            heart=self.heart,
            times=self._settings.deliver,
            clock=self.outside.clock,
            entropy=self.outside.entropy,
            metrics=self._metrics,
            part=lambda: self.keeper.part,
            held_max=self._held_max(),
        )

    def _held_max(self) -> int | None:
        """A quarter of the slots, where there are other channels to want them: two providers that hang, each with
        as much in flight and half of it waiting, leave a quarter to the others.
        """
        return None if len(self.outside.providers) == 1 else max(1, self._settings.slots_max // 4)

    def _redeliverer(self, channel: Channel) -> Redeliverer:
        outside = self.outside
        return Redeliverer(
            channel,
            queue=outside.retry_queues[channel],
            router=self.routers[channel],
            recorder=self.outlets.recorder,
            checks=checks_of(
                channel,
                outside,
                self._settings,
                catalog=self._catalog,
                facts=self._facts,
                expander=self._expander,
                rows=self.outlets.rows,
                metrics=self._metrics,
            ),
            slots=self.slots,
            watch=self.watch,
            clock=outside.clock,
            entropy=outside.entropy,
            metrics=self._metrics,
            times=self._settings.redeliver,
        )

    def _repeats(self, setup: SourceSetup) -> Repeats | None:
        window_s = setup.dedupe_window_s
        if window_s is None:
            return None
        return Repeats(
            Fingerprints(window_s=window_s, bytes_max=self._settings.dedupe_bytes_max // self._deduping),
            window_s=window_s,
            log_reader=self._log_reader,
            log_writer=self.outlets.log_writer,
            rows=self.outlets.rows,
            clock=self.outside.clock,
            metrics=self._metrics,
        )

    def _shard_parts(self, setup: SourceSetup, scan: LeaseScan) -> ShardParts:
        outside = self.outside
        name = setup.source.name
        stream = scan.streams.get(name)
        repeats = self._repeats(setup)
        orphanage = Orphanage(self._catalog, outside.providers, self.outlets.rows, outside.clock)
        preparer = Preparer(
            rules=SourceRules(
                name=name,
                start_at_s=stream.start_at_s if stream is not None else 0.0,
                record_age_max_s=setup.record_age_max_s,
            ),
            decoder=setup.decoder,
            catalog=self._catalog,
            directory=outside.directory,
            facts=self._facts,
            expander=self._expander,
            recoverer=Recoverer(self._log_reader, repeats, orphanage, self._metrics),
            repeats=repeats,
            watch=self.watch,
            clock=outside.clock,
            entropy=outside.entropy,
        )
        return ShardParts(
            source=setup.source,
            lease_table=outside.lease_table,
            preparer=preparer,
            repeats=repeats,
            beginner=Beginner(self.routers, self.outlets.recorder),
            heart=self.heart,
            slots=self.slots,
            log_writer=self.outlets.log_writer,
            budget=self.budget,
            watch=self.watch,
            metrics=self._metrics,
            clock=outside.clock,
            entropy=outside.entropy,
            turns=FeedTurns(setup.times),
            span_max=self._settings.span_max,
            commit_interval_s=self._settings.commit_interval_s,
            lost_slots_held_s=self._settings.lease.failover_time_s,
        )
