from __future__ import annotations

from collections.abc import Sequence

import pytest

from notifyd.core.breaker import BreakerState
from notifyd.core.channel import Channel
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.provider_health import ERRORS_TO_MOVE, ProviderHealth, Tally

BROKEN = Deferred(Reason.PROVIDER_ERROR)
BAD_ADDRESS = Rejected(Reason.ADDRESS_INVALID)


def _answered(
    health: ProviderHealth, outcomes: Sequence[Outcome], now_s: float = 0.0, took_s: float = 0.1
) -> None:
    given = health.begin(now_s)
    assert given is not None
    tally = Tally()
    health.heard(tally, outcomes, took_s=took_s, slow_s=2.0, now_s=now_s)
    health.ended(given, tally, now_s=now_s, fraction=0.0)


@pytest.mark.parametrize(
    "outcome", [BROKEN, Unknown(Reason.NO_ANSWER), Deferred(Reason.CREDENTIALS), Deferred(Reason.QUOTA)]
)
def test_whole_requests_that_fail_in_a_row_open_the_breaker(outcome: Outcome) -> None:
    health = ProviderHealth(Channel.EMAIL)
    for _ in range(5):
        assert health.breaker_state is BreakerState.CLOSED
        _answered(health, [outcome] * 3)
    assert health.breaker_state is BreakerState.OPEN
    assert health.begin(1.0) is None


@pytest.mark.parametrize(
    "outcome",
    [BAD_ADDRESS, AddressGone(), Rejected(Reason.MESSAGE_REFUSED), Deferred(Reason.THROTTLED)],
)
def test_what_is_no_fault_of_the_provider_never_counts_against_it(outcome: Outcome) -> None:
    health = ProviderHealth(Channel.EMAIL)
    for _ in range(40):
        _answered(health, [outcome])
    assert health.breaker_state is BreakerState.CLOSED
    assert not health.wants_less(1.0)
    assert health.errors(1.0) == 0


def test_one_success_among_failures_keeps_it_closed() -> None:
    health = ProviderHealth(Channel.EMAIL)
    for _ in range(20):
        _answered(health, [BROKEN, Accepted()])
    assert health.breaker_state is BreakerState.CLOSED


def test_a_request_whose_last_answer_alone_fails_is_no_failure() -> None:
    health = ProviderHealth(Channel.PUSH_IOS)
    for _ in range(20):
        given, tally = health.begin(0.0), Tally()
        assert given is not None
        health.heard(tally, [Accepted()] * 99, took_s=0.1, slow_s=2.0, now_s=0.1)
        health.heard(tally, [Unknown(Reason.NO_ANSWER)], took_s=5.0, slow_s=2.0, now_s=5.0)
        health.ended(given, tally, now_s=5.0, fraction=0.0)
    assert health.breaker_state is BreakerState.CLOSED
    assert health.errors(5.0) == 20


def test_a_probe_that_succeeds_closes_it_again() -> None:
    health = ProviderHealth(Channel.EMAIL)
    for _ in range(5):
        _answered(health, [BROKEN])
    assert not health.is_probe_due(1.0)
    assert health.is_probe_due(10.0)
    _answered(health, [Accepted()], now_s=10.0)
    assert health.breaker_state is BreakerState.CLOSED


def test_fifty_errors_in_a_minute_want_weight_moved_and_are_forgotten_after_it() -> None:
    health = ProviderHealth(Channel.EMAIL)
    for index in range(ERRORS_TO_MOVE):
        assert not health.wants_less(index * 0.5)
        _answered(health, [BROKEN, Accepted()], now_s=index * 0.5)
    assert health.wants_less(25.0)
    assert not health.wants_less(90.0)


def test_slow_answers_want_weight_moved_when_they_are_many() -> None:
    health = ProviderHealth(Channel.EMAIL)
    for index in range(100):
        _answered(health, [Accepted()], took_s=3.0 if index % 5 == 0 else 0.1)
    assert health.wants_less(0.0)


@pytest.mark.parametrize("channel", [Channel.PUSH_IOS, Channel.PUSH_ANDROID])
def test_a_burst_of_bad_tokens_opens_the_breaker(channel: Channel) -> None:
    """A mix-up of the push services' sandbox and production, not fifty people's mistakes."""
    health = ProviderHealth(channel)
    for _ in range(9):
        _answered(health, [BAD_ADDRESS] * 6)
    for _ in range(4):
        if health.breaker_state is BreakerState.CLOSED:
            _answered(health, [BAD_ADDRESS] * 6)
    assert health.breaker_state is BreakerState.OPEN


@pytest.mark.parametrize("channel", sorted(set(Channel) - {Channel.PUSH_IOS, Channel.PUSH_ANDROID}))
def test_bad_addresses_that_people_wrote_stop_nobody_elses(channel: Channel) -> None:
    health = ProviderHealth(channel)
    for _ in range(1000):
        _answered(health, [BAD_ADDRESS])
    assert health.breaker_state is BreakerState.CLOSED
