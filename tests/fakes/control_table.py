"""The control table in memory."""

from __future__ import annotations

from collections.abc import Sequence

from notifyd.aws.control_table import WorkerReport
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import ProviderSwitch, Switches
from notifyd.errors import NotSent


class FakeControlTable:
    """`failing`: nothing is answered."""

    def __init__(self) -> None:
        self.failing = False
        self._providers: dict[str, ProviderSwitch] = {}
        self._paused: set[str] = set()
        self._reports: dict[str, WorkerReport] = {}

    async def switches(self) -> Switches:
        if self.failing:
            raise NotSent("away")
        return Switches(dict(self._providers), frozenset(self._paused))

    async def switch(self, provider: str, to: ProviderSwitch) -> None:
        self._providers[provider] = to
        if to is ProviderSwitch.ENABLED:
            del self._providers[provider]

    async def pause(self, type_name: str) -> None:
        self._paused.add(type_name)

    async def resume(self, type_name: str) -> None:
        self._paused.discard(type_name)

    async def report(self, worker_id: str, at_s: float, providers: Sequence[Seen]) -> None:
        self._reports[worker_id] = WorkerReport(worker_id, at_s, list(providers))

    async def reports(self) -> list[WorkerReport]:
        return list(self._reports.values())
