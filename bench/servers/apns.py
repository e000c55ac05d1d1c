"""`python -m bench.servers.apns`: the sandbox's APNs over HTTP/2 and TLS, with each push tallied.

`--config-out`: the `providers` section that sends to it; there before the port of `/_bench/` is printed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.servers.familiar_apns import FamiliarApns
from bench.servers.http import Answer, Request, refusal
from bench.servers.people import device_place
from bench.servers.process import Counted, arguments, listen, pin
from bench.servers.tally import Tally
from notifyd.sandbox.clients import Clock
from notifyd.sandbox.config_fragment import write_fragment
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.system import SystemClock


class Tallied(Inbox[Message]):
    """Counts what is accepted and keeps none of it."""

    def __init__(self, tally: Tally, latency_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._tally = tally
        self._latency_s = latency_s
        self._clock = clock

    async def accept(self, messages: Sequence[Message]) -> None:
        self.keep(messages)

    def keep(self, messages: Sequence[Message]) -> None:
        answered_at_s = self._clock.now_s() + self._latency_s
        for push in messages:
            self._tally.accept(push.text.encode(), push.delivery_id, answered_at_s, device_place(push.address))
        self.accepted += len(messages)


class Apns:
    def __init__(self, sandbox: Sandbox, latency_s: float) -> None:
        self._server = sandbox.http2["apns"]
        self._tally = Tally()
        desk = sandbox["apns"]
        desk.vendor = FamiliarApns(desk.vendor)
        desk.latency_s = latency_s
        desk.inbox = Tallied(self._tally, latency_s, SystemClock())

    def answer(self, request: Request) -> Answer:
        return refusal("UnknownOperationException", f"nothing at {request.path}: pushes have a port of their own")

    def control(self, path: str, _body: bytes) -> dict[str, Any]:
        if path == "window":
            self._tally.start_window()
        if path == "progress":
            return self._tally.progress()
        return {**self._tally.stats(), "connections": self._server.opened}


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--config-out", type=Path, required=True)
    parser.add_argument("--faults", default="[]", help="a list of the sandbox's faults, in JSON")
    options = parser.parse_args()
    pin(options)

    async def serve() -> None:
        async with Sandbox("apns") as sandbox:
            apns = Apns(sandbox, options.latency_ms / 1000)
            sandbox["apns"].order(options.faults.encode())
            await asyncio.to_thread(write_fragment, sandbox, options.config_out)
            await listen(Counted(apns, lambda request: request.path), options)

    uvloop.run(serve())


if __name__ == "__main__":
    main()
