"""`notifyd run` with two workers, on AWS's APIs: a crash and a drain of the whole thing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from notifyd.cli.demo.daemon import Daemon
from notifyd.cli.demo.report import faults
from notifyd.cli.exit_codes import CONFIG
from notifyd.config_sections import LedgerSection
from notifyd.core.channel import Channel
from notifyd.http.merged import MergedPage, WorkerHealth
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.world import SourceKind, make_world
from notifyd.system import SystemClock
from tests.e2e.scenario import Scenario, open_scenario
from tests.supervisor.processes import runs

pytestmark = [pytest.mark.aws, pytest.mark.timeout(240)]

_LOOK_EVERY_S = 0.1
_TIMEOUT_S = 60.0
# The least that the rules between these allow, so that a takeover is not waited for long.
_TWO_QUICK_WORKERS = {
    "NOTIFYD_WORKERS": "2",
    "NOTIFYD_DELIVERY__SEND_TIMEOUT_S": "1",
    "NOTIFYD_LEDGER__RENEW_INTERVAL_S": "0.5",
    "NOTIFYD_LEDGER__FAILOVER_TIME_S": "4",
    "NOTIFYD_LEDGER__SCAN_INTERVAL_S": "0.5",
    "NOTIFYD_RETRY__RECEIVE_WAIT_S": "1",
}


@pytest.fixture
def no_blocking_call() -> None:
    """The daemon has processes of its own: nothing that a test blocks is their loop."""


@asynccontextmanager
async def _scenario(aws: EmbeddedAws, folder: Path, prefix: str, event_count: int) -> AsyncIterator[Scenario]:
    world = make_world(11, event_count, SourceKind.KINESIS)
    async with open_scenario(aws, folder, prefix=prefix, source=SourceKind.KINESIS, world=world) as scenario:
        stage = scenario.stage
        scenario.stage = msgspec.structs.replace(stage, environment=stage.environment | _TWO_QUICK_WORKERS)
        yield scenario


async def _page(daemon: Daemon) -> MergedPage:
    async with aiohttp.ClientSession() as http, http.get(f"{daemon.admin_url}/healthz") as answer:
        return msgspec.json.decode(await answer.read(), type=MergedPage)


async def _scrape(daemon: Daemon) -> list[str]:
    async with aiohttp.ClientSession() as http, http.get(f"{daemon.admin_url}/metrics") as answer:
        return (await answer.text()).splitlines()


async def _worker_with_shards(daemon: Daemon) -> WorkerHealth:
    clock = SystemClock()
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            page = await _page(daemon)
            for worker in page.workers:
                if worker.shards:
                    return worker
            await clock.sleep(_LOOK_EVERY_S)


async def _until_gone(pids: Sequence[int | None]) -> None:
    clock = SystemClock()
    async with asyncio.timeout(_TIMEOUT_S):
        while any(pid is not None and runs(pid) for pid in pids):
            await clock.sleep(_LOOK_EVERY_S)


async def test_a_worker_that_is_killed_is_replaced_and_what_it_held_is_taken_over(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    async with _scenario(embedded_aws, tmp_path, prefix, 300) as scenario:
        daemon = await scenario.start()
        at_work = await _worker_with_shards(daemon)
        writing = asyncio.create_task(scenario.write_events())
        await scenario.until_accepted(20)
        assert at_work.pid is not None
        os.kill(at_work.pid, signal.SIGKILL)
        await writing
        report, finding, _ = await scenario.settled()
        page, lines = await _page(daemon), await _scrape(daemon)
        assert await daemon.drain() == 0
        await _until_gone([worker.pid for worker in page.workers])

    assert [fault for fault in faults(report, scenario.world.account, finding) if "duplicates" not in fault] == []
    assert report.duplicates <= LedgerSection().slots_max
    assert [worker.restarts for worker in page.workers if worker.worker == at_work.worker] == [1]
    assert (page.ready, len(page.workers)) == (True, 2)
    assert f"notifyd_slots_max {2 * LedgerSection().slots_max}.0" in lines
    assert 'notifyd_workers{state="answering"} 2.0' in lines


@pytest.mark.slow
async def test_no_worker_outlives_a_supervisor_that_is_killed(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    async with _scenario(embedded_aws, tmp_path, prefix, 1) as scenario:
        daemon = await scenario.start()
        pids = [worker.pid for worker in (await _page(daemon)).workers]
        assert await daemon.kill() == -signal.SIGKILL
        await _until_gone(pids)


@pytest.mark.slow
async def test_a_worker_that_finds_its_config_wrong_ends_all_in_order_and_says_why(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    async with _scenario(embedded_aws, tmp_path, prefix, 1) as scenario:
        daemon = await scenario.start()
        workers = (await _page(daemon)).workers
        queue = scenario.stage.names.retry_queue(Channel.EMAIL)
        async with scenario.stage.client("sqs") as sqs:
            await sqs.delete_queue(QueueUrl=(await sqs.get_queue_url(QueueName=queue))["QueueUrl"])
        assert workers[0].pid is not None
        os.kill(workers[0].pid, signal.SIGKILL)
        assert await asyncio.wait_for(daemon.ended(), _TIMEOUT_S) == CONFIG
        await _until_gone([worker.pid for worker in workers])
    assert f"queue {queue}: does not exist; run `notifyd init`" in daemon.last_words
