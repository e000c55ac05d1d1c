"""SIGTERM to the owner under load: it finishes what it claimed, gives its leases back and ends; others go on."""

from __future__ import annotations

import signal
from typing import Any

import msgspec

from tests.faults.ground import Ground, open_ground
from tests.faults.load import Load
from tests.faults.plan import Plan
from tests.faults.processes import Replica, RunFailed
from tests.faults.promises import Promise, Result, largest
from tests.faults.show import Say
from tests.faults.takeover import taken_after
from tests.faults.verdict import Verdict, promises_of, reach_verdict

_DRAINS_A_ROUND = 10
_BETWEEN_S = 4.0
_DRAIN_ALLOWED_S = 10.0
_TAKEOVER_ALLOWED_S = 2.0


class Drain(msgspec.Struct):
    """`takeover_s`: from the last release to the new owner's first mail; `pause_s`: between two mails, over it."""

    backlog: int
    rate_per_s: float
    exit_code: int
    drain_s: float
    takeover_s: float
    pause_s: float

    def row(self, number: int) -> dict[str, Any]:
        return {
            "drain": number,
            "backlog": self.backlog,
            "mails/s": round(self.rate_per_s),
            "exit": self.exit_code,
            "drain s": self.drain_s,
            "takeover s": self.takeover_s,
            "pause s": self.pause_s,
        }


async def sigterm_loop(plan: Plan, count: int, say: Say) -> Result:
    drains: list[Drain] = []
    verdicts: list[Verdict] = []
    left_owned = 0
    while len(drains) < count:
        left = min(_DRAINS_A_ROUND, count - len(drains))
        say(f"round {len(verdicts) + 1}: {left} drains")
        async with open_ground(plan) as ground, ground.load() as load:
            for _ in range(plan.replicas):
                await ground.start_replica()
            async with load.running():
                await ground.until("the first mails", lambda: ground.mails.distinct > plan.rate_per_s, 60)
                for _ in range(left):
                    await ground.clock.sleep(_BETWEEN_S)
                    drains.append(await _drain_one(ground, load))
                    say(f"drained in {drains[-1].drain_s} s, taken over in {drains[-1].takeover_s} s")
                await ground.until_caught_up(load, plan.caught_up_timeout_s)
            verdicts.append(await reach_verdict(ground, load))
            left_owned += await _end_all(ground)
    return Result(
        "sigterm-loop",
        {"drains": count, **msgspec.structs.asdict(plan)},
        [drain.row(number) for number, drain in enumerate(drains, 1)],
        [
            *promises_of(verdicts),
            Promise("duplicates", sum(verdict.duplicates for verdict in verdicts), at_most=0),
            Promise("drains that did not exit 0", sum(drain.exit_code != 0 for drain in drains), at_most=0),
            Promise("drain s, max", largest([drain.drain_s for drain in drains]), at_most=_DRAIN_ALLOWED_S),
            Promise(
                "takeover s, max", largest([drain.takeover_s for drain in drains]), at_most=_TAKEOVER_ALLOWED_S
            ),
            Promise("leases owned by nobody alive", left_owned, at_most=0),
        ],
    )


async def _drain_one(ground: Ground, load: Load) -> Drain:
    owner = (await ground.holders())[0]
    rate_per_s = await ground.until_flowing(ground.plan.caught_up_timeout_s)
    began_s = ground.clock.now_s()
    backlog = load.mails_due - ground.mails.distinct
    owner.send(signal.SIGTERM)
    await ground.until(f"{owner.name} ends", lambda: owner.exit_code is not None, ground.plan.drain_timeout_s + 10)
    ended_s = ground.clock.now_s()
    released_s = _released_s(owner)
    sent_s = await taken_after(ground, began_s, ground.plan.times.failover_time_s * 3)
    drain = Drain(
        backlog=backlog,
        rate_per_s=rate_per_s,
        exit_code=owner.exit_code if owner.exit_code is not None else -1,
        drain_s=round(ended_s - began_s, 2),
        takeover_s=round(sent_s - released_s, 2),
        pause_s=round(sent_s - (ground.mails.last_before(sent_s) or sent_s), 2),
    )
    await ground.start_replica()
    return drain


def _released_s(owner: Replica) -> float:
    """By its own log. Raises RunFailed where it ended without releasing."""
    ends = [line for line in owner.lines("shard_ended") if line.fields["reason"] == "REQUESTED"]
    if not ends:
        raise RunFailed(f"{owner.name} ended without releasing its shards:\n{owner.last_words}")
    return ends[-1].at_s


async def _end_all(ground: Ground) -> int:
    """Drains every replica; how many leases somebody still owns afterwards."""
    for replica in ground.replicas:
        if replica.exit_code is None:
            replica.send(signal.SIGTERM)
            await replica.ended()
    async with ground.client("dynamodb") as dynamodb:
        items = (await dynamodb.scan(TableName=ground.names.leases, ConsistentRead=True))["Items"]
    return sum(
        item["key"]["S"].startswith("worker#") or bool(item.get("lease_owner", {}).get("S")) for item in items
    )
