"""botocore clients for a stand-in, and plain values as DynamoDB types them.

The sandbox has its own, because it judges what the daemon's are used for.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

# The stand-in never throttles; a busy machine may make it slow.
_READ_TIMEOUT_S = 30.0


class Clock(Protocol):
    """What the sandbox needs of time."""

    def now_s(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


def client(
    service: str, url: str, *, region: str, access_key: str, secret_key: str
) -> AbstractAsyncContextManager[Any]:
    opened: AbstractAsyncContextManager[Any] = AioSession().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=AioConfig(read_timeout=_READ_TIMEOUT_S, retries={"mode": "standard", "total_max_attempts": 3}),
    )
    return opened


def typed(value: Any) -> dict[str, Any]:
    """A JSON value as DynamoDB's JSON has it."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case list():
            return {"L": [typed(element) for element in value]}
        case _:
            return {"M": {name: typed(element) for name, element in value.items()}}


def plain(value: dict[str, Any]) -> Any:
    """What `typed` was made from."""
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return float(inner)
        case "L":
            return [plain(element) for element in inner]
        case "M":
            return {name: plain(element) for name, element in inner.items()}
        case "NULL":
            return None
        case _:
            return inner
