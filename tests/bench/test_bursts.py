"""What bursts cost is told beside the same work back to back."""

from __future__ import annotations

from bench.micro.bursts import Round, measure
from bench.micro.cases import Case


def test_every_round_does_the_same_work_back_to_back_and_after_pauses() -> None:
    done: list[str] = []
    case = Case("work", lambda: lambda: done.append("work"), units=10)
    measured = measure(case, rounds=2, every_s=0.2, sleep=lambda pause_s: done.append(f"sleep {pause_s}"))
    of_a_round = (len(done) - 1) // 2
    first = done[1 : 1 + of_a_round]
    alike = first.index("sleep 0.2")
    assert len(measured) == 2
    assert first[:alike] == ["work"] * alike
    assert first[alike:] == ["sleep 0.2", "work"] * alike


def test_the_ratio_says_how_much_more_a_burst_costs() -> None:
    assert Round(continuous_us=20.0, bursts_us=30.0).ratio == 1.5
