"""What a measurement has to say: windows as they were seen, and figures for the table."""

from __future__ import annotations

from typing import Self

import msgspec


class Spent(msgspec.Struct, frozen=True):
    """Seconds: CPU of all threads and of the loop's; `queued_s`: the contestant could have run, and something else
    had its core; `servers_cpu_s`: of source and sinks. Near `wall_s` it is they who were measured.

    `piece_s`: how long a fixed piece of work took on the contestant's core (pace.py).
    """

    wall_s: float
    cpu_s: float
    loop_cpu_s: float
    queued_s: float
    servers_cpu_s: float
    piece_s: float = 0.0


class Latency(msgspec.Struct, frozen=True):
    """Produced → accepted, as the sinks saw it."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0


class Window(msgspec.Struct, frozen=True):
    """What so many events cost. `deliveries`: accepted ones. `calls`: AWS calls by operation. `units_an_event`:
    that DynamoDB bills, by table and direction, and `log bytes`.
    """

    events: int
    deliveries: int
    events_per_s: float
    events_per_core_s: float
    cpu_us_an_event: float
    loop_cpu_us_an_event: float
    spent: Spent
    latency: Latency
    calls: dict[str, int]
    calls_an_event: dict[str, float]
    units_an_event: dict[str, float]

    @classmethod
    def of(
        cls,
        events: int,
        deliveries: int,
        spent: Spent,
        latency: Latency,
        calls: dict[str, int],
        units: dict[str, float],
    ) -> Self:
        return cls(
            events=events,
            deliveries=deliveries,
            events_per_s=ratio(events, spent.wall_s),
            events_per_core_s=ratio(events, spent.cpu_s),
            cpu_us_an_event=1e6 * ratio(spent.cpu_s, events),
            loop_cpu_us_an_event=1e6 * ratio(spent.loop_cpu_s, events),
            spent=spent,
            latency=latency,
            calls=calls,
            calls_an_event={name: ratio(count, events) for name, count in calls.items()},
            units_an_event={name: ratio(count, events) for name, count in units.items()},
        )


class Figure(msgspec.Struct, frozen=True):
    """A line of the table. `form`: of the value. `aim`: what is to be reached."""

    title: str
    value: float
    form: str = ",.0f"
    aim: str = ""

    @property
    def titled(self) -> str:
        return f"{self.title} ({self.aim})" if self.aim else self.title


def saturated_figures(window: Window) -> list[Figure]:
    return [
        Figure("events/s a core (events / CPU s)", window.events_per_core_s),
        Figure("events/s as it came, saturated", window.events_per_s),
        Figure("CPU µs an event, all threads", window.cpu_us_an_event, ".1f"),
        Figure("CPU µs an event, loop's thread", window.loop_cpu_us_an_event, ".1f"),
        Figure("a fixed piece of work on its core, µs", 1e6 * window.spent.piece_s, ".0f"),
        Figure("waited for its core, % of the time", _percent(window.spent.queued_s, window), ".0f"),
        Figure("source and sinks, % of their core", _percent(window.spent.servers_cpu_s, window), ".0f"),
        *call_figures(window),
    ]


def call_figures(window: Window) -> list[Figure]:
    all_calls = sum(window.calls_an_event.values())
    by_kind = [Figure(f"  {name}", 100 * count, ".2f") for name, count in sorted(window.calls_an_event.items())]
    return [Figure("AWS calls per 100 events", 100 * all_calls, ".2f"), *by_kind]


def paced_figures(name: str, window: Window, *, p50_aim: str = "", p99_aim: str = "") -> list[Figure]:
    latency = window.latency
    return [
        Figure(f"{name}: events/s", window.events_per_s),
        Figure(f"{name}: CPU µs an event", window.cpu_us_an_event, ".1f"),
        Figure(f"{name}: the fixed piece of work, µs", 1e6 * window.spent.piece_s, ".0f"),
        Figure(f"{name}: waited for its core, %", _percent(window.spent.queued_s, window), ".0f"),
        Figure(f"{name}: source and sinks, % of their core", _percent(window.spent.servers_cpu_s, window), ".0f"),
        Figure(f"{name}: p50 ms, produced → accepted", latency.p50_ms, ".0f", p50_aim),
        Figure(f"{name}: p95 ms", latency.p95_ms, ".0f"),
        Figure(f"{name}: p99 ms", latency.p99_ms, ".0f", p99_aim),
    ]


def ratio(amount: float, of: float) -> float:
    return amount / of if of else 0.0


def _percent(seconds: float, window: Window) -> float:
    return 100 * ratio(seconds, window.spent.wall_s)
