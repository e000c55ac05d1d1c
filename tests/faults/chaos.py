"""AWS misbehaves: throttles, applies and does not say so, goes away, is slow, or is cut off for one replica alone.

The load writes to AWS directly: what the daemon cannot read meanwhile is waiting for it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.names import Names
from tests.faults.ground import PREFIX, Ground, open_ground
from tests.faults.load import Load
from tests.faults.plan import Plan
from tests.faults.promises import Promise, Result, largest
from tests.faults.proxy import Cut, Delay, Fault, FaultProxies, Refuse, Throttle, fault_proxies
from tests.faults.show import Say
from tests.faults.takeover import lease_taken_s
from tests.faults.verdict import Verdict, promises_of, reach_verdict

_WARM_S = 4.0
# The clean time that the requests of a faulty one are held against.
_CLEAN_S = 10.0
_RECOVER_ALLOWED_S = 10.0
_DRAIN_RATIO_MIN = 2.0
_REQUESTS_RATIO_MAX = 1.3
# A shorter backlog is gone before a rate of its draining can be told.
_BACKLOG_MIN_S = 10.0
# What a busy machine may take from the fence check to the journal.
_ON_THE_WAY_S = 1.0
_LEASES = Names(PREFIX).leases.encode()


class Case(msgspec.Struct, frozen=True):
    """`services`: none named are all. `owner_only`: the stand-by is spared, and may take over."""

    name: str
    fault: Fault
    hold_s: float
    services: tuple[str, ...] = ()
    owner_only: bool = False

    def held(self, hold_s: float) -> Case:
        return msgspec.structs.replace(self, hold_s=hold_s)


def cases() -> list[Case]:
    services = ("dynamodb", "dynamodb_streams", "sqs")
    return [
        *(Case(f"throttle-30-{name}", Throttle(share=0.3), 60, (name,)) for name in services),
        Case("throttle-all", Throttle(), 60),
        *(Case(f"cut-10-{name}", Cut(share=0.1), 30, (name,)) for name in services),
        *(Case(f"away-{hold_s}s-{name}", Refuse(), hold_s, (name,)) for hold_s in (1, 30) for name in services),
        Case("slow-all", Delay(seconds=0.5), 30),
        Case("away-60s-all", Refuse(), 60),
        Case("no-lease-table-for-the-owner", Refuse(about=_LEASES), 45, ("dynamodb",), owner_only=True),
    ]


class Seen(msgspec.Struct):
    """`recover_s`: until a second brings as many mails as are due in one. `drain_ratio`: mails taken until the
    backlog was gone, to those that fell due meanwhile. `requests_ratio`: to what as long a time without the
    fault needs, times what the refusals make necessary: with 30 % refused, 1 / 0.7 for each call that has to work.
    `past_lease`: mails that came when no owner was sure of its lease and no other had it yet.
    """

    case: Case
    backlog: int
    takeovers: int
    recover_s: float | None
    drain_ratio: float | None
    requests_ratio: float
    past_lease: int
    verdict: Verdict

    def row(self) -> dict[str, Any]:
        return {
            "case": self.case.name,
            "s": self.case.hold_s,
            "backlog": self.backlog,
            "takeovers": self.takeovers,
            "recovered after s": self.recover_s,
            "drained ×": "" if self.drain_ratio is None else self.drain_ratio,
            "requests ×": self.requests_ratio,
            "lost": self.verdict.lost,
            "duplicates": self.verdict.duplicates,
        }


async def chaos(plan: Plan, chosen: Sequence[Case], say: Say) -> Result:
    seen: list[Seen] = []
    for case in chosen:
        say(f"{case.name}: {case.hold_s:g} s")
        seen.append(await _one(plan, case))
        say("  " + "  ".join(f"{name} {value}" for name, value in list(seen[-1].row().items())[2:]))
    return Result("chaos", msgspec.structs.asdict(plan), [one.row() for one in seen], _promises(plan, seen))


def _promises(plan: Plan, seen: list[Seen]) -> list[Promise]:
    shared = [one for one in seen if not one.case.owner_only]
    alone = [one for one in seen if one.case.owner_only]
    throttled = [one.requests_ratio for one in shared if isinstance(one.case.fault, Throttle)]
    drained = [one.drain_ratio for one in shared if one.drain_ratio is not None]
    promises = [
        *promises_of([one.verdict for one in seen]),
        Promise("duplicates where no lease was lost", sum(one.verdict.duplicates for one in shared), at_most=0),
        Promise("takeovers where all were cut off", sum(one.takeovers for one in shared), at_most=0),
        Promise("recovered after s, max", largest([one.recover_s for one in shared]), at_most=_RECOVER_ALLOWED_S),
    ]
    if drained:
        promises.append(Promise("backlog drained ×, min", min(drained), at_least=_DRAIN_RATIO_MIN))
    if throttled:
        promises.append(Promise("requests while throttled ×, max", max(throttled), at_most=_REQUESTS_RATIO_MAX))
    if alone:
        duplicates = max(one.verdict.duplicates for one in alone)
        promises.append(Promise("duplicates of an owner cut off alone", duplicates, at_most=plan.slots_max))
        promises.append(Promise("its mails past its lease", sum(one.past_lease for one in alone), at_most=0))
        promises.append(Promise("its leases taken over", min(one.takeovers for one in alone), at_least=1))
    return promises


async def _one(plan: Plan, case: Case) -> Seen:
    async with (
        open_ground(plan) as ground,
        fault_proxies(ground.aws.url, ground.clock, plan.seed) as proxies,
        ground.load() as load,
    ):
        await ground.start_replica(proxies.environment)
        await ground.until("the first owner", lambda: ground.replicas[0].lines("lease_taken"), 60)
        await ground.start_replica(None if case.owner_only else proxies.environment)
        async with load.running():
            await ground.until("the first mails", lambda: ground.mails.distinct > plan.rate_per_s, 60)
            await ground.clock.sleep(_WARM_S)
            requests_per_s = await _requests_per_s(ground, case, proxies, _CLEAN_S)
            began_s = ground.clock.now_s()
            proxies.befall(case.fault, *case.services)
            faulted_per_s = await _requests_per_s(ground, case, proxies, case.hold_s)
            proxies.befall(None)
            backlog, recover_s, drain_ratio = await _recovery(ground, load)
        verdict = await reach_verdict(ground, load)
        past_lease = _past_lease(ground, began_s) if case.owner_only else 0
        taken = [line for one in ground.replicas for line in one.lines("lease_taken", since_s=began_s)]
    return Seen(
        case=case,
        backlog=backlog,
        takeovers=len(taken),
        recover_s=recover_s,
        drain_ratio=drain_ratio,
        requests_ratio=round(faulted_per_s / requests_per_s / _necessary(case.fault), 2),
        past_lease=past_lease,
        verdict=verdict,
    )


def _past_lease(ground: Ground, began_s: float) -> int:
    """Between the latest arrival of what was begun in time and the next owner's lease."""
    plan = ground.plan
    taken_s = lease_taken_s(ground, began_s)
    last_s = began_s + plan.times.sends_for_s + plan.latency_s + _ON_THE_WAY_S
    return ground.mails.count(last_s, taken_s) if taken_s is not None and taken_s > last_s else 0


def _necessary(fault: Fault) -> float:
    """Tries a call takes until one is let through; 1 where none is."""
    return 1 / (1 - fault.share) if isinstance(fault, Throttle) and fault.share < 1 else 1.0


async def _requests_per_s(ground: Ground, case: Case, proxies: FaultProxies, span_s: float) -> float:
    before = proxies.arrived(*case.services)
    await ground.clock.sleep(span_s)
    return (proxies.arrived(*case.services) - before) / span_s


async def _recovery(ground: Ground, load: Load) -> tuple[int, float | None, float | None]:
    """Backlog, seconds until the mails come as fast as they fall due, and how much faster they came."""
    ground.mails.refresh()
    ended_s = ground.clock.now_s()
    due_before, taken_before = load.mails_due, ground.mails.distinct
    due_per_s = load.rate_per_s * load.mails_due / load.written
    await ground.until_caught_up(load, ground.plan.caught_up_timeout_s)
    caught_up_s = ground.clock.now_s()
    due, taken = load.mails_due - due_before, ground.mails.distinct - taken_before
    await ground.clock.sleep(2)  # so that the second after the recovery is a whole one
    ground.mails.refresh()
    recovered_s = ground.mails.first_second_of(0.9 * due_per_s, ended_s)
    backlog = due_before - taken_before
    return (
        backlog,
        None if recovered_s is None else round(recovered_s - ended_s, 2),
        round(taken / max(1, due), 2) if backlog > _BACKLOG_MIN_S * due_per_s and caught_up_s > ended_s else None,
    )
