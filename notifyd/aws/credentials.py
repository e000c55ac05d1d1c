"""Where credentials come from: botocore's whole chain, or given ones."""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.session import AioSession
from botocore.credentials import RefreshableCredentials

from notifyd.errors import ConfigError, Fault, NotSent
from notifyd.ports import Clock
from notifyd.wire.credentials import Credentials

# botocore refreshes from 15 minutes before the end. The one call that refreshes waits this long at most, and the
# next tries after a pause: a role that is silent slows calls down only when the credentials at hand are ending.
_REFRESH_TIMEOUT_S = 4.0
# The rest of the call's time is for its request.
_REFRESH_SHARE = 0.5
_REFRESH_PAUSE_S = 30.0
_ENDING_S = 60


class StaticCredentials:
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self, within_s: float) -> Credentials:  # noqa: ARG002 - the source's
        return self._credentials


class SessionCredentials:
    """botocore's chain: environment, profile, web identity, task and instance roles; kept fresh."""

    def __init__(self, session: AioSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._source: Any = None
        self._frozen: object = None
        self._current: Credentials | None = None
        self._not_before_s = 0.0

    async def current(self, within_s: float) -> Credentials:
        """Raises ConfigError where there are none, NotSent where those at hand end and no new ones come."""
        current = self._current
        if current is not None and not self._refresh_is_due():
            return current
        self._not_before_s = self._clock.elapsed_s() + _REFRESH_PAUSE_S
        timeout_s = min(_REFRESH_TIMEOUT_S, within_s * _REFRESH_SHARE)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._fetch()
        except ConfigError:
            raise
        except Exception as error:  # each link of the chain has errors of its own; all mean the same
            if current is None or self._source.refresh_needed(_ENDING_S):
                why = str(error) or f"none within {timeout_s:g} s"
                raise NotSent(f"no valid AWS credentials: {why}") from error
            return current

    def _refresh_is_due(self) -> bool:
        source = self._source
        if not isinstance(source, RefreshableCredentials) or not source.refresh_needed():
            return False
        return self._clock.elapsed_s() >= self._not_before_s or source.refresh_needed(_ENDING_S)

    async def _fetch(self) -> Credentials:
        if self._source is None:
            self._source = await self._session.get_credentials()
        if self._source is None:
            raise ConfigError(
                [
                    Fault(
                        "AWS credentials",
                        "there are none in environment, profile, task or instance role",
                        "give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                    )
                ]
            )
        frozen = await self._source.get_frozen_credentials()
        if frozen is not self._frozen or self._current is None:
            self._frozen = frozen
            self._current = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        return self._current
