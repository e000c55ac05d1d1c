from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notifyd.core.breaker import Breaker, BreakerPolicy, BreakerState, Pass

POLICY = BreakerPolicy(failures_max=3, open_s=1.0, open_max_s=4.0)


def _begun(breaker: Breaker, now_s: float) -> Pass:
    given = breaker.begin(now_s)
    assert given is not None
    return given


def _state(breaker: Breaker) -> BreakerState:
    return breaker.state


def _opened(now_s: float = 0.0, fraction: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(POLICY.failures_max):
        breaker.failed(_begun(breaker, now_s), now_s, fraction)
    assert _state(breaker) is BreakerState.OPEN
    return breaker


def test_failures_that_a_success_parts_open_nothing() -> None:
    breaker = Breaker(POLICY)
    for _ in range(5):
        for _ in range(POLICY.failures_max - 1):
            breaker.failed(_begun(breaker, 0.0), 0.0, 0.0)
        breaker.succeeded(_begun(breaker, 0.0))

    assert _state(breaker) is BreakerState.CLOSED


@given(st.floats(0, 1, exclude_max=True))
def test_it_stays_open_between_half_and_the_whole_of_its_time(fraction: float) -> None:
    breaker = _opened(100.0, fraction)

    assert breaker.begin(100.49) is None
    assert _opened(100.0, fraction).begin(101.0) is not None


def test_one_probe_goes_out_and_its_success_closes() -> None:
    breaker = _opened()
    probe = _begun(breaker, 1.0)

    assert _state(breaker) is BreakerState.HALF_OPEN
    assert breaker.begin(1.0) is None
    breaker.succeeded(probe)
    assert _state(breaker) is BreakerState.CLOSED
    assert breaker.begin(1.0) is not None


def test_each_probe_that_fails_doubles_the_time_up_to_the_longest() -> None:
    breaker = _opened()
    now_s = 0.0
    for open_s in (0.5, 1.0, 2.0, 2.0):
        assert breaker.begin(now_s + open_s - 0.01) is None
        now_s += open_s
        breaker.failed(_begun(breaker, now_s), now_s, 0.0)


def test_after_it_closed_it_opens_for_the_shortest_time_again() -> None:
    breaker = _opened()
    breaker.failed(_begun(breaker, 1.0), 1.0, 0.0)
    breaker.succeeded(_begun(breaker, 10.0))
    for _ in range(POLICY.failures_max):
        breaker.failed(_begun(breaker, 10.0), 10.0, 0.0)

    assert breaker.begin(10.5) is not None


def test_what_was_begun_before_it_opened_changes_nothing_afterwards() -> None:
    breaker = Breaker(POLICY)
    old = [_begun(breaker, 0.0) for _ in range(6)]
    for given_before in old[:3]:
        breaker.failed(given_before, 0.0, 0.0)
    breaker.succeeded(old[3])
    breaker.failed(old[4], 0.4, 0.0)

    assert _state(breaker) is BreakerState.OPEN
    probe = _begun(breaker, 0.5)
    breaker.succeeded(old[5])
    assert _state(breaker) is BreakerState.HALF_OPEN
    breaker.succeeded(probe)
    assert _state(breaker) is BreakerState.CLOSED


def test_a_probe_that_was_abandoned_leaves_the_next_one_to_go() -> None:
    breaker = _opened()
    breaker.abandoned(_begun(breaker, 1.0))

    assert breaker.begin(1.0) is not None


class AnyUse(RuleBasedStateMachine):
    """Whatever is given back in whatever order, it never sticks and never lets many ask of one that is down."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(POLICY)
        self.now_s = 0.0
        self.out: list[Pass] = []

    @rule(seconds=st.floats(0, 5))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def ask(self) -> None:
        before = self.breaker.state
        allowed = self.breaker.begin(self.now_s)
        if before is BreakerState.HALF_OPEN:
            assert allowed is None
        if allowed:
            self.out.append(allowed)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def answer(self, data: st.DataObject, how: str) -> None:
        given_back = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        match how:
            case "succeeded":
                self.breaker.succeeded(given_back)
            case "failed":
                self.breaker.failed(given_back, self.now_s, 0.5)
            case _:
                self.breaker.abandoned(given_back)

    @invariant()
    def somebody_may_ask_or_is_asking_or_it_is_only_a_matter_of_time(self) -> None:
        if self.breaker.state is BreakerState.HALF_OPEN:
            assert self.out, "a probe is out that nobody holds"
        elif self.breaker.state is BreakerState.OPEN:
            assert self.breaker._open_until_s <= self.now_s + POLICY.open_max_s


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=50, stateful_step_count=30)
