"""When one account and each of its groups may be asked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from notifyd.core.channel import Channel
from notifyd.core.outcome import Deferred, Reason
from notifyd.core.provider_health import Tally
from notifyd.core.time_slots import Part
from notifyd.flow.pacer import Pacer
from notifyd.ports import Limits

LIMITS = Limits(batch_max=1, in_flight_max=8, payload_bytes_max=1 << 20, group_rate_per_s=1.0)


def wait_s(pacer: Pacer, group: str, now_s: float) -> float:
    pace = pacer.group_pace
    assert pace is not None
    return pace(group, now_s)


def test_a_group_waits_for_its_own_rate_and_for_no_others() -> None:
    pacer = Pacer(Channel.CHAT, LIMITS, 0.0)
    pacer.take("a", 1, 0.0)
    assert wait_s(pacer, "a", 0.0) == pytest.approx(1.0)
    assert wait_s(pacer, "b", 0.0) == 0.0


def test_a_known_group_follows_the_share_and_the_limit() -> None:
    limits = replace(LIMITS, group_rate_per_s=10.0)
    pacer = Pacer(Channel.CHAT, limits, 0.0)
    pacer.take("a", 1, 0.0)
    pacer.fit(limits, Part(of=4), 0.0, wall_s=0.0)
    assert wait_s(pacer, "a", 0.0) == pytest.approx(0.4)
    pacer.fit(replace(LIMITS, group_rate_per_s=80.0), Part(of=4), 0.0, wall_s=0.0)
    assert wait_s(pacer, "a", 0.0) == pytest.approx(0.05)


def test_where_several_workers_know_a_slow_group_each_waits_for_its_turn_on_the_wall_clock() -> None:
    pacer = Pacer(Channel.CHAT, LIMITS, 0.0)
    pacer.fit(LIMITS, Part(rank=1, of=2), 7.0, wall_s=1_000.0)  # rank 1: from 1.25 to 1.5 of each 2.5 s
    assert wait_s(pacer, "a", 7.0) == pytest.approx(1.25)
    assert wait_s(pacer, "a", 8.3) == 0.0


def test_a_group_that_waits_is_remembered_among_any_number_of_others() -> None:
    pacer = Pacer(Channel.CHAT, LIMITS, 0.0)
    pacer.take("a", 10, 0.0)
    for other in range(5000):
        pacer.take(other, 1, other / 1000)
    assert wait_s(pacer, "a", 5.0) == pytest.approx(5.0)


def throttled(pacer: Pacer, retry_after_s: float) -> None:
    outcomes = [Deferred(Reason.THROTTLED, retry_after_s)]
    pacer.heard(Tally(), "a", outcomes, took_s=0.1, slow_s=2.0, now_s=0.0)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(30.0, 30.0), (86_400.0, 900.0), (1.7e12, 900.0)])
def test_an_account_pauses_as_long_as_it_is_asked_to_within_reason(asked_s: float, waits_s: float) -> None:
    pacer = Pacer(Channel.CHAT, replace(LIMITS, group_rate_per_s=None), 0.0)
    throttled(pacer, asked_s)
    assert pacer.wait_s(0.0) == pytest.approx(waits_s)


def test_a_groups_pause_is_its_own_and_within_reason() -> None:
    pacer = Pacer(Channel.CHAT, LIMITS, 0.0)
    throttled(pacer, 1.7e12)
    assert wait_s(pacer, "a", 0.0) == pytest.approx(900.0, abs=1.0)
    assert wait_s(pacer, "b", 0.0) == pacer.wait_s(0.0) == 0.0
