"""The flow's settings, as the config says them."""

from __future__ import annotations

from notifyd.config import Config
from notifyd.core.retry import RetryPolicy
from notifyd.flow.deliver import DeliverTimes
from notifyd.flow.heart import HeartTimes
from notifyd.flow.leasing import LeaseTimes
from notifyd.flow.redeliver import RedeliverTimes
from notifyd.flow.setup import FlowSettings

_DAY_S = 86_400.0
# Of the process's bytes this part holds fingerprints, where a source dedupes; records have the rest.
_DEDUPE_PART = 4


def flow_settings(config: Config, worker_id: str) -> FlowSettings:
    ledger, delivery = config.ledger, config.delivery
    return FlowSettings(
        worker_id=worker_id,
        slots_max=ledger.slots_max,
        commit_interval_s=ledger.commit_interval_ms / 1000,
        span_max=ledger.span_max,
        bytes_in_process_max=int(ledger.bytes_in_process_max),
        dedupe_bytes_max=int(ledger.bytes_in_process_max) // _DEDUPE_PART,
        heart=HeartTimes(
            renew_interval_s=ledger.renew_interval_s,
            failover_time_s=ledger.failover_time_s,
            send_timeout_s=delivery.send_timeout_s,
            leases_max=ledger.leases_max,
        ),
        lease=LeaseTimes(
            scan_interval_s=ledger.scan_interval_s,
            failover_time_s=ledger.failover_time_s,
            leases_max=ledger.leases_max,
        ),
        deliver=DeliverTimes(
            linger_s=delivery.linger_ms / 1000,
            send_timeout_s=delivery.send_timeout_s,
            queue_wait_max_s=delivery.queue_wait_max_s,
        ),
        retry=RetryPolicy(
            attempts_max=delivery.attempts_max,
            backoff_base_s=delivery.backoff_base_s,
            backoff_max_s=delivery.backoff_max_s,
        ),
        redeliver=RedeliverTimes(
            receivers=config.retry.workers,
            receive_wait_s=config.retry.receive_wait_s,
            send_timeout_s=delivery.send_timeout_s,
            look_up_wait_s=delivery.look_up_wait_s,
        ),
        log_flush_ms=config.log.flush_ms,
        log_ttl_s=config.log.ttl_days * _DAY_S,
        alert_fold_s=config.alerts.fold_s,
        drain_timeout_s=delivery.drain_timeout_s,
    )
