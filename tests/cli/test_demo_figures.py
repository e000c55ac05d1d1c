from __future__ import annotations

from prometheus_client import CollectorRegistry

from notifyd.cli.demo.figures import ChannelFigures, Figures, parse_figures
from notifyd.core.channel import Channel
from notifyd.telemetry.metrics import Metrics


def test_the_daemons_own_metrics_are_understood() -> None:
    metrics = Metrics(CollectorRegistry(), version="1", providers={Channel.EMAIL: ["ses"]}, sources=["events"])
    assert parse_figures(metrics.text().decode()) == Figures(channels={"email": ChannelFigures()})

    metrics.records.add(7, "events")
    metrics.events.add(1, "malformed")
    metrics.answers.add(4, "email", "ses", "accepted", "")
    metrics.answers.add(2, "email", "ses", "deferred", "throttled")
    metrics.suppressed.add(3, "email", "opted_out")
    metrics.dead.add(1, "email", "attempts")
    metrics.retry_depth.set(2, "email")
    metrics.provider_up.set(0, "email", "ses")
    metrics.latency.observe_all([0.02, 0.04, 0.04, 4.0], "email")

    assert parse_figures(metrics.text().decode()) == Figures(
        read=7,
        accepted=4,
        suppressed={"opted_out": 3},
        malformed=1,
        waiting=2,
        dead=1,
        p50_ms=50.0,
        p99_ms=5000.0,
        channels={"email": ChannelFigures(accepted=4, suppressed=3, waiting=2, dead=1)},
        down=["ses"],
    )
