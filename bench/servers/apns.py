"""`python -m bench.servers.apns`: the sandbox's APNs over HTTP/2 and TLS, with each push tallied.

`--config-out`: the `providers` section that sends to it; there before the port of `/_bench/` is printed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import uvloop

from bench.servers.http import Answer, Request, refusal
from bench.servers.people import device_place
from bench.servers.process import Counted, arguments, listen, pin
from bench.servers.tally import Tally
from notifyd.sandbox.config_fragment import write_fragment
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.system import SystemClock

# The mailbox keeps 10,000 messages; so often it is emptied into the tally.
_TAKE_EVERY_S = 0.02
_MESSAGES_KEPT = 10_000


class Apns:
    def __init__(self, sandbox: Sandbox, latency_s: float) -> None:
        self._server = sandbox.http2["apns"]
        self._desk = sandbox["apns"]
        self._desk.latency_s = self._latency_s = latency_s
        self._tally = Tally()
        self._clock = SystemClock()

    def answer(self, request: Request) -> Answer:
        return refusal("UnknownOperationException", f"nothing at {request.path}: pushes have a port of their own")

    def control(self, path: str, _body: bytes) -> dict[str, Any]:
        self.take()
        if path == "window":
            self._tally.start_window()
        if path == "progress":
            return self._tally.progress()
        return {**self._tally.stats(), "connections": self._server.opened}

    async def take_on_and_on(self) -> None:
        while True:
            await self._clock.sleep(_TAKE_EVERY_S)
            self.take()

    def take(self) -> None:
        mailbox = self._desk.inbox.messages
        assert len(mailbox) < _MESSAGES_KEPT, "the mailbox was full: some of it may not be counted"
        while mailbox:
            push = mailbox.popleft()
            answered_at_s = push.time_s + self._latency_s
            self._tally.accept(push.text.encode(), push.delivery_id, answered_at_s, device_place(push.address))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--config-out", type=Path, required=True)
    parser.add_argument("--faults", default="[]", help="a list of the sandbox's faults, in JSON")
    options = parser.parse_args()
    pin(options)

    async def serve() -> None:
        async with Sandbox("apns") as sandbox, asyncio.TaskGroup() as tasks:
            apns = Apns(sandbox, options.latency_ms / 1000)
            sandbox["apns"].order(options.faults.encode())
            await asyncio.to_thread(write_fragment, sandbox, options.config_out)
            tasks.create_task(apns.take_on_and_on())
            await listen(Counted(apns, lambda request: request.path), options)

    uvloop.run(serve())


if __name__ == "__main__":
    main()
