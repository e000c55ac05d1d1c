"""A day's mix: ten pushes to five mails and an SMS, and not everybody wants them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.options import Options
from bench.servers.people import People
from bench.workloads.email import EMAIL
from bench.workloads.push import PUSH
from bench.workloads.workload import FIXTURES, Contestant, Receiver, Site, Workload
from notifyd.core.channel import Channel

_PUSH, _MAIL, _SMS = "bench_push", "bench_mail", "bench_sms"
# An account starts at 20 SMS a second; one that sends thousands of notifications has asked for more.
_SMS_PER_S = 10_000


@contextmanager
def _everywhere(site: Site) -> Iterator[Receiver]:
    with EMAIL.receiver(site) as mails, PUSH.receiver(site) as pushes:
        providers = {**mails.providers, **pushes.providers, "sns_sms": {"rate_per_s": _SMS_PER_S}}
        yield Receiver((*mails.counters, *pushes.counters), providers, pushes.pids)


DAILY = Workload(
    name="daily",
    title="10 pushes : 5 mails : 1 SMS; a fifth of the users have three devices, a tenth want nothing",
    channel=Channel.EMAIL,
    provider="ses",
    beside={Channel.PUSH_IOS: "apns", Channel.SMS: "sns_sms"},
    catalog=FIXTURES / "notifications_daily.yaml",
    receiver=_everywhere,
    contestants=(Contestant.DAEMON,),
    people=People(devices=(3, 1, 1, 1, 1), opted_out_every=10),
    detail_types=(*[_PUSH] * 10, *[_MAIL] * 5, _SMS),
    pushed=frozenset({_PUSH}),
    usual=Options(events=60_000),
)
