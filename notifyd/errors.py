"""Errors by whose fault. Expected answers (an outcome, a lost lease) are values, not errors."""

from __future__ import annotations

import msgspec


class NotifydError(Exception):
    """Whatever this project raises on purpose."""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong for the operator: `where` (file:line or key), `what` (names the value), `mend`.

    `is_warning`: it works nevertheless, as far as that goes. `is_outage`: who would know could not be asked, so
    all may be right.
    """

    where: str
    what: str
    mend: str
    is_warning: bool = False
    is_outage: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.mend}"


class ConfigError(NotifydError):
    """The operator's: config, catalog, templates or what was created in AWS. The process exits with 78, or with 70
    where all of its faults are outages.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class TransportError(NotifydError):
    """The network's."""


class NotSent(TransportError):
    """The other side has seen nothing, or says that it did nothing: free to be sent again, or elsewhere."""


class TurnedAway(NotSent):
    """The other side is there, and says that it did nothing: as when it ends a connection by GOAWAY."""


class NoAnswer(TransportError):
    """Bytes went out and no whole answer came back in time: it may have been done."""


class AwsError(NotifydError):
    """AWS answered with an error. `code` is AWS's own (`ThrottlingException`, …)."""

    def __init__(
        self, operation: str, code: str, message: str, *, status: int, request_id: str = "", body: bytes = b""
    ) -> None:
        super().__init__(f"{operation}: {code}: {message} (HTTP {status}, request {request_id or 'without id'})")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.body = body


class Throttled(AwsError):
    """AWS asks for a pause."""


class TrimmedData(NotifydError):
    """The stream no longer holds what was to be read next: a gap, recorded loudly, never skipped silently."""

    def __init__(self, stream: str, shard_id: str, wanted: str) -> None:
        super().__init__(f"{stream}/{shard_id}: the records after {wanted} are trimmed from the stream")
        self.stream = stream
        self.shard_id = shard_id
        self.wanted = wanted


class DamagedItem(NotifydError):
    """An item of the lease table cannot be read; that shard alone waits for a person."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"lease table item {key!r}: {why}")
        self.key = key
        self.why = why
