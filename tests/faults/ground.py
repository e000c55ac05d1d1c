"""What every run stands on: an AWS, a mail service, a world, replicas of the daemon, and the judge at the end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from notifyd.cli.demo.stage import SEND_RATE_MAX, settings_of, variables_of
from notifyd.names import Names
from notifyd.ports import Clock
from notifyd.sandbox.clients import client
from notifyd.sandbox.embedded_aws import EmbeddedAws, run_embedded_aws
from notifyd.sandbox.world import DemoEvent, SourceKind, World, make_world
from notifyd.sandbox.writers import write_to_stream, write_to_table, write_users
from notifyd.system import SystemClock
from tests.faults.load import Load
from tests.faults.mails import Mails
from tests.faults.plan import Plan
from tests.faults.processes import MailService, Replica, RunFailed

_CONFIG_FOLDER = Path(__file__).parents[2] / "config"
_LOOK_EVERY_S = 0.05
_RATE_SPAN_S = 2.0
PREFIX = "faults"


class Ground:
    """`endpoints`: AWS_ENDPOINT_URL_… of single services, where they are not the embedded AWS's."""

    def __init__(
        self, plan: Plan, aws: EmbeddedAws, service: MailService, folder: Path, endpoints: Mapping[str, str]
    ) -> None:
        self.plan = plan
        self.aws = aws
        self.clock: Clock = SystemClock()
        self.names = Names(PREFIX)
        self.world: World = make_world(plan.seed, plan.events_max, plan.source)
        self.journal = folder / "mails.jsonl"
        self.mails = Mails(self.journal)
        self.replicas: list[Replica] = []
        self._service = service
        self._folder = folder
        self._endpoints = endpoints
        self._started = 0

    def client(self, service: str) -> AbstractAsyncContextManager[Any]:
        name = f"AWS_ENDPOINT_URL_{service.upper()}"
        return client(
            service,
            self._endpoints.get(name, self.aws.url),
            region=self.aws.region,
            access_key=self.aws.access_key,
            secret_key=self.aws.secret_key,
        )

    # --- replicas ------------------------------------------------------------------------------------------

    async def start_replica(self, extra: Mapping[str, str] | None = None) -> Replica:
        """`extra`: over its environment. Returns once it has started; whether it takes a lease is its affair."""
        self._started += 1
        replica = await self._start(f"replica-{self._started}", "run", extra or {})
        self.replicas.append(replica)
        await self.until(
            f"{replica.name} has started",
            lambda: replica.worker_id or replica.exit_code is not None,
            self.plan.start_timeout_s,
        )
        if replica.exit_code is not None:
            raise RunFailed(f"{replica.name} ended with {replica.exit_code}:\n{replica.last_words}")
        return replica

    async def _start(self, name: str, command: str, extra: Mapping[str, str]) -> Replica:
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            **variables_of(self.aws),
            "NOTIFYD_ADMIN__HOST": "127.0.0.1",
            "NOTIFYD_ADMIN__PORT": "0",
            **self.plan.times.environment,
            **self._endpoints,
            **extra,
        }
        arguments = [command, "--config", str(self._folder / "notifyd.yaml")]
        return await Replica.start(name, arguments, environment, self._folder)

    async def holders(self) -> list[Replica]:
        """Who owns leases, by the lease table; the one with the most first."""
        async with self.client("dynamodb") as dynamodb:
            items = (await dynamodb.scan(TableName=self.names.leases, ConsistentRead=True))["Items"]
        owners = [item["lease_owner"]["S"] for item in items if item["key"]["S"].startswith("shard#")]
        held = {replica: owners.count(replica.worker_id) for replica in self.replicas if replica.exit_code is None}
        return sorted((replica for replica, count in held.items() if count), key=lambda one: -held[one])

    async def end_replicas(self) -> None:
        for replica in self.replicas:
            if replica.exit_code is None:
                await replica.kill()

    # --- the world -----------------------------------------------------------------------------------------

    async def set_up(self) -> None:
        """Config, tables, queues and people."""
        settings = settings_of(self.plan.source, PREFIX, self._service.url, _CONFIG_FOLDER)
        (self._folder / "notifyd.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        init = await self._start("init", "init", {})
        if await init.ended():
            raise RunFailed(f"notifyd init failed:\n{init.last_words}")
        async with self.client("dynamodb") as dynamodb:
            await write_users(
                dynamodb,
                self.clock,
                contacts=self.names.contacts,
                settings=self.names.settings,
                users=self.world.users,
            )

    @asynccontextmanager
    async def load(self) -> AsyncIterator[Load]:
        """Events at the plan's rate, until its `running` ends."""
        kind = "dynamodb" if self.plan.source is SourceKind.DYNAMODB else "kinesis"
        async with self.client(kind) as opened:

            async def write(events: Sequence[DemoEvent]) -> None:
                write_to = write_to_table if kind == "dynamodb" else write_to_stream
                await write_to(opened, self.clock, self.names.events, events, lambda _: None)

            yield Load(self.world, write, self.clock, rate_per_s=self.plan.rate_per_s)

    # --- waiting -------------------------------------------------------------------------------------------

    async def until(self, what: str, is_so: Callable[[], object], timeout_s: float) -> None:
        """Looks often, with the journal read to its end each time. Raises RunFailed."""
        until_s = self.clock.elapsed_s() + timeout_s
        while self.clock.elapsed_s() < until_s:
            self.mails.refresh()
            if is_so():
                return
            await self.clock.sleep(_LOOK_EVERY_S)
        raise RunFailed(f"not after {timeout_s:g} s: {what}\n{self._words()}")

    async def until_flowing(self, timeout_s: float) -> float:
        """Mails come at half the rate of the events at least; how many a second. A fault is one under load."""

        def rate_per_s() -> float:
            now_s = self.clock.now_s()
            return self.mails.rate_per_s(now_s - _RATE_SPAN_S, now_s)

        await self.until("the mails flow", lambda: rate_per_s() >= self.plan.rate_per_s / 2, timeout_s)
        return rate_per_s()

    async def until_caught_up(self, load: Load, timeout_s: float) -> None:
        """Less than a second's worth of mails is still to come."""
        await self.until(
            "the backlog is drained",
            lambda: load.mails_due - self.mails.distinct < load.rate_per_s,
            timeout_s,
        )

    def _words(self) -> str:
        return "\n".join(f"{replica.name}: {replica.last_words[-600:]}" for replica in self.replicas[-3:])


@asynccontextmanager
async def open_ground(plan: Plan, endpoints: Mapping[str, str] | None = None) -> AsyncIterator[Ground]:
    """Everything is ended and removed when the context ends, whatever ends it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="notifyd-faults-")))
        aws = stack.enter_context(run_embedded_aws())
        journal = folder / "mails.jsonl"
        journal.touch()
        service = await MailService.start(journal, latency_s=plan.latency_s, send_rate_max=SEND_RATE_MAX)
        stack.push_async_callback(service.end)
        ground = Ground(plan, aws, service, folder, endpoints or {})
        stack.push_async_callback(ground.end_replicas)
        await ground.set_up()
        yield ground
