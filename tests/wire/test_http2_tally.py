"""Through a storm of GOAWAYs and refusals each request is accepted exactly once, by the server's own count."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random  # noqa: TID251 - seeded

import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.transport import Response
from tests.support import http2_frames as h2
from tests.support.http2_client import Client, http2
from tests.support.http2_server import Asked, Http2Peer, greeting, http2_server

BATCH = 100
WORKERS = 10
CALLS_MAX = 200


class Storm:
    """Looks at what came in together, and answers each request, refuses it, or goes away in the middle."""

    def __init__(self) -> None:
        self.accepted: Counter[bytes] = Counter()
        self.refusals = 0
        self.goaways = 0
        self._random = Random(20_000)  # noqa: S311 - chance, no secret
        self._waiting: dict[Http2Peer, list[Asked]] = {}

    def __call__(self, asked: Asked) -> None:
        waiting = self._waiting.setdefault(asked.peer, [])
        waiting.append(asked)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(0.001, self._decide, asked.peer)

    def _decide(self, peer: Http2Peer) -> None:
        for asked in self._waiting.pop(peer):
            if peer.left_at and asked.stream_id > peer.left_at:
                continue
            chance = self._random.random()
            if chance < 0.1:
                self.refusals += 1
                asked.reset(h2.REFUSED_STREAM)
                continue
            self.accepted[asked.body] += 1
            asked.answer(200, asked.body)
            if chance > 0.996 and not peer.left_at:
                self.goaways += 1
                peer.left_at = asked.stream_id
                peer.write(h2.goaway(asked.stream_id))


async def accept_all(client: Client, bodies: Sequence[bytes]) -> None:
    """Repeats what was not sent, and nothing else."""
    for _ in range(CALLS_MAX):
        answers = await client.post_all(bodies)
        for body, answer in zip(bodies, answers, strict=True):
            match answer:
                case Response():
                    assert answer.body == body
                case NotSent():
                    pass
                case NoAnswer():
                    raise answer
        bodies = [body for body, answer in zip(bodies, answers, strict=True) if isinstance(answer, NotSent)]
        if not bodies:
            return
    raise AssertionError(f"{len(bodies)} were not accepted in {CALLS_MAX} calls")


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_each_request_is_accepted_exactly_once_through_goaways_and_refusals(count: int) -> None:
    storm = Storm()
    bodies = [b"%d" % number for number in range(count)]
    parts = [bodies[at : at + BATCH] for at in range(0, count, BATCH)]

    async def work(client: Client, mine: Sequence[Sequence[bytes]]) -> None:
        for part in mine:
            await accept_all(client, part)

    async with (
        http2_server(storm, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 250})) as server,
        http2(server.origin, connections_max=2) as client,
    ):
        await asyncio.gather(*(work(client, parts[number::WORKERS]) for number in range(WORKERS)))
    assert storm.accepted == Counter(bodies)
    assert storm.goaways >= count // 1000
    assert storm.refusals >= count // 20
