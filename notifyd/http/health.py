"""What the admin port needs to know of the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class DependencyHealth(msgspec.Struct, frozen=True):
    """A table, queue, stream or provider. `last_error`: what it said last, None where all is well since."""

    name: str
    ok: bool
    last_error: str | None = None
    last_error_age_s: float | None = None


class ShardHealth(msgspec.Struct, frozen=True):
    """`state`: reading, recovering, draining, waiting (another's, or for its parents), damaged, ended."""

    source: str
    shard: str
    state: str
    lease_owner: str = ""
    iterator_age_s: float | None = None
    checkpoint_age_s: float | None = None
    unsettled: int = 0


class Health(Protocol):
    """Answers from memory, at once: a probe must not wait for what it asks about."""

    @property
    def version(self) -> str: ...

    @property
    def state(self) -> str:
        """starting, standing by, running or draining."""
        ...

    def why_not_live(self) -> Sequence[str]:
        """Only what a restart mends: the root task ended. A loop that is stuck answers no probe at all."""
        ...

    def why_not_ready(self) -> Sequence[str]:
        """Empty: ready."""
        ...

    def dependencies(self) -> Sequence[DependencyHealth]: ...
    def shards(self) -> Sequence[ShardHealth]: ...
