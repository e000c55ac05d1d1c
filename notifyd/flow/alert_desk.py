"""Folds what the people on call should know, so that a thousand of the same are one alert."""

from __future__ import annotations

import asyncio

from notifyd.ports import Alerts, Clock

_SUBJECTS_MAX = 200


class AlertDesk:
    """`note` never waits. The first of a subject goes out at once, the rest counted every `fold_s`."""

    def __init__(self, alerts: Alerts, clock: Clock, *, fold_s: float) -> None:
        self._alerts = alerts
        self._clock = clock
        self._fold_s = fold_s
        self._noted: dict[str, tuple[int, str]] = {}
        self._work = asyncio.Event()

    def note(self, subject: str, text: str) -> None:
        if subject not in self._noted and len(self._noted) >= _SUBJECTS_MAX:
            subject, text = "more alerts than can be listed", "see the log"
        count, _ = self._noted.get(subject, (0, ""))
        self._noted[subject] = (count + 1, text)
        self._work.set()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            await self.flush()
            await self._clock.sleep(self._fold_s)

    async def flush(self) -> None:
        self._work.clear()
        noted, self._noted = self._noted, {}
        for subject, (count, text) in noted.items():
            await self._alerts.raise_alert(subject, text if count == 1 else f"{text}\n({count} of these)")
