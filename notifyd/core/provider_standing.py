"""How each provider stands over the whole fleet, out of what its workers report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.switches import ProviderSwitch, Switches


class Seen(msgspec.Struct, frozen=True):
    """What one worker sees of one provider. `errors`: of the last minute; at `errors_max` weight moves away."""

    provider: str
    channel: Channel
    breaker: str
    weight: float
    resting_weight: float
    rate_per_s: float | None
    limit_per_s: float | None
    answers_per_s: float
    errors: int
    errors_max: int


class Standing(msgspec.Struct, frozen=True):
    """`weight`: the workers' mean. `rate_per_s`: of all of them; None: without a limit. `error_budget`: what share
    of the errors that move weight is left, at the worker that has least.
    """

    provider: str
    channel: Channel
    switch: ProviderSwitch
    workers: int
    breakers: dict[str, int]
    weight: float | None
    resting_weight: float
    rate_per_s: float | None
    limit_per_s: float | None
    answers_per_s: float
    errors: int
    error_budget: float


def standings(
    configured: Mapping[tuple[Channel, str], float], switches: Switches, seen: Iterable[Seen]
) -> list[Standing]:
    """`configured`: resting weight by channel and provider. A provider that nobody reports has no workers."""
    by_provider: dict[tuple[Channel, str], list[Seen]] = defaultdict(list)
    for one in seen:
        by_provider[one.channel, one.provider].append(one)
    return [
        _standing(channel, name, weight, switches.of(name), by_provider[channel, name])
        for (channel, name), weight in configured.items()
    ]


def _standing(channel: Channel, name: str, weight: float, switch: ProviderSwitch, seen: list[Seen]) -> Standing:
    breakers: dict[str, int] = defaultdict(int)
    for one in seen:
        breakers[one.breaker] += 1
    rates = [one.rate_per_s for one in seen]
    return Standing(
        provider=name,
        channel=channel,
        switch=switch,
        workers=len(seen),
        breakers=dict(breakers),
        weight=sum(one.weight for one in seen) / len(seen) if seen else None,
        resting_weight=weight,
        rate_per_s=None if None in rates or not rates else sum(rate for rate in rates if rate is not None),
        limit_per_s=next((one.limit_per_s for one in seen if one.limit_per_s is not None), None),
        answers_per_s=sum(one.answers_per_s for one in seen),
        errors=sum(one.errors for one in seen),
        error_budget=min((max(0.0, 1 - one.errors / one.errors_max) for one in seen), default=1.0),
    )
