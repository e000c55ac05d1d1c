"""Each run in its short form: the promises at short times, not the figures."""

from __future__ import annotations

import pytest

from tests.faults.bench_ground import OutagePlan
from tests.faults.chaos import cases, chaos
from tests.faults.full_drain import full_drain
from tests.faults.kill import kill_loop
from tests.faults.kinesis import is_installed
from tests.faults.outage import outage
from tests.faults.plan import SHORT_TIMES, Plan
from tests.faults.promises import Result
from tests.faults.reshard import RATE_PER_S, reshard
from tests.faults.show import sayer
from tests.faults.sigterm import sigterm_loop
from tests.faults.zombie import zombie

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.timeout(300)]

_PLAN = Plan(rate_per_s=100, times=SHORT_TIMES, events_max=20_000)
_CASES = ("cut-10-dynamodb", "away-60s-all", "no-lease-table-for-the-owner")
_HOLD_S = 10.0


def _broken(result: Result) -> list[str]:
    return [f"{one.name}: {one.value}, promised {one.bound_text}" for one in result.broken]


async def test_a_kill_9_loses_nothing_and_lists_what_it_may_have_doubled() -> None:
    assert _broken(await kill_loop(_PLAN, 2, sayer())) == []


async def test_a_drain_doubles_nothing_and_the_next_owner_goes_on_at_once() -> None:
    assert _broken(await sigterm_loop(_PLAN, 2, sayer())) == []


async def test_a_zombie_finds_itself_fenced_and_stands_by() -> None:
    assert _broken(await zombie(_PLAN, 1, sayer())) == []


async def test_a_misbehaving_aws_costs_time_and_nothing_else() -> None:
    chosen = [case.held(_HOLD_S) for case in cases() if case.name in _CASES]
    assert len(chosen) == len(_CASES)
    assert _broken(await chaos(_PLAN, chosen, sayer())) == []


async def test_a_drain_at_full_load_doubles_nothing_and_is_over_in_seconds() -> None:
    assert _broken(await full_drain(OutagePlan(), 1, sayer())) == []


async def test_an_outage_of_all_of_aws_moves_no_lease_and_its_backlog_is_drained_fast() -> None:
    assert _broken(await outage(OutagePlan(rate_per_s=1_000, outage_s=_HOLD_S), sayer())) == []


@pytest.mark.skipif(not is_installed(), reason="kinesis-local is not installed; `make reshard` does that")
async def test_a_reshard_keeps_every_record_and_the_order_of_parents_and_children() -> None:
    plan = Plan(rate_per_s=RATE_PER_S, times=SHORT_TIMES, events_max=20_000)
    assert _broken(await reshard(plan, 3, sayer())) == []
