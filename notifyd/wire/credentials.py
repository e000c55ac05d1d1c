"""AWS credentials as a signature needs them."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Credentials(msgspec.Struct, frozen=True):
    access_key: str
    secret_key: str
    token: str | None = None


class CredentialSource(Protocol):
    async def current(self, within_s: float) -> Credentials:
        """Those that are valid now, refreshed where they run out. Asked for each attempt, so cheap.

        `within_s`: what the attempt may take in all. Raises NotSent where none come in time.
        """
        ...
