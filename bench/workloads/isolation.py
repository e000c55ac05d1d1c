"""Every event becomes an e-mail and a push, and APNs answers, or takes each push and never does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from bench.workloads.email import EMAIL
from bench.workloads.push import FAULTS_S, ONE_DEVICE, serve_sandbox
from bench.workloads.workload import FIXTURES, Receiver, Site, Workload
from notifyd.core.channel import Channel
from notifyd.sandbox.faults import Fault, Silence


@contextmanager
def _both(site: Site, *, faults: tuple[Fault, ...]) -> Iterator[Receiver]:
    with EMAIL.receiver(site) as mails, _apns(site, faults) as pushes:
        yield Receiver(mails.counters, {**mails.providers, **pushes.providers}, pushes.pids)


def _apns(site: Site, faults: tuple[Fault, ...]) -> AbstractContextManager[Receiver]:
    return contextmanager(serve_sandbox(*faults))(site)


def isolation(*, hangs: bool) -> Workload:
    """The mails are counted."""
    faults: tuple[Fault, ...] = (Silence(taken=False, duration_s=FAULTS_S),) if hangs else ()
    return Workload(
        name="isolation",
        title="An e-mail and a push of every event, while APNs hangs",
        channel=Channel.EMAIL,
        provider="ses",
        beside={Channel.PUSH_IOS: "apns"},
        catalog=FIXTURES / "notifications_both.yaml",
        receiver=partial(_both, faults=faults),
        people=ONE_DEVICE,
        has_faults=hangs,
    )
