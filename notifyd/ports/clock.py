"""Time and chance, which are inputs."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time is an input. `now_s`: epoch seconds; `elapsed_s`: only ever forward, counts a suspend too."""

    def now_s(self) -> float: ...
    def elapsed_s(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Entropy(Protocol):
    """Randomness and ids are inputs."""

    def fraction(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def token(self) -> str:
        """26 characters that nobody else has."""
        ...
