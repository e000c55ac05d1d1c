"""What notifyd's own tables, queues, topic and stream are called. All start with the configured prefix."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from notifyd.core.channel import Channel


class LogIndex(StrEnum):
    """The delivery log's switchable indexes."""

    USER = "user"
    DELIVERY = "delivery"
    POSITION = "position"

    @property
    def index_name(self) -> str:
        """Its name in DynamoDB."""
        return f"by_{self}"


class Names(msgspec.Struct, frozen=True):
    prefix: str

    @property
    def events(self) -> str:
        """The events table, and the Kinesis stream of that name."""
        return f"{self.prefix}-events"

    @property
    def contacts(self) -> str:
        return f"{self.prefix}-contacts"

    @property
    def settings(self) -> str:
        return f"{self.prefix}-settings"

    @property
    def leases(self) -> str:
        return f"{self.prefix}-leases"

    @property
    def log(self) -> str:
        return f"{self.prefix}-log"

    @property
    def control(self) -> str:
        return f"{self.prefix}-control"

    @property
    def alerts(self) -> str:
        """The SNS topic."""
        return f"{self.prefix}-alerts"

    def retry_queue(self, channel: Channel) -> str:
        return f"{self.prefix}-retry-{channel}"

    def dead_letter_queue(self, channel: Channel | None) -> str:
        """Without a channel: that of malformed events."""
        return f"{self.prefix}-dlq-{channel or 'events'}"
