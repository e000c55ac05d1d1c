"""What a delivery from a retry queue has to pass before it is sent."""

from __future__ import annotations

from notifyd.core.catalog import Catalog
from notifyd.core.channel import Channel
from notifyd.core.log_rows import RowMaker
from notifyd.flow.attempt import AttemptClaims
from notifyd.flow.expand import Expander
from notifyd.flow.facts import FactFinder
from notifyd.flow.inquire import Inquirer
from notifyd.flow.reconsider import Reconsider
from notifyd.flow.redeliver import Checks
from notifyd.flow.setup import FlowSettings, Outside
from notifyd.telemetry.metrics import Metrics


def checks_of(
    channel: Channel,
    outside: Outside,
    settings: FlowSettings,
    *,
    catalog: Catalog,
    facts: FactFinder,
    expander: Expander,
    rows: RowMaker,
    metrics: Metrics,
) -> Checks:
    return Checks(
        Reconsider(
            catalog=catalog,
            directory=outside.directory,
            facts=facts,
            expander=expander,
            delivery_log=outside.delivery_log,
            rows=rows,
            clock=outside.clock,
        ),
        Inquirer(
            [route.provider for route in outside.providers[channel]],
            outside.delivery_log,
            wait_s=settings.redeliver.look_up_wait_s,
            timeout_s=settings.redeliver.send_timeout_s,
            clock=outside.clock,
            entropy=outside.entropy,
            metrics=metrics,
        ),
        AttemptClaims(outside.delivery_log, rows, outside.clock, outside.entropy),
    )
