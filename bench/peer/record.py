"""What every peer counts and writes down of a batch, whichever client does the writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from bench.peer.notice import TYPE_NAME, Notice

# What one request to SES may hold, and so what every peer takes at a time.
BATCH = 50
LOG_ROWS_A_CALL_MAX = 25
LOG_TTL_S = 14 * 86_400

_READ = Counter("peer_records", "Records read.")
DELIVERIES = Counter("peer_deliveries", "Deliveries.", ["channel", "provider", "outcome"])
LATENCIES_S = Histogram("peer_source_to_accepted_seconds", "Produced to accepted.", ["channel"])

Accepted = Sequence[tuple[Notice, str]]


class Recorder:
    """Parameters of DynamoDB's calls, metric children bound once, a line a batch."""

    def __init__(self, channel: str, provider: str, prefix: str) -> None:
        self.channel = channel
        self.provider = provider
        self.log = structlog.get_logger()
        self._log_table = f"{prefix}-log"
        self._lease_table = f"{prefix}-leases"
        self._accepted = DELIVERIES.labels(channel, provider, "accepted")
        self._latency_s = LATENCIES_S.labels(channel)

    def count(self, accepted: Accepted, now_s: float) -> None:
        """And a line of it in the process's own log."""
        for notice, _ in accepted:
            self._latency_s.observe(now_s - produced_at_s(notice))
        self._accepted.inc(len(accepted))
        self.log.info("batch", accepted=len(accepted))

    def log_writes(self, accepted: Accepted, now_s: float) -> list[dict[str, Any]]:
        """Of BatchWriteItem, one for each call."""
        rows = [
            {"PutRequest": {"Item": self._log_row(notice, provider_id, now_s)}} for notice, provider_id in accepted
        ]
        return [
            {"RequestItems": {self._log_table: rows[start : start + LOG_ROWS_A_CALL_MAX]}}
            for start in range(0, len(rows), LOG_ROWS_A_CALL_MAX)
        ]

    def checkpoint(self, shard_id: str, sequence: str) -> dict[str, Any]:
        """Of PutItem."""
        return {
            "TableName": self._lease_table,
            "Item": {"key": {"S": shard_id}, "checkpoint": {"S": sequence}},
        }

    def _log_row(self, notice: Notice, provider_id: str, now_s: float) -> dict[str, dict[str, str]]:
        """With the daemon's attributes, as far as the client says where the event stood."""
        event, position = notice.event.envelope, notice.event.position
        shard, _, sequence = position.rpartition("/")
        place = {"position": {"S": position}, "shard": {"S": shard}, "sequence": {"S": sequence}}
        return {
            **(place if position else {}),
            "event_id": {"S": event["id"]},
            "row": {"S": f"{notice.delivery_id}#1#accepted#{position}"},
            "delivery_id": {"S": notice.delivery_id},
            "attempt": {"N": "1"},
            "kind": {"S": "accepted"},
            "at": {"N": f"{now_s:.3f}"},
            "expires_at": {"N": str(int(now_s) + LOG_TTL_S)},
            "user_id": {"S": event["detail"]["user_id"]},
            "type_name": {"S": TYPE_NAME},
            "channel": {"S": self.channel},
            "address_hint": {"S": f"{notice.address[:1]}…{notice.address[-4:]}"},
            "provider": {"S": self.provider},
            "provider_id": {"S": provider_id},
        }


def produced_at_s(notice: Notice) -> float:
    return float(notice.event.envelope["detail"]["produced_at_ms"] / 1000)


def count_read(events: int) -> None:
    _READ.inc(events)
