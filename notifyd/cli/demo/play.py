"""The demo from curtain to curtain."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console

from notifyd.cli.demo.channel_view import show_channels, show_messages
from notifyd.cli.demo.daemon import Daemon, run_to_end
from notifyd.cli.demo.everything import PROVIDERS
from notifyd.cli.demo.outage import Outage
from notifyd.cli.demo.report import faults, make_report
from notifyd.cli.demo.stage import Stage, open_stage
from notifyd.cli.demo.story import settle, take_account, write_events, write_people
from notifyd.cli.demo.view import View
from notifyd.cli.output import echo_json
from notifyd.ports import Clock
from notifyd.sandbox.account import read_rows
from notifyd.sandbox.embedded_aws import run_embedded_aws
from notifyd.sandbox.oracle import judge, read_arrivals
from notifyd.sandbox.reach import Reach
from notifyd.sandbox.world import SourceKind, World, make_world
from notifyd.system import SystemClock


class Play(msgspec.Struct, frozen=True):
    """What the command line asks for."""

    source: SourceKind
    events: int
    seed: int
    config_folder: Path
    stay: bool
    as_json: bool
    all_channels: bool = False
    outage: str | None = None


async def play(plan: Play) -> bool:
    """Whether everything is as it has to be."""
    clock = SystemClock()
    # stdout is the JSON's alone, where there is one.
    view = View(Console(stderr=plan.as_json), clock, plan.events)
    with TemporaryDirectory(prefix="notifyd-demo-") as folder, run_embedded_aws() as aws:
        async with open_stage(
            aws,
            Path(folder),
            source=plan.source,
            prefix="demo",
            config_folder=plan.config_folder,
            all_channels=plan.all_channels,
        ) as stage:
            view.say(f"An AWS on {aws.url}, {_providers_text(stage)}: all of it ends with the demo.")
            await run_to_end(stage, "init")
            sandbox = stage.sandbox
            reach = None if sandbox is None else Reach(plan.seed, sandbox.vendors, sandbox.urls)
            world = make_world(plan.seed, plan.events, plan.source, reach)
            await write_people(stage, world, clock)
            view.say(f"Tables and queues are made, {len(world.users)} users written. The daemon starts.")
            return await _watch_daemon(plan, stage, world, view, clock)


async def _watch_daemon(plan: Play, stage: Stage, world: World, view: View, clock: Clock) -> bool:
    outage = None
    if stage.sandbox is not None and plan.outage is not None:
        outage = Outage(plan.outage, stage, stage.sandbox, plan.events, clock)

    def note_written(count: int) -> None:
        view.note_written(count)
        if outage is not None:
            outage.note_written(count)

    daemon = await Daemon.start(stage)
    try:
        await daemon.ready(clock)
        async with view.watching(daemon.admin_url), asyncio.TaskGroup() as tasks:
            if outage is not None:
                tasks.create_task(outage.run())
            produced_at_s = await write_events(stage, world, clock, note_written)
            await settle(stage, world, clock)
        if plan.stay:
            await _stay(stage, daemon, view)
    finally:
        exit_code = await daemon.drain()
    if exit_code:
        view.say(daemon.last_words)
        return False
    return await _judge(stage, world, produced_at_s, view, outage, as_json=plan.as_json)


async def _judge(
    stage: Stage,
    world: World,
    produced_at_s: dict[str, float],
    view: View,
    outage: Outage | None,
    *,
    as_json: bool,
) -> bool:
    arrivals = read_arrivals(stage.journal)
    finding = judge(world.mails, arrivals)
    async with stage.client("dynamodb") as dynamodb:
        rows = await read_rows(dynamodb, stage.names.log)
    down = msgspec.UNSET if outage is None else outage.report(arrivals)
    report = make_report(world.account, await take_account(stage), finding, rows, produced_at_s, down)
    wrong = faults(report, world.account, finding)
    view.show_account(report, wrong)
    if stage.sandbox is not None:
        show_channels(view.console, report, finding)
        show_messages(view.console, stage.sandbox)
    if stage.sink.inbox.messages:
        view.show_mail(stage.sink.inbox.messages[0])
    if as_json:
        echo_json(report)
    return not wrong


def _providers_text(stage: Stage) -> str:
    if stage.sandbox is None:
        return f"a mail service on {stage.sink.url}"
    return f"{', '.join(PROVIDERS)} behind {stage.sandbox.url}"


async def _stay(stage: Stage, daemon: Daemon, view: View) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    view.say(f"Look around: {daemon.admin_url}/healthz and /metrics, {stage.sink.url}/_sink/mails")
    view.say(
        f"Send an event: env $(cat {stage.variables}) notifyd send -c {stage.config} --type … --user user-00001"
    )
    view.say("Ctrl-C drains and shows the account; what you sent is not the generator's, and is told as wrong.")
    await stop.wait()
