"""How many writes leave, over a connection made of memory."""

from __future__ import annotations

import asyncio

from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response
from notifyd.wire.transport_http2 import Http2Transport
from tests.fakes.system import FakeEntropy
from tests.support import http2_frames as h2
from tests.support.http2_server import Http2Peer, Http2Server, echoing, greeting
from tests.support.memory_loop import MemoryLoop

ORIGIN = "https://push.example"


def test_requests_of_one_turn_of_the_loop_leave_in_one_write_whoever_sends_them() -> None:
    server = Http2Server(echoing, greeting({h2.MAX_CONCURRENT_STREAMS: 1000}))
    loop = MemoryLoop(lambda: Http2Peer(server))

    async def send() -> tuple[int, list[Response]]:
        transport = Http2Transport(ORIGIN, client_context(), entropy=FakeEntropy())
        requests = [Request("POST", f"{ORIGIN}/{number}", {}, b"x" * 50) for number in range(60)]
        await transport.send(requests[0], timeout_s=5.0)
        writes = loop.near[0].writes
        answers = await asyncio.gather(*(transport.send(request, timeout_s=5.0) for request in requests))
        writes = loop.near[0].writes - writes
        await transport.close()
        return writes, answers

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        writes, answers = runner.run(send())
    assert [answer.status for answer in answers] == [200] * 60
    assert writes == 1
