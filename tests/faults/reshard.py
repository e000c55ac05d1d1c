"""Shards split and merge under load: every record once, and those of a parent before those of its children."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.sandbox.clients import client
from notifyd.sandbox.inbox import read_journal
from notifyd.sandbox.oracle import Arrival
from notifyd.sandbox.world import DemoEvent, SourceKind
from notifyd.sandbox.writers import bytes_of
from notifyd.system import SystemClock
from tests.faults.ground import PREFIX, Ground, open_ground
from tests.faults.kinesis import Shard, Stream, run_kinesis_local
from tests.faults.load import Load
from tests.faults.plan import Plan
from tests.faults.processes import RunFailed
from tests.faults.promises import Promise, Result
from tests.faults.show import Say
from tests.faults.verdict import promises_of, reach_verdict

# The stand-in answers about one GetRecords a second.
RATE_PER_S = 20.0
_SHARDS_AT_FIRST = 2
_BETWEEN_S = 5.0
_CHILDREN_TIMEOUT_S = 90.0
_ATTEMPTS_MAX = 8
# Two splits, then two merges, and again.
_STEPS = ("split", "split", "merge", "merge")


class Step(msgspec.Struct, frozen=True):
    """`children_read_s`: from the reshard to the lease of its last child."""

    kind: str
    shards_open: int
    children_read_s: float

    def row(self, number: int) -> dict[str, Any]:
        return {
            "step": number,
            "kind": self.kind,
            "open shards": self.shards_open,
            "children read after s": self.children_read_s,
        }


class Writer:
    """Remembers which shard each event went to."""

    def __init__(self, kinesis: Any, ground: Ground) -> None:
        self.shard_of: dict[str, str] = {}
        self._kinesis = kinesis
        self._ground = ground

    async def write(self, events: Sequence[DemoEvent]) -> None:
        now_s = self._ground.clock.now_s()
        left = list(events)
        for _ in range(_ATTEMPTS_MAX):
            records = [{"Data": bytes_of(event, now_s), "PartitionKey": event.event_id} for event in left]
            answer = await self._kinesis.put_records(StreamName=self._ground.names.events, Records=records)
            results = list(zip(left, answer["Records"], strict=True))
            self.shard_of |= {event.event_id: put["ShardId"] for event, put in results if "ErrorCode" not in put}
            left = [event for event, put in results if "ErrorCode" in put]
            if not left:
                return
            await self._ground.clock.sleep(0.2)
        raise RunFailed(f"{len(left)} records were refused {_ATTEMPTS_MAX} times")


async def reshard(plan: Plan, count: int, say: Say) -> Result:
    clock = SystemClock()
    plan = msgspec.structs.replace(plan, source=SourceKind.KINESIS)
    steps: list[Step] = []
    async with (
        run_kinesis_local(clock) as url,
        client("kinesis", url, region="us-east-1", access_key="AKID", secret_key="none") as kinesis,
    ):
        stream = Stream(kinesis, f"{PREFIX}-events", clock)
        await stream.create(_SHARDS_AT_FIRST)
        async with open_ground(plan, {"AWS_ENDPOINT_URL_KINESIS": url}) as ground:
            writer = Writer(kinesis, ground)
            load = Load(ground.world, writer.write, clock, rate_per_s=plan.rate_per_s)
            for _ in range(plan.replicas):
                await ground.start_replica()
            async with load.running():
                await ground.until("the first mails", lambda: ground.mails.distinct > plan.rate_per_s, 60)
                for number in range(count):
                    steps.append(await _step(ground, stream, _STEPS[number % len(_STEPS)]))
                    say(f"{steps[-1].kind}: children are read after {steps[-1].children_read_s} s")
                    await clock.sleep(_BETWEEN_S)
                await ground.until_caught_up(load, plan.caught_up_timeout_s)
            verdict = await reach_verdict(ground, load)
            early = _early(ground, await stream.shards(), writer.shard_of)
    return Result(
        "reshard",
        {"steps": count, **msgspec.structs.asdict(plan)},
        [step.row(number) for number, step in enumerate(steps, 1)],
        [
            *promises_of([verdict]),
            Promise("duplicates", verdict.duplicates, at_most=0),
            Promise("mails of a child before its parent's last", early, at_most=0),
        ],
    )


async def _step(ground: Ground, stream: Stream, kind: str) -> Step:
    before = {shard.shard_id for shard in await stream.shards()}
    began_s = ground.clock.now_s()
    await (stream.split_widest() if kind == "split" else stream.merge_narrowest())
    shards = await stream.shards()
    children = {shard.shard_id for shard in shards} - before
    await ground.until(
        f"{sorted(children)} are read", lambda: len(_taken(ground, children)) == len(children), _CHILDREN_TIMEOUT_S
    )
    read_s = max(_taken(ground, children).values())
    return Step(kind, sum(shard.is_open for shard in shards), round(read_s - began_s, 1))


def _taken(ground: Ground, shard_ids: set[str]) -> dict[str, float]:
    """When the leases of these shards were first taken."""
    taken: dict[str, float] = {}
    for line in (line for replica in ground.replicas for line in replica.lines("lease_taken")):
        shard_id = str(line.fields["shard"]).rpartition("#")[2]
        if shard_id in shard_ids:
            taken[shard_id] = min(line.at_s, taken.get(shard_id, line.at_s))
    return taken


def _early(ground: Ground, shards: Sequence[Shard], shard_of: dict[str, str]) -> int:
    """Mails of a child's records that were taken before the last of its parents'."""
    times_s: dict[str, list[float]] = defaultdict(list)
    for entry in read_journal(ground.journal):
        event_id = Arrival(entry.delivery_id, entry.address, f"{entry.subject}\n{entry.text}").event_id
        times_s[shard_of[event_id]].append(entry.time_s)
    last_s = {shard_id: max(times) for shard_id, times in times_s.items()}
    return sum(
        at_s < last_s.get(parent, 0.0)
        for shard in shards
        for parent in shard.parents
        for at_s in times_s.get(shard.shard_id, ())
    )
