"""`python -m bench.peer.plain_aiobotocore`: batched_aiobotocore as it is before somebody has measured it.

The same batches, pools and tasks. But the client checks parameters, as is its default, and each event has a log
line and metrics of its own.
"""

from __future__ import annotations

import uvloop

from bench.peer.batched_aiobotocore import PROVIDERS, SOURCES, run
from bench.peer.command import configure_logs, options_of
from bench.peer.record import DELIVERIES, LATENCIES_S, Accepted, Recorder, produced_at_s


class EachByItself(Recorder):
    def count(self, accepted: Accepted, now_s: float) -> None:
        for notice, provider_id in accepted:
            LATENCIES_S.labels(self.channel).observe(now_s - produced_at_s(notice))
            DELIVERIES.labels(self.channel, self.provider, "accepted").inc()
            self.log.info("accepted", delivery_id=notice.delivery_id, provider_id=provider_id)


def main() -> None:
    options = options_of(__doc__, sources=SOURCES, providers=PROVIDERS)
    configure_logs()
    uvloop.run(run(options, validates=True, recorder=EachByItself))


if __name__ == "__main__":
    main()
