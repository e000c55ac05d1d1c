"""What a push provider needs of its HTTP/2 client."""

from __future__ import annotations

from typing import Protocol

from notifyd.wire.transport import BatchTransport, Response


class PushTransport(BatchTransport, Protocol):
    def retire(self, response: Response) -> None:
        """The connection that this answer came over takes no further request."""
        ...
