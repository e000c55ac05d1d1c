"""One provider refuses for a while, from half of the events on; what its channel did meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from notifyd.cli.demo.everything import apis_of
from notifyd.cli.demo.stage import Stage
from notifyd.errors import NotifydError
from notifyd.ports import Clock
from notifyd.sandbox.faults import Refusal, Refuse
from notifyd.sandbox.oracle import CHANNEL_OF, Arrival
from notifyd.sandbox.provider_sandbox import Sandbox

# Longer than it takes a daemon to report how its providers stand: the control table shows it as it is.
OUTAGE_S = 14.0
_LOOK_BEFORE_END_S = 2.0


class OutageError(NotifydError):
    """`notifyd providers` did not say how they stand."""


class ProviderReport(msgspec.Struct, frozen=True):
    """Of the channel's providers, as `notifyd providers` told it shortly before the outage's end.

    `taken`: messages that it took while the outage lasted.
    """

    provider: str
    taken: int
    breakers: dict[str, int]
    weight: float | None
    resting_weight: float


class OutageReport(msgspec.Struct, frozen=True):
    """`refused`: requests."""

    provider: str
    seconds: float
    refused: int
    providers: list[ProviderReport]


class Outage:
    """`note_written` begins it; `run` returns when it is over."""

    def __init__(self, provider: str, stage: Stage, sandbox: Sandbox, events: int, clock: Clock) -> None:
        self._provider = provider
        self._stage = stage
        self._stands = [sandbox.stand(api) for api in apis_of(provider)]
        self._events = events
        self._clock = clock
        self._begun = asyncio.Event()
        self._began_s = 0.0
        self._refused_before = 0
        self._standings: list[dict[str, Any]] = []

    def note_written(self, count: int) -> None:
        """How many events have been written so far."""
        if self._begun.is_set() or 2 * count < self._events:
            return
        self._refused_before = self._refused()
        self._began_s = self._clock.now_s()
        fault = Refuse(refusal=Refusal.UNAVAILABLE, duration_s=OUTAGE_S)
        for stand in self._stands:
            stand.order(msgspec.json.encode([fault]))
        self._begun.set()

    async def run(self) -> None:
        await self._begun.wait()
        await self._clock.sleep(OUTAGE_S - _LOOK_BEFORE_END_S)
        self._standings = await _standings(self._stage)
        left_s = self._began_s + OUTAGE_S - self._clock.now_s()
        await self._clock.sleep(max(0.0, left_s))

    def report(self, arrivals: Iterable[Arrival]) -> OutageReport:
        until_s = self._began_s + OUTAGE_S
        taken = Counter(one.provider for one in arrivals if self._began_s <= one.at_s < until_s)
        channel = CHANNEL_OF[self._provider]
        return OutageReport(
            provider=self._provider,
            seconds=OUTAGE_S,
            refused=self._refused() - self._refused_before,
            providers=[
                ProviderReport(
                    provider=one["provider"],
                    taken=sum(taken[api] for api in apis_of(one["provider"])),
                    breakers=one["breakers"],
                    weight=one["weight"],
                    resting_weight=one["resting_weight"],
                )
                for one in self._standings
                if one["channel"] == channel
            ],
        )

    def _refused(self) -> int:
        return sum(stand.counts.refused for stand in self._stands)


async def _standings(stage: Stage) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifyd", "providers", "--config", str(stage.config), "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=stage.environment,
    )
    said, errors = await process.communicate()
    if process.returncode:
        raise OutageError(f"notifyd providers failed:\n{errors.decode(errors='replace')}")
    found: list[dict[str, Any]] = msgspec.json.decode(said)["providers"]
    return found
