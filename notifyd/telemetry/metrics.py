"""The metrics catalogue: one line a metric. Labels are bounded, and none holds personal data.

A series whose labels are known beforehand is there from the start, at zero: a rate over a series that
appears with its first event misses that event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from platform import python_version

from prometheus_client import CollectorRegistry, Info, generate_latest

from notifyd.core.account import account_names
from notifyd.core.channel import Channel
from notifyd.core.dead_address import Removal
from notifyd.core.outcome import Reason
from notifyd.core.suppression import SuppressionReason
from notifyd.telemetry.instruments import Instruments, Labels

ANSWER_LABELS = ("channel", "provider", "outcome", "reason")
SHARD_LABELS = ("source", "shard")
# The label of what was decided without a channel to go by: for a user without any address, or too late for all.
NO_CHANNEL = "none"
ALONE: list[Labels] = [()]
ACCOUNTS: list[Labels] = [(name,) for name in account_names()]
EQUATIONS: list[Labels] = [("events",), ("deliveries",)]
CACHE: list[Labels] = [("hit",), ("miss",)]
DEDUPE_LOOKUPS: list[Labels] = list(product(("fingerprint", "takeover"), ("duplicate", "new")))
# What each worker sees whole, or as the age of a thing: of several workers the largest counts, not the sum.
NOT_SUMMED = frozenset(
    {
        "notifyd_retry_queue_depth",
        "notifyd_retry_queue_age_seconds",
        "notifyd_dead_letter_queue_depth",
        "notifyd_iterator_age_seconds",
        "notifyd_provider_up",
        "notifyd_provider_weight",
        "notifyd_build_info",
    }
)


class Metrics:
    """`providers`: which deliver which channel; `sources`: names of the sources read."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        version: str,
        providers: Mapping[Channel, Sequence[str]],
        sources: Sequence[str],
    ) -> None:
        self._registry = registry
        counter, gauge, histogram = (new := Instruments(registry)).counter, new.gauge, new.histogram
        channels: list[Labels] = [(channel.value,) for channel in providers]
        queues: list[Labels] = [*channels, ("events",)]
        reading: list[Labels] = [(source,) for source in sources]

        # read = before_start + filtered + unmatched + malformed + duplicate + expanded
        self.records = counter("records", "Records read, out of their aggregates.", "source", preset=reading)
        self.events = counter("events", "Settled records by what became of them.", "account", preset=ACCOUNTS)
        # planned = accepted + suppressed + rejected + expired + waiting + dead + in flight
        self.planned = counter(
            "deliveries_planned", "Planned for expanded events.", "channel", preset=[*channels, (NO_CHANNEL,)]
        )
        self.answers = counter(
            "deliveries", "Answers, one an attempt.", *ANSWER_LABELS, preset=_answers(providers)
        )
        self.suppressed = counter(
            "deliveries_suppressed", "Decided against.", "channel", "reason", preset=_suppressed(providers)
        )
        self.expired = counter("deliveries_expired", "Past their deadline.", "channel", preset=channels)
        self.dead = counter("deliveries_dead", "Put on a DLQ.", "channel", "reason", preset=_dead(providers))
        self.dead_addresses = counter(
            "dead_addresses", "Called gone by a provider.", "channel", "became", preset=_became(providers)
        )
        self.retried = counter("deliveries_retried", "Handed to the retry queue.", "channel", preset=channels)
        self.in_doubt = counter("deliveries_in_doubt", "Found by a recovery.", "channel", preset=channels)
        self.look_ups = counter(
            "deliveries_looked_up", "By what was found.", "channel", "found", preset=_looked_up(providers)
        )
        self.gaps = counter("stream_gaps", "Times that a stream lost records before they were read.", preset=ALONE)
        self.dedupe_lookups = counter(
            "dedupe_lookups", "Events asked of the log: came before?", "why", "found", preset=DEDUPE_LOOKUPS
        )
        self.duplicates = counter("possible_duplicates", "Sent again in doubt.", "channel", preset=channels)
        self.latency = histogram("source_to_accepted", "Since the stream took it.", "channel", preset=channels)
        self.sms_segments = counter(
            "sms_segments", "Of accepted texts, as rendered.", "provider", preset=_of_sms(providers)
        )
        self.in_flight = gauge("provider_in_flight", "Deliveries not answered yet.", "provider")

        self.provider_up = gauge("provider_up", "1: its breaker is closed.", "channel", "provider")
        self.provider_weight = gauge("provider_weight", "Share of its channel.", "channel", "provider")

        self.slots_in_use = gauge("slots_in_use", "Deliveries begun and not settled.", preset=ALONE)
        self.slots_max = gauge("slots_max", "Most that may be begun and not settled.", preset=ALONE)
        self.claims_waiting = gauge("claims_waiting", "Claims that wait for slots.", preset=ALONE)
        self.leases_held = gauge("leases_held", "Shards this worker owns.", preset=ALONE)
        self.iterator_age = gauge("iterator_age", "Age of the last record read.", *SHARD_LABELS, unit="seconds")
        self.commits = counter("commits", "Conditional writes on shard items.", preset=ALONE)
        self.fenced = counter("fenced", "Writes refused: the shard is another's.", preset=ALONE)
        self.residue = gauge("ledger_residue", "What an equation lacks.", "equation", preset=EQUATIONS)
        self.log_rows = counter("log_rows", "Rows appended to the delivery log.", preset=ALONE)

        self.retry_depth = gauge("retry_queue_depth", "Messages waiting.", "channel", preset=channels)
        self.retry_age = gauge("retry_queue_age", "Age of the oldest.", "channel", preset=channels, unit="seconds")
        self.dead_letters = gauge("dead_letter_queue_depth", "Messages on a DLQ.", "queue", preset=queues)
        self.lookups = counter("directory_lookups", "Users asked of the cache.", "cache", preset=CACHE)
        self.aws_calls = counter("aws_calls", "Calls, one an attempt.", "service", "outcome")

        build = Info("build", "The program that runs.", namespace="notifyd", registry=registry)
        build.info({"version": version, "python": python_version()})

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)


def _answers(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    answers = [("accepted", ""), ("address_gone", ""), *product(("deferred", "rejected", "unknown"), Reason)]
    return [
        (channel, name, *answer) for channel, names in providers.items() for name in names for answer in answers
    ]


def _of_sms(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    return [(name,) for name in providers.get(Channel.SMS, ())]


def _suppressed(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    return list(product((NO_CHANNEL, *providers), SuppressionReason))


def _looked_up(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    return list(product(providers, ("taken", "not_taken", "cannot_tell", "log")))


def _became(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    return list(product(providers, (*Removal, "failed")))


def _dead(providers: Mapping[Channel, Sequence[str]]) -> list[Labels]:
    return list(product(providers, Reason))
