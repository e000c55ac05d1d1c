"""SIGSTOP to the owner for two failover times, then SIGCONT: it has to find out that it is none any more."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.faults.ground import Ground, open_ground
from tests.faults.load import Load
from tests.faults.plan import Plan
from tests.faults.processes import Replica
from tests.faults.promises import Promise, Result, largest
from tests.faults.show import Say
from tests.faults.takeover import taken_after
from tests.faults.verdict import promises_of, reach_verdict

_BETWEEN_S = 4.0
_TAKEOVER_ALLOWED_S = 3.0
_FENCED_TIMEOUT_S = 30.0
_DRAIN_ALLOWED_S = 10.0
_HAND_OVER_ALLOWED_S = 2.0


class Pause(msgspec.Struct):
    """`fenced_s`: from SIGCONT to its word that another owns the shard. `back_s`: from the drain of that other
    to the mail that the former zombie sends: it went on as a stand-by.
    """

    stopped_s: float
    takeover_s: float
    fenced_s: float
    back_s: float
    duplicates: int = 0

    def row(self, number: int) -> dict[str, Any]:
        return {
            "pause": number,
            "stopped s": self.stopped_s,
            "takeover s": self.takeover_s,
            "fenced after s": self.fenced_s,
            "back at work s": self.back_s,
            "duplicates": self.duplicates,
        }


async def zombie(plan: Plan, count: int, say: Say) -> Result:
    pauses: list[Pause] = []
    began_s: list[float] = []
    async with open_ground(plan) as ground, ground.load() as load:
        for _ in range(2):
            await ground.start_replica()
        async with load.running():
            await ground.until("the first mails", lambda: ground.mails.distinct > plan.rate_per_s, 60)
            for _ in range(count):
                await ground.clock.sleep(_BETWEEN_S)
                began_s.append(ground.clock.now_s())
                pauses.append(await _pause_one(ground, load, say))
            await ground.until_caught_up(load, plan.caught_up_timeout_s)
        verdict = await reach_verdict(ground, load)
        ground.mails.refresh()
        for pause, from_s, to_s in zip(pauses, began_s, [*began_s[1:], float("inf")], strict=True):
            pause.duplicates = ground.mails.repeats(from_s, to_s)
    return Result(
        "zombie",
        {"pauses": count, **msgspec.structs.asdict(plan)},
        [pause.row(number) for number, pause in enumerate(pauses, 1)],
        [
            *promises_of([verdict]),
            Promise(
                "duplicates of one pause, max",
                max((pause.duplicates for pause in pauses), default=0),
                at_most=plan.slots_max,
            ),
            Promise(
                "takeover s, max",
                largest([pause.takeover_s for pause in pauses]),
                at_most=plan.times.failover_time_s + _TAKEOVER_ALLOWED_S,
            ),
            Promise(
                "back at work s, max",
                largest([pause.back_s for pause in pauses]),
                at_most=_DRAIN_ALLOWED_S + _HAND_OVER_ALLOWED_S,
            ),
            Promise(
                "fenced after s, max", largest([pause.fenced_s for pause in pauses]), at_most=_FENCED_TIMEOUT_S
            ),
        ],
    )


async def _pause_one(ground: Ground, load: Load, say: Say) -> Pause:
    owner = (await ground.holders())[0]
    paused_s = ground.clock.now_s()
    stopped_s = 2 * ground.plan.times.failover_time_s
    async with _stopped(owner):
        say(f"{owner.name} is stopped for {stopped_s:g} s")
        sent_s = await taken_after(ground, paused_s, stopped_s + 10)
        await ground.clock.sleep(paused_s + stopped_s - ground.clock.now_s())
        woken_s = ground.clock.now_s()  # before it is let go on: it may be fenced within a millisecond
    await ground.until(
        "the zombie says that it was fenced",
        lambda: owner.lines("lease_lost", since_s=woken_s),
        _FENCED_TIMEOUT_S,
    )
    fenced_s = owner.lines("lease_lost", since_s=woken_s)[0].at_s
    await ground.until_caught_up(load, ground.plan.caught_up_timeout_s)
    # It holds the lost shard's slots for a failover time, and that long leaves the shard alone.
    await ground.until(
        "the zombie is done with the shard",
        lambda: owner.lines("shard_ended", since_s=woken_s),
        ground.plan.times.failover_time_s + _FENCED_TIMEOUT_S,
    )
    other = next(replica for replica in ground.replicas if replica is not owner and replica.exit_code is None)
    say(f"fenced {fenced_s - woken_s:.1f} s after it woke; now {other.name} is drained")
    drained_s = ground.clock.now_s()
    other.send(signal.SIGTERM)
    back_s = await taken_after(ground, drained_s, ground.plan.times.failover_time_s * 3)
    await other.ended()
    await ground.start_replica()
    return Pause(
        stopped_s=round(woken_s - paused_s, 1),
        takeover_s=round(sent_s - paused_s, 2),
        fenced_s=round(fenced_s - woken_s, 2),
        back_s=round(back_s - drained_s, 2),
    )


@asynccontextmanager
async def _stopped(replica: Replica) -> AsyncIterator[None]:
    """A stopped process cannot notice that the run has died: a watcher, which can, ends it then."""
    watcher = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f"read -r _ || kill -KILL {replica.pid}",
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    replica.send(signal.SIGSTOP)
    try:
        yield
    finally:
        replica.send(signal.SIGCONT)
        watcher.kill()
        await watcher.wait()
