"""The whole of prepare but dedupe, in process: nothing is asked of anybody, nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, TypeVar, cast

from prometheus_client import CollectorRegistry

from bench.servers.events import Shape, Stamp, envelope
from bench.workloads.workload import FIXTURES
from notifyd.catalog_file import load_catalog
from notifyd.core.channel import Channel
from notifyd.core.decode import Decoder
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Record
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.policy import DeliveryRules
from notifyd.core.sequence import Position
from notifyd.core.user import Contact, DeviceToken, Person, UserSettings
from notifyd.core.window import Standing
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.expand import Expander
from notifyd.flow.facts import FactFinder
from notifyd.flow.log_reader import LogReader
from notifyd.flow.orphanage import Orphanage
from notifyd.flow.prepare import Preparer, SourceRules
from notifyd.flow.recover import Recoverer
from notifyd.flow.templates import TemplateShelf
from notifyd.flow.watch import Watch
from notifyd.system import SystemClock, SystemEntropy
from notifyd.telemetry.metrics import Metrics

T = TypeVar("T")

_SHAPE = Shape(users=10_000, event_bytes=600)
_NOW_S = 1_700_000_000.0
_SHARD = "shardId-000000000003"
_UNUSED = cast("Any", None)


class _Everybody:
    """A directory that remembers all."""

    def __init__(self, records: int) -> None:
        self._people = {user_id: _person(user_id) for user_id in map(_SHAPE.user_id, range(records))}

    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        return {user_id: self._people[user_id] for user_id in user_ids}


def _person(user_id: str) -> Person:
    device = DeviceToken(user_id.encode().hex().rjust(64, "0"), "apns", _NOW_S)
    contact = Contact(user_id, f"{user_id}@bench.example", "+4930123456", (device,))
    return Person(user_id, contact, UserSettings(user_id, categories={"payments": True}))


class _Folder:
    async def fetch(self, version: str | None) -> tuple[str, dict[str, str]] | None:  # noqa: ARG002 - asked once
        folder = FIXTURES / "templates"
        return "1", {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*")}


def prepare_part(catalog: str, channel: Channel, records: int) -> Callable[[], object]:
    """`catalog`: a file of the fixtures that sends by that channel."""
    preparer = _preparer(catalog, channel, records)
    part = [
        Record(Position(f"{number:056d}"), _NOW_S, envelope(_SHAPE, Stamp(number, _NOW_S)), f"p{number}")
        for number in range(records)
    ]
    standings = [Standing.FRESH] * records

    def run() -> object:
        return _at_once(preparer.prepare(_SHARD, part, 0, standings, _UNUSED, begun_to=lambda _: ""))

    # A suppressed or dead one is cheap, and its figure would please.
    assert all(len(entry.tickets) == 1 for entry in cast("list[Any]", run()))
    return run


def _preparer(catalog: str, channel: Channel, records: int) -> Preparer:
    clock, entropy = SystemClock(), SystemEntropy()
    metrics = Metrics(CollectorRegistry(), version="", providers={channel: ["one"]}, sources=())
    templates = TemplateShelf(_Folder(), clock, refresh_s=60.0)
    asyncio.run(templates.load())
    rows = RowMaker(ttl_s=86_400.0)
    expander = Expander(
        identity=Identity([("1", b"secret")]),
        rows=rows,
        templates=templates,
        rules=DeliveryRules(frozenset({channel})),
    )
    types = load_catalog(FIXTURES / catalog)
    return Preparer(
        rules=SourceRules("kinesis:bench-events", 0.0, None),
        decoder=Decoder(SourceKind.KINESIS, "bench-events"),
        catalog=types,
        directory=_Everybody(records),
        facts=FactFinder({}),
        expander=expander,
        recoverer=Recoverer(
            LogReader(_UNUSED, clock, entropy),
            None,
            Orphanage(types, [channel], rows, clock),
            metrics,
        ),
        repeats=None,
        watch=Watch(clock, metrics, AlertDesk(_UNUSED, clock, fold_s=60.0)),
        clock=clock,
        entropy=entropy,
    )


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """What of `work` waits for nobody."""
    try:
        work.send(None)
    except StopIteration as ended:
        return cast("T", ended.value)
    raise RuntimeError("it waits for somebody")
