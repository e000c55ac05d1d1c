"""`python -m bench.servers.sinks`: SES, SQS, SNS and STS behind one port, counting all that comes."""

from __future__ import annotations

from typing import Any

from bench.servers.http import Answer, Request
from bench.servers.plan import plan_of
from bench.servers.process import Counted, arguments, now_s, serve, target_operation
from bench.servers.queues import Sqs
from bench.servers.ses import Ses, ses_operation
from bench.servers.tally import Tally
from bench.servers.topics import Sns, query_action


class Sinks:
    def __init__(self, prefix: str, latency_s: float) -> None:
        plan = plan_of(prefix)
        self._tally = Tally()
        self._ses = Ses(self._tally, latency_s, now_s)
        self._sqs = Sqs(plan, now_s)
        self._sns = Sns(plan, self._tally, latency_s, now_s)

    def answer(self, request: Request) -> Answer:
        operation = ses_operation(request.path)
        if operation is not None:
            return self._ses.answer(operation, request)
        if request.target.startswith("AmazonSQS."):
            return self._sqs.answer(target_operation(request), request)
        return self._sns.answer(request)

    def control(self, path: str, _body: bytes) -> dict[str, Any]:
        if path == "window":
            self._tally.start_window()
        if path == "progress":
            return self._tally.progress()
        return {
            **self._tally.stats(),
            "queued": self._sqs.messages,
            "waiting": self._sqs.waiting,
            "alerts": self._sns.alerts,
        }


def operation(request: Request) -> str:
    return ses_operation(request.path) or target_operation(request) or query_action(request)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--prefix", default="bench")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="of SES and of SMS")
    options = parser.parse_args()
    serve(Counted(Sinks(options.prefix, options.latency_ms / 1000), operation), options)


if __name__ == "__main__":
    main()
