"""When one provider account may be asked: its rate, the rates of its groups, its breaker."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from notifyd.core.adaptive_rate import AdaptiveRate, RateState
from notifyd.core.breaker import BreakerState
from notifyd.core.channel import Channel
from notifyd.core.outcome import Deferred, Outcome, Reason
from notifyd.core.provider_health import ProviderHealth, Tally
from notifyd.core.rate import TokenBucket
from notifyd.core.time_slots import Part, slot_wait_s
from notifyd.ports import Limits

# Buckets of groups that are full again are forgotten when there are more, and twice as many as were kept last:
# looking through all of them at each new one would cost more than sending.
_GROUPS_KEPT_MAX = 1024


# A pause is asked for again by whoever means a longer one: a slip (a date, milliseconds) silences nobody for days.
_PAUSE_MAX_S = 900.0


class Pacer:
    """Knows no waiting: it says for how long. `limits` are the provider's as they stood at the last `fit`."""

    def __init__(self, channel: Channel, limits: Limits, now_s: float) -> None:
        self.health = ProviderHealth(channel)
        self._limits = limits
        self._part = Part()
        self._wall_ahead_s = 0.0
        self._rate = AdaptiveRate(limits.rate_per_s, now_s)
        self._groups: dict[Hashable, TokenBucket] = {}
        self._groups_max = _GROUPS_KEPT_MAX

    def fit(self, limits: Limits, part: Part, now_s: float, *, wall_s: float) -> None:
        """The account's limits, and this worker's part of them. `wall_s`: what the others' clocks show, too."""
        share = part.share
        known, known_share = self._limits, self._part.share
        self._limits, self._part = limits, part
        self._wall_ahead_s = wall_s - now_s
        if limits.rate_per_s != known.rate_per_s:
            self._rate.set_limit(limits.rate_per_s, now_s)
        if share != known_share:
            self._rate.set_share(share, now_s)
        of_group = limits.group_rate_per_s
        if of_group is not None and (of_group, share) != (known.group_rate_per_s, known_share):
            for bucket in self._groups.values():
                bucket.set_rate(of_group * share, burst=1.0, now_s=now_s)

    @property
    def batch_max(self) -> int:
        """No request is larger than what may be sent in a second; a probe is a single one."""
        if self.health.breaker_state is not BreakerState.CLOSED:
            return 1
        limits = self._limits
        rates = [rate for rate in (self._rate.rate_per_s, limits.group_rate_per_s) if rate is not None]
        return max(1, min(limits.batch_max, *map(int, rates))) if rates else limits.batch_max

    def wait_s(self, now_s: float) -> float:
        """Until the account may be asked."""
        return self._rate.wait_s(now_s)

    @property
    def group_pace(self) -> Callable[[Hashable, float], float] | None:
        """How long a group has to wait for its own rate; None: groups have none."""
        return None if self._limits.group_rate_per_s is None else self._group_wait_s

    def _group_wait_s(self, group: Hashable, now_s: float) -> float:
        bucket = self._groups.get(group)
        wait_s = bucket.wait_s(now_s) if bucket is not None else 0.0
        rate_per_s = self._limits.group_rate_per_s
        if rate_per_s is None:
            return wait_s
        return wait_s + slot_wait_s(self._part, rate_per_s, now_s + wait_s + self._wall_ahead_s)

    def take(self, group: Hashable, count: int, now_s: float) -> None:
        self._rate.take(count, now_s)
        rate_per_s = self._limits.group_rate_per_s
        if rate_per_s is not None:
            self._bucket(group, rate_per_s * self._part.share, now_s).take(count, now_s)

    def heard(
        self,
        tally: Tally,
        group: Hashable,
        outcomes: Sequence[Outcome],
        *,
        took_s: float,
        slow_s: float,
        now_s: float,
    ) -> None:
        """Some or all of one request's outcomes."""
        self.health.heard(tally, outcomes, took_s=took_s, slow_s=slow_s, now_s=now_s)
        throttles = [one for one in outcomes if isinstance(one, Deferred) and one.reason is Reason.THROTTLED]
        if not throttles:
            return
        pauses = [min(one.retry_after_s, _PAUSE_MAX_S) for one in throttles if one.retry_after_s is not None]
        wait_s = max(pauses, default=None)
        group_rate_per_s = self._limits.group_rate_per_s
        if group_rate_per_s is None:
            self._rate.throttled(now_s, wait_s)
        else:
            # It was the group that went too fast: the others need not wait for it.
            rate_per_s = group_rate_per_s * self._part.share
            self._bucket(group, rate_per_s, now_s).take((wait_s or 1.0) * rate_per_s, now_s)

    @property
    def rate_per_s(self) -> float | None:
        """What this worker may send; None: without a limit."""
        return self._rate.rate_per_s

    def rate(self, now_s: float) -> RateState:
        return self._rate.state(now_s)

    def _bucket(self, group: Hashable, rate_per_s: float, now_s: float) -> TokenBucket:
        bucket = self._groups.get(group)
        if bucket is None:
            if len(self._groups) >= self._groups_max:
                self._groups = {key: kept for key, kept in self._groups.items() if kept.wait_s(now_s) > 0}
                self._groups_max = max(_GROUPS_KEPT_MAX, 2 * len(self._groups))
            bucket = self._groups[group] = TokenBucket(rate_per_s, burst=1.0, now_s=now_s)
        return bucket
