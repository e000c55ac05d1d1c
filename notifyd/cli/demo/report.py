"""The demo's verdict: both equations' terms, what the receiving side holds, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import msgspec

from notifyd.cli.demo.outage import OutageReport
from notifyd.sandbox.account import Account, ChannelAccount, Row
from notifyd.sandbox.oracle import Finding
from notifyd.sandbox.world import ExpectedAccount


class Report(msgspec.Struct, frozen=True):
    """Keys and order of `notifyd demo --json`. `channels`: where there is more than e-mail."""

    events_in: int
    before_start: int
    filtered: int
    unmatched: int
    malformed: int
    duplicate: int
    expanded: int
    planned: int
    accepted: int
    suppressed: dict[str, int]
    rejected: int
    expired: int
    waiting: int
    dead: int
    in_doubt: int
    residue: int
    lost: int
    duplicates: int
    events_per_s: float
    p50_ms: float
    p99_ms: float
    channels: dict[str, ChannelAccount] | msgspec.UnsetType = msgspec.UNSET
    outage: OutageReport | msgspec.UnsetType = msgspec.UNSET


def make_report(
    expected: ExpectedAccount,
    account: Account,
    finding: Finding,
    rows: Sequence[Row],
    produced_at_s: Mapping[str, float],
    outage: OutageReport | msgspec.UnsetType = msgspec.UNSET,
) -> Report:
    """A record that was written and never read is residue, too."""
    accepted = [row for row in rows if row.kind == "accepted" and row.event_id in produced_at_s]
    latencies_ms = sorted((row.at_s - produced_at_s[row.event_id]) * 1000 for row in accepted)
    span_s = max((row.at_s for row in rows), default=0.0) - min(produced_at_s.values(), default=0.0)
    return Report(
        events_in=account.read,
        **account.events,
        planned=account.planned,
        accepted=account.accepted,
        suppressed=dict(sorted(account.suppressed.items())),
        rejected=account.rejected,
        expired=account.expired,
        waiting=account.waiting,
        dead=account.dead,
        in_doubt=account.in_doubt,
        residue=account.residue + abs(expected.events_in - account.read),
        lost=len(finding.lost),
        duplicates=finding.duplicates,
        events_per_s=round(account.read / span_s, 1) if span_s > 0 else 0.0,
        p50_ms=quantile(latencies_ms, 0.5),
        p99_ms=quantile(latencies_ms, 0.99),
        channels=account.channels if len(account.channels) > 1 else msgspec.UNSET,
        outage=outage,
    )


def quantile(ordered: Sequence[float], fraction: float) -> float:
    """The smallest value that `fraction` of them do not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return round(ordered[max(0, ceil(fraction * len(ordered)) - 1)], 1)


def faults(report: Report, expected: ExpectedAccount, finding: Finding) -> list[str]:
    """What is wrong, a line each; empty: all is as it has to be."""
    found = [
        f"{name} is {getattr(report, name)}, not 0"
        for name in ("residue", "lost", "duplicates")
        if getattr(report, name)
    ]
    if finding.unexpected:
        first = finding.unexpected[0]
        found.append(f"{len(finding.unexpected)} messages went where none was due, the first to {first.address}")
    for name, wanted in msgspec.structs.asdict(expected).items():
        if name != "channels" and getattr(report, name) != wanted:
            found.append(f"{name} is {getattr(report, name)}; the generator expects {wanted}")
    if isinstance(report.channels, dict):
        found += _channel_faults(report.channels, expected.channels)
    return found


def _channel_faults(
    channels: Mapping[str, ChannelAccount], expected: Mapping[str, ChannelAccount]
) -> Iterator[str]:
    for channel, wanted in expected.items():
        for name, count in msgspec.structs.asdict(wanted).items():
            said = getattr(channels[channel], name)
            if said != count:
                yield f"{channel}: {name} is {said}; the generator expects {count}"
