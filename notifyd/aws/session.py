"""What stays with aiobotocore: credentials, endpoints, and every call that is not hot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError

from notifyd.aws.credentials import SessionCredentials, StaticCredentials
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock, Entropy
from notifyd.wire.aws_call import Answered, AwsService, nobody_counts
from notifyd.wire.credentials import Credentials, CredentialSource
from notifyd.wire.tls import client_context
from notifyd.wire.transport_to import transport_to

_CONNECT_TIMEOUT_S = 3.1
_READ_TIMEOUT_S = 10.0


class AwsSession:
    """One region's AWS. `endpoint_url` and `static` are for a stand-in; without them botocore resolves both.

    Made inside the running loop.
    """

    def __init__(
        self,
        region: str,
        *,
        clock: Clock,
        entropy: Entropy,
        endpoint_url: str | None = None,
        static: Credentials | None = None,
        ca_file: Path | None = None,
        answered: Answered = nobody_counts,
    ) -> None:
        """`ca_file` goes before AWS_CA_BUNDLE; `answered` hears of each lean call."""
        self.region = region
        self._clock = clock
        self._entropy = entropy
        self._endpoint_url = endpoint_url
        self._static = static
        self._session = AioSession()
        self.credentials: CredentialSource = (
            SessionCredentials(self._session, clock) if static is None else StaticCredentials(static)
        )
        self._ca_file = ca_file or _ca_file(self._session)
        self._tls = _trusting(self._ca_file)
        self._answered = answered
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the pools of all lean services. Clients end with their own contexts."""
        await self._open.aclose()

    @asynccontextmanager
    async def client(self, service: str, *, attempts_max: int = 3) -> AsyncIterator[Any]:
        """A client of botocore's, with its service's methods. `attempts_max=1` for whatever sends.

        Raises:
            ConfigError: AWS_ENDPOINT_URL, or another that botocore knows, is none.
        """
        known = self._static
        creating: AbstractAsyncContextManager[Any] = self._session.create_client(
            service,
            region_name=self.region,
            endpoint_url=self._endpoint_url,
            verify=None if self._ca_file is None else str(self._ca_file),
            aws_access_key_id=known and known.access_key,
            aws_secret_access_key=known and known.secret_key,
            aws_session_token=known and known.token,
            config=AioConfig(
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": attempts_max},
            ),
        )
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(creating)
            except ValueError as error:
                mend = "write AWS_ENDPOINT_URL with its scheme, such as http://127.0.0.1:4566"
                raise ConfigError([Fault("AWS configuration", str(error), mend)]) from None
            yield client

    async def endpoint(self, service: str) -> str:
        """As botocore resolves it: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile, the region's own."""
        async with self.client(service) as client:
            return str(client.meta.endpoint_url)

    async def lean(
        self,
        service: str,
        *,
        connections_max: int = 64,
        base_url: str | None = None,
        ca_file: Path | None = None,
    ) -> AwsService:
        """Hot calls to a service (botocore's name for it) over a pool of its own, open until `close`.

        `base_url` and `ca_file` go before what botocore would resolve.
        """
        async with self.client(service) as client:
            model = client.meta.service_model
            endpoint = base_url or client.meta.endpoint_url
            aws = AwsService(
                service=model.signing_name,
                region=self.region,
                endpoint=endpoint,
                credentials=self.credentials,
                transport=transport_to(
                    endpoint,
                    self._tls if ca_file is None else client_context(ca_file),
                    connections_max=connections_max,
                ),
                answered=self._answered,
                clock=self._clock,
                entropy=self._entropy,
                json_version=model.metadata.get("jsonVersion", "1.1"),
            )
        self._open.push_async_callback(aws.close)
        return aws


def _ca_file(session: AioSession) -> Path | None:
    try:
        session.get_scoped_config()  # raises where the profile asked for does not exist
        name = session.get_config_variable("ca_bundle")
    except BotoCoreError as error:
        fault = Fault("AWS configuration", str(error), "set AWS_PROFILE and AWS_CONFIG_FILE to what exists")
        raise ConfigError([fault]) from error
    return Path(name) if name else None


def _trusting(ca_file: Path | None) -> SSLContext:
    try:
        return client_context(ca_file)
    except OSError as error:
        what = f"the authorities of {str(ca_file)!r} cannot be read: {error.strerror}"
        raise ConfigError([Fault("AWS configuration", what, "set AWS_CA_BUNDLE to a PEM file")]) from None
