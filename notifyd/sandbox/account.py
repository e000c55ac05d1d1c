"""Both equations of the delivery contract, from what is durable alone: lease table, delivery log, queues.

Nothing here asks the daemon, so a kill -9 in the middle changes nothing of what is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from notifyd.sandbox.clients import plain

EVENT_TERMS = ("before_start", "filtered", "unmatched", "malformed", "duplicate", "expanded")
# How far a delivery has come: the last of these that any of its rows says. A redrive makes accepted of dead.
_FURTHEST = (
    "claim",
    "possible_duplicate",
    "unknown",
    "deferred",
    "dead",
    "expired",
    "suppressed",
    "address_gone",
    "rejected",
    "accepted",
)
_RANK = {kind: rank for rank, kind in enumerate(_FURTHEST)}
# Rows that are about an event or a stream, and what providers reported of deliveries that were accepted before.
_NO_DELIVERY = frozenset(
    {"event", "gap", "duplicate"} | {"sent", "delivered", "delayed", "bounced", "complained", "opened", "clicked"}
)


class Row(msgspec.Struct):
    """A row of the delivery log, as far as it is judged."""

    event_id: str
    delivery_id: str
    kind: str
    user_id: str
    type_name: str
    channel: str
    reason: str
    at_s: float

    @property
    def delivery(self) -> tuple[str, ...]:
        return (self.event_id, self.delivery_id, self.user_id, self.type_name, self.channel)


class ChannelAccount(msgspec.Struct):
    """The second equation's terms of one channel, but for `expired`. What concerns no channel is in none."""

    accepted: int = 0
    suppressed: int = 0
    rejected: int = 0
    waiting: int = 0
    dead: int = 0


class Account(msgspec.Struct):
    """The terms of both equations; `channels`: of those whose queues were looked at."""

    read: int
    events: dict[str, int]
    planned: int
    accepted: int
    suppressed: dict[str, int]
    rejected: int
    expired: int
    dead: int
    waiting: int
    in_doubt: int
    channels: dict[str, ChannelAccount]

    @property
    def events_residue(self) -> int:
        """What the first equation lacks: every record read has one of its terms."""
        return self.read - sum(self.events.values())

    @property
    def deliveries_residue(self) -> int:
        """What the second lacks, once nothing is in flight: every delivery planned has ended or waits."""
        ended = self.accepted + sum(self.suppressed.values()) + self.rejected + self.expired + self.dead
        return self.planned - ended - self.waiting

    @property
    def residue(self) -> int:
        return abs(self.events_residue) + abs(self.deliveries_residue)


def balance(accounted: Iterable[Mapping[str, float]], rows: Iterable[Row], waiting: Mapping[str, int]) -> Account:
    """`accounted`: each shard's; `waiting`: messages on the retry queues, by channel.

    An expanded event without a row counts as one planned delivery, for it has at least one: what vanished
    between the ledger and the log is residue and not nothing.
    """
    events: Counter[str] = Counter()
    for counts in accounted:
        events.update({name: int(count) for name, count in counts.items()})
    furthest: dict[tuple[str, ...], Row] = {}
    doubted: set[tuple[str, ...]] = set()
    for row in rows:
        if row.kind in _NO_DELIVERY:
            continue
        known = furthest.get(row.delivery)
        if known is None or _RANK[row.kind] > _RANK[known.kind]:
            furthest[row.delivery] = row
        if row.kind == "possible_duplicate":
            doubted.add(row.delivery)
    kinds = Counter(row.kind for row in furthest.values())
    silent = events["expanded"] - len({row.event_id for row in furthest.values()})
    return Account(
        read=events["read"],
        events={term: events[term] for term in EVENT_TERMS},
        planned=len(furthest) + max(0, silent),
        accepted=kinds["accepted"],
        suppressed=dict(Counter(row.reason for row in furthest.values() if row.kind == "suppressed")),
        rejected=kinds["rejected"] + kinds["address_gone"],
        expired=kinds["expired"],
        dead=kinds["dead"],
        waiting=sum(waiting.values()),
        in_doubt=len(doubted),
        channels={
            channel: _of_channel([row for row in furthest.values() if row.channel == channel], depth)
            for channel, depth in waiting.items()
        },
    )


def _of_channel(furthest: Sequence[Row], waiting: int) -> ChannelAccount:
    kinds = Counter(row.kind for row in furthest)
    return ChannelAccount(
        accepted=kinds["accepted"],
        suppressed=kinds["suppressed"],
        rejected=kinds["rejected"] + kinds["address_gone"],
        waiting=waiting,
        dead=kinds["dead"],
    )


async def read_accounted(dynamodb: Any, leases: str) -> list[dict[str, float]]:
    """What each shard's item says of its settled records."""
    return [
        plain(item["accounted"]) async for item in _scan(dynamodb, leases) if item["key"]["S"].startswith("shard#")
    ]


async def read_rows(dynamodb: Any, log: str) -> list[Row]:
    return [_row(item) async for item in _scan(dynamodb, log)]


async def read_depth(sqs: Any, queue: str) -> int:
    """Messages on a queue: to be had, hidden and delayed."""
    url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


async def _scan(dynamodb: Any, table: str) -> AsyncIterator[dict[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        page = await dynamodb.scan(TableName=table, ConsistentRead=True, **start)
        for item in page["Items"]:
            yield item
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _row(item: dict[str, Any]) -> Row:
    def text(name: str) -> str:
        return str(plain(item[name]) or "") if name in item else ""

    return Row(
        event_id=text("event_id"),
        delivery_id=text("delivery_id"),
        kind=text("kind"),
        user_id=text("user_id"),
        type_name=text("type_name"),
        channel=text("channel"),
        reason=text("reason"),
        at_s=plain(item["at"]) if "at" in item else 0.0,
    )
