"""The templates as they stand, asked for again now and then."""

from __future__ import annotations

import asyncio

import structlog

from notifyd.core.render import TemplateSet
from notifyd.errors import AwsError, ConfigError, Fault, TransportError
from notifyd.ports import Clock, TemplateSource

log = structlog.get_logger(__name__)


class TemplateShelf:
    """A new version replaces the old one whole, and only when every template of it compiles."""

    def __init__(self, source: TemplateSource, clock: Clock, *, refresh_s: float) -> None:
        self._source = source
        self._clock = clock
        self._refresh_s = refresh_s
        self._current: TemplateSet | None = None
        self._version: str | None = None

    @property
    def current(self) -> TemplateSet:
        if self._current is None:
            raise RuntimeError("the templates are asked for before `load`")
        return self._current

    async def load(self) -> None:
        """Raises ConfigError when a template does not compile; the templates in use stay as they were."""
        fetched = await self._source.fetch(self._version)
        if fetched is None:
            return
        version, texts = fetched
        # Milliseconds a template: not while events flow.
        templates, findings = await asyncio.to_thread(TemplateSet.compile, version, texts)
        if findings:
            raise ConfigError([Fault(finding.where, finding.what, finding.mend) for finding in findings])
        self._current, self._version = templates, version
        log.info("templates_loaded", version=version, count=len(texts))

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._refresh_s)
            try:
                await self.load()
            except (ConfigError, AwsError, TransportError, OSError) as fault:
                log.error("templates_not_refreshed", error=str(fault))  # noqa: TRY400 - the operator's, no bug
