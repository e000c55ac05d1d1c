"""kill -9 at random moments, two to four replicas on one stream."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random  # noqa: TID251 - seeded: the same moments every time
from statistics import median
from typing import Any

import msgspec

from tests.faults.ground import Ground, open_ground
from tests.faults.load import Load
from tests.faults.plan import Plan
from tests.faults.processes import Replica
from tests.faults.promises import Promise, Result, largest
from tests.faults.show import Say
from tests.faults.takeover import taken_after
from tests.faults.verdict import Verdict, promises_of, reach_verdict

# A new AWS for each round: the stand-in's polls cost more with each record that its stream holds.
_KILLS_A_ROUND = 5
_REPLICAS = (2, 3, 4)
# One kill in four takes a replica that stands by: nobody should notice.
_STAND_BY_SHARE = 0.25
_TAKEOVER_ALLOWED_S = 3.0
# Of one kill's duplicates: ≤ 1.5 × rate × (latency + 100 ms).
_MEDIAN_FACTOR = 1.5
_CLAIM_TO_ROW_S = 0.1
# Half of fewer is one unlucky moment.
_MEDIAN_OF_MIN = 5


class Kill(msgspec.Struct):
    """`rate_per_s`: mails taken in the two seconds before. `takeover_s`: to the new owner's first mail."""

    victim: str
    replicas: int
    stood_by: bool
    at_s: float
    backlog: int
    rate_per_s: float
    takeover_s: float | None = None
    duplicates: int = 0

    def row(self, number: int) -> dict[str, Any]:
        return {
            "kill": number,
            "replicas": self.replicas,
            "victim": "stand-by" if self.stood_by else "owner",
            "backlog": self.backlog,
            "mails/s": round(self.rate_per_s),
            "takeover s": "" if self.stood_by else self.takeover_s,
            "duplicates": self.duplicates,
        }


async def kill_loop(plan: Plan, count: int, say: Say) -> Result:
    random = Random(f"kills-{plan.seed}")  # noqa: S311 - no secret is made of it
    kills: list[Kill] = []
    verdicts: list[Verdict] = []
    while len(kills) < count:
        left = min(_KILLS_A_ROUND, count - len(kills))
        replicas = _REPLICAS[len(verdicts) % len(_REPLICAS)]
        say(f"round {len(verdicts) + 1}: {replicas} replicas, {left} kills")
        fought, verdict = await _round(plan, replicas, left, random, say)
        kills += fought
        verdicts.append(verdict)
        say(
            f"settled: {verdict.events} events, {verdict.mails} mails, lost {verdict.lost}, "
            f"duplicates {verdict.duplicates}"
        )
    return Result(
        "kill-loop",
        {"kills": count, **msgspec.structs.asdict(plan)},
        [kill.row(number) for number, kill in enumerate(kills, 1)],
        [*promises_of(verdicts), *_promises(plan, kills, verdicts)],
    )


def _promises(plan: Plan, kills: list[Kill], verdicts: list[Verdict]) -> list[Promise]:
    of_owners = [kill for kill in kills if not kill.stood_by]
    per_kill = [kill.duplicates for kill in of_owners] or [0]
    return [
        Promise(
            "duplicates in all",
            sum(verdict.duplicates for verdict in verdicts),
            at_most=plan.slots_max * len(of_owners),
        ),
        Promise("duplicates of one kill, max", max(per_kill), at_most=plan.slots_max),
        *([median_promise(plan, of_owners)] if len(of_owners) >= _MEDIAN_OF_MIN else []),
        Promise(
            "duplicates of killed stand-bys", sum(kill.duplicates for kill in kills if kill.stood_by), at_most=0
        ),
        Promise(
            "takeover s, max",
            largest([kill.takeover_s for kill in of_owners]),
            at_most=plan.times.failover_time_s + _TAKEOVER_ALLOWED_S,
        ),
    ]


def median_promise(plan: Plan, of_owners: Sequence[Kill]) -> Promise:
    """What is in flight at a kill, half as much again: the rate at which mails were taken times the time from
    a mail's claim to its row.
    """
    rate_per_s = median(kill.rate_per_s for kill in of_owners)
    return Promise(
        f"duplicates of one kill, median at {rate_per_s:.0f} mails/s",
        median(kill.duplicates for kill in of_owners),
        at_most=round(_MEDIAN_FACTOR * rate_per_s * (plan.latency_s + _CLAIM_TO_ROW_S), 1),
    )


async def _round(plan: Plan, replicas: int, count: int, random: Random, say: Say) -> tuple[list[Kill], Verdict]:
    kills: list[Kill] = []
    async with open_ground(plan) as ground, ground.load() as load:
        for _ in range(replicas):
            await ground.start_replica()
        async with load.running():
            await ground.until("the first mails", lambda: ground.mails.distinct > plan.rate_per_s, 60)
            for _ in range(count):
                await ground.clock.sleep(random.uniform(2.0, 10.0))
                kills.append(await _kill_one(ground, load, random))
                say(f"killed {kills[-1].victim}: takeover {kills[-1].takeover_s or 0:.1f} s")
            await ground.until_caught_up(load, plan.caught_up_timeout_s)
        verdict = await reach_verdict(ground, load)
        ground.mails.refresh()
        ends_s = [*(kill.at_s for kill in kills[1:]), float("inf")]
        for kill, end_s in zip(kills, ends_s, strict=True):
            kill.duplicates = ground.mails.repeats(kill.at_s, end_s)
    return kills, verdict


async def _kill_one(ground: Ground, load: Load, random: Random) -> Kill:
    """Kills, waits for the new owner's first mail, and starts another in the place of the victim."""
    holders = await ground.holders()
    alive = [replica for replica in ground.replicas if replica.exit_code is None]
    stand_bys = [replica for replica in alive if replica not in holders]
    stood_by = bool(stand_bys) and random.random() < _STAND_BY_SHARE
    victim: Replica = random.choice(stand_bys if stood_by else holders)
    rate_per_s = await ground.until_flowing(ground.plan.caught_up_timeout_s)
    now_s = ground.clock.now_s()
    kill = Kill(
        victim.name,
        len(alive),
        stood_by,
        now_s,
        load.mails_due - ground.mails.distinct,
        rate_per_s,
    )
    await victim.kill()
    if not stood_by:
        sent_at_s = await taken_after(ground, now_s, ground.plan.times.failover_time_s * 3)
        kill.takeover_s = round(sent_at_s - now_s, 2)
    await ground.start_replica()
    return kill
