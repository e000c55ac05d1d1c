"""The configured sources as commands read them beside the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notifyd.audit.parts import AuditedSource
    from notifyd.operators import Desk


async def audited_sources(desk: Desk) -> list[AuditedSource]:
    from notifyd.audit.parts import AuditedSource

    setups = [await desk.assembly.source(section) for section in desk.config.sources]
    return [AuditedSource(setup.source, setup.decoder, setup.record_age_max_s) for setup in setups]
