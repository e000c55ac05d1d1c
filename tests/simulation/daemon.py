"""What every worker is configured with: shipped defaults, one catalog, one set of templates."""

from __future__ import annotations

import asyncio
from typing import Any

from notifyd.core.catalog import Catalog, NotificationType
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.decode import Decoder
from notifyd.core.delivery_id import Identity
from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.path import compile_path
from notifyd.core.pattern import compile_pattern
from notifyd.core.retry import RetryPolicy
from notifyd.flow.deliver import DeliverTimes
from notifyd.flow.heart import HeartTimes
from notifyd.flow.leasing import LeaseTimes
from notifyd.flow.redeliver import RedeliverTimes
from notifyd.flow.setup import FlowSettings
from notifyd.flow.templates import TemplateShelf
from tests.simulation.world.meaning import channels_of
from tests.simulation.world.world import EPOCH_S
from tests.support.flow_rig import raises

# The shipped defaults.
FAILOVER_S = 15.0
SEND_TIMEOUT_S = 5.0
SETTINGS = FlowSettings(
    worker_id="",
    slots_max=4_000,
    commit_interval_s=0.1,
    span_max=65_536,
    bytes_in_process_max=64 << 20,
    dedupe_bytes_max=16 << 20,
    heart=HeartTimes(renew_interval_s=3.0, failover_time_s=FAILOVER_S, send_timeout_s=SEND_TIMEOUT_S),
    lease=LeaseTimes(scan_interval_s=1.0, failover_time_s=FAILOVER_S),
    deliver=DeliverTimes(linger_s=0.01, send_timeout_s=SEND_TIMEOUT_S, queue_wait_max_s=5.0),
    retry=RetryPolicy(),
    redeliver=RedeliverTimes(receivers=2, receive_wait_s=5.0, send_timeout_s=SEND_TIMEOUT_S),
    log_flush_ms=25.0,
    log_ttl_s=14 * 86_400.0,
    alert_fold_s=60.0,
    drain_timeout_s=25.0,
)
_TEMPLATES = {
    "paid/email.subject": "Paid",
    "paid/email.text": "{{ user.user_id }} paid {{ data.amount }}\n",
    "paid/push_ios.title": "Paid",
}
IDENTITY = Identity([("1", b"key")])


class _Templates:
    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        return None if known_version == "v1" else ("v1", _TEMPLATES)


class _Never:
    """The shelf's clock: nothing is asked for again within a run."""

    def now_s(self) -> float:
        return EPOCH_S

    def elapsed_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - for ever
        await asyncio.get_running_loop().create_future()


# Compiled once: templates are not what is simulated.
SHELF = TemplateShelf(_Templates(), _Never(), refresh_s=1e9)


def _type(name: str, detail_type: str, **fields: Any) -> NotificationType:
    values: dict[str, Any] = {
        "match": compile_pattern({"source": ["shop"], "detail-type": [detail_type]}),
        "users": compile_path("detail.users"),
        "data": compile_path("detail"),
        "category": "payments",
        "channels": channels_of(name),
        "template": "paid",
        **fields,
    }
    return NotificationType(name, **values)


_TYPES = {
    one_type.name: one_type
    for one_type in (
        _type("paid", "paid"),
        _type("asked", "asked", in_doubt=InDoubt.LOOK_UP),
        _type("held", "held", in_doubt=InDoubt.HOLD),
        _type("first", "double"),
        _type("second", "double", lane=Lane.BULK),
        _type("both", "both"),
    )
}


def _catalog(*changed: NotificationType, without: str = "") -> Catalog:
    types = _TYPES | {one_type.name: one_type for one_type in changed}
    return Catalog([one_type for name, one_type in types.items() if name != without])


# By release.
CATALOGS = {
    "as usual": _catalog(),
    "a channel is dropped": _catalog(_type("both", "both", channels=(Channel.EMAIL,))),
    "a type is dropped": _catalog(without="second"),
    "a type matches other events": _catalog(_type("paid", "paid again")),
    "a filter raises": _catalog(_type("both", "both", filter=raises)),
    "a template fails": _catalog(
        _type("asked", "asked", in_doubt=InDoubt.LOOK_UP, data=compile_path("detail.nothing"))
    ),
}


def _decoders() -> tuple[Decoder, Decoder]:
    quiet = {"source": [{"anything-but": ["noise"]}]}
    of_kinesis = compile_filter_criteria([{"data": quiet}], SourceKind.KINESIS)
    image = {"dynamodb": {"NewImage": {"source": {"S": [{"anything-but": ["noise"]}]}}}}
    of_table = compile_filter_criteria([{"eventName": ["INSERT"], **image}], SourceKind.DYNAMODB)
    return (
        Decoder(SourceKind.KINESIS, "events", filter_criteria=of_kinesis),
        Decoder(SourceKind.DYNAMODB, "orders", filter_criteria=of_table),
    )


DECODERS = _decoders()
