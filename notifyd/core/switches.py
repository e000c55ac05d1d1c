"""What people switch while the fleet runs: providers on and off, types paused."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ProviderSwitch(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"  # nothing is sent any more; what waits for it goes to others
    DRAINING = "draining"  # what waits for it is still sent, nothing new


class Switches(msgspec.Struct, frozen=True):
    """A provider that is not here is enabled."""

    providers: dict[str, ProviderSwitch] = {}
    paused_types: frozenset[str] = frozenset()

    def of(self, provider: str) -> ProviderSwitch:
        return self.providers.get(provider, ProviderSwitch.ENABLED)
