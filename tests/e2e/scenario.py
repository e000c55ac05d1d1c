"""A world on a stage, with daemons that a test starts, drains and kills, and the judge at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from notifyd.cli.demo.daemon import Daemon, run_to_end
from notifyd.cli.demo.report import Report, make_report
from notifyd.cli.demo.stage import Stage, open_stage
from notifyd.cli.demo.story import settle, take_account, write_events, write_people
from notifyd.sandbox.account import Row, read_rows
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.oracle import Finding, judge, read_arrivals
from notifyd.sandbox.world import SourceKind, World
from notifyd.system import SystemClock

_CONFIG_FOLDER = Path(__file__).parents[2] / "config"
_LOOK_EVERY_S = 0.02
_SLOW_PER_S = 300.0


class Scenario:
    """`produced_at_s` is filled as events are written."""

    def __init__(self, stage: Stage, world: World) -> None:
        self.stage = stage
        self.world = world
        self.clock = SystemClock()
        self.produced_at_s: dict[str, float] = {}
        self._daemons: list[Daemon] = []

    async def start(self, *, until_ready: bool = True) -> Daemon:
        daemon = await Daemon.start(self.stage)
        self._daemons.append(daemon)
        if until_ready:
            await daemon.ready(self.clock)
        return daemon

    async def write_events(self) -> None:
        self.produced_at_s = await write_events(self.stage, self.world, self.clock, lambda _: None)

    def slow_down(self) -> None:
        """Daemons started from now on send so slowly that much is left in mid-stream, however late one looks."""
        self.stage.sink.account.send_rate_max = _SLOW_PER_S

    async def until_accepted(self, count: int) -> None:
        """Returns in mid-stream: when the mail service has taken so many."""
        while self.stage.sink.inbox.accepted < count:
            await self.clock.sleep(_LOOK_EVERY_S)

    async def settled(self) -> tuple[Report, Finding, list[Row]]:
        """Waits until nothing moves any more, then judges."""
        await settle(self.stage, self.world, self.clock)
        finding = judge(self.world.mails, read_arrivals(self.stage.journal))
        async with self.stage.client("dynamodb") as dynamodb:
            rows = await read_rows(dynamodb, self.stage.names.log)
        account = await take_account(self.stage)
        return make_report(self.world.account, account, finding, rows, self.produced_at_s), finding, rows

    async def end(self) -> None:
        for daemon in self._daemons:
            await daemon.kill()


@asynccontextmanager
async def open_scenario(
    aws: EmbeddedAws, folder: Path, *, prefix: str, source: SourceKind, world: World
) -> AsyncIterator[Scenario]:
    """On shipped defaults; people are written, no daemon is started."""
    async with open_stage(aws, folder, source=source, prefix=prefix, config_folder=_CONFIG_FOLDER) as stage:
        await run_to_end(stage, "init")
        scenario = Scenario(stage, world)
        await write_people(stage, world, scenario.clock)
        try:
            yield scenario
        finally:
            await scenario.end()
