"""The admin pages of several workers as one: each worker is asked, and one that does not answer is named."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from notifyd.http.admin import HealthPage, shown_reasons, shown_shards
from notifyd.http.health import DependencyHealth
from notifyd.http.members import Crew, Member, MemberPages
from notifyd.http.merged_metrics import Families, MergedMetrics, exposition, read_exposition
from notifyd.wire.transport import Response

_ANSWERING, _SILENT, _DOWN = "answering", "silent", "down"
# The state of the whole is the first of these that some worker is in.
_STATES = ("running", "standing by", "starting")


class WorkerHealth(msgspec.Struct, frozen=True):
    """`state`: what it says itself, or silent (a process that does not answer) or down (none at the moment)."""

    worker: int
    state: str
    ready: bool
    shards: int
    pid: int | None
    restarts: int


class MergedPage(HealthPage):
    workers: list[WorkerHealth]


class MergedPages:
    """Implements `admin.AdminPages`."""

    def __init__(self, crew: Crew, pages: MemberPages) -> None:
        self._crew = crew
        self._pages = pages
        self._metrics = MergedMetrics()
        self._merging = asyncio.Lock()

    async def why_not_live(self) -> Sequence[str]:
        """From memory: that this is answered shows that the supervisor's loop turns."""
        if any(member.url for member in self._crew.members()):
            return []
        return ["no worker has a process"]

    async def why_not_ready(self) -> Sequence[str]:
        members = self._crew.members()
        answers = await self._pages.of_all(members, "/readyz")
        reasons = ["draining"] if self._crew.draining else []
        for member, answer in zip(members, answers, strict=True):
            reasons += [f"worker {member.number}: {reason}" for reason in _reasons(member, answer)]
        return reasons

    async def health(self) -> MergedPage:
        members = self._crew.members()
        answers = await self._pages.of_all(members, "/healthz")
        pages = [_health_page(answer) for answer in answers]
        workers = [_worker_health(member, page) for member, page in zip(members, pages, strict=True)]
        known = [page for page in pages if page is not None]
        reasons = ["draining"] if self._crew.draining else []
        for worker, page in zip(workers, pages, strict=True):
            said = [f"is {worker.state}"] if page is None else page.why_not_ready
            reasons += [f"worker {worker.worker}: {reason}" for reason in said]
        # A damaged shard is told of by every worker that saw it.
        distinct = {(shard.source, shard.shard): shard for page in known for shard in page.shards}
        shards, shown_of = shown_shards(list(distinct.values()))
        repeated = sum(len(page.shards) for page in known) - shown_of
        return MergedPage(
            version=self._crew.version,
            state=self._state(workers),
            live=not await self.why_not_live(),
            ready=not reasons,
            why_not_ready=shown_reasons(reasons),
            dependencies=_worst(known),
            shards_total=sum(page.shards_total for page in known) - repeated,
            shards=shards,
            workers=workers,
        )

    async def metrics(self) -> bytes:
        # One scrape at a time: an answer that is merged after a later one would make a counter fall.
        async with self._merging:
            members = self._crew.members()
            answers = await self._pages.of_all(members, "/metrics")
            # 30 µs a line and worker: in a thread, so that the probes' answers need not wait for it.
            return await asyncio.to_thread(self._merge, members, answers)

    def _merge(self, members: Sequence[Member], answers: Sequence[Response | None]) -> bytes:
        said = [_families(answer) for answer in answers]
        processes = {
            (member.number, member.restarts): families
            for member, families in zip(members, said, strict=True)
            if member.url
        }
        return exposition(self._metrics.merge(processes), _own_metrics(members, said))

    def _state(self, workers: Sequence[WorkerHealth]) -> str:
        if self._crew.draining:
            return "draining"
        there = {worker.state for worker in workers}
        return next((state for state in _STATES if state in there), "starting")


def _reasons(member: Member, answer: Response | None) -> list[str]:
    if answer is None:
        return ["is silent" if member.url else "is down"]
    return [] if answer.status == 200 else answer.body.decode(errors="replace").splitlines()


def _health_page(answer: Response | None) -> HealthPage | None:
    if answer is None:
        return None
    try:
        return msgspec.json.decode(answer.body, type=HealthPage)
    except msgspec.DecodeError:
        return None


def _worker_health(member: Member, page: HealthPage | None) -> WorkerHealth:
    return WorkerHealth(
        worker=member.number,
        state=page.state if page is not None else _SILENT if member.url else _DOWN,
        ready=page is not None and page.ready,
        shards=page.shards_total if page is not None else 0,
        pid=member.pid,
        restarts=member.restarts,
    )


def _worst(pages: Sequence[HealthPage]) -> list[DependencyHealth]:
    """Of each dependency what the worker says for whom it has failed longest."""
    worst: dict[str, DependencyHealth] = {}
    for page in pages:
        for dependency in page.dependencies:
            known = worst.setdefault(dependency.name, dependency)
            if _badness(dependency) > _badness(known):
                worst[dependency.name] = dependency
    return list(worst.values())


def _badness(dependency: DependencyHealth) -> tuple[bool, float]:
    return not dependency.ok, dependency.last_error_age_s or 0.0


def _families(answer: Response | None) -> Families | None:
    if answer is None or answer.status != 200:
        return None
    try:
        return read_exposition(answer.body.decode())
    except ValueError:
        return None


def _own_metrics(members: Sequence[Member], said: Sequence[Families | None]) -> list[Metric]:
    counts = Counter(
        _ANSWERING if families is not None else _SILENT if member.url else _DOWN
        for member, families in zip(members, said, strict=True)
    )
    workers = GaugeMetricFamily("notifyd_workers", "Workers, as this scrape found them.", labels=["state"])
    for state in (_ANSWERING, _SILENT, _DOWN):
        workers.add_metric([state], counts[state])
    restarts = CounterMetricFamily("notifyd_worker_restarts", "Processes that ended.", labels=["worker"])
    for member in members:
        restarts.add_metric([str(member.number)], member.restarts)
    return [workers, restarts]
