"""The HTTP/2 server ends streams and connections as it is told, and tells apart what was taken."""

from __future__ import annotations

import asyncio
import json
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import jwt
import pytest
from ngh2 import Setting

from notifyd.sandbox.desk import Desk
from notifyd.sandbox.faults import Cut, Drip, Fault, Garbage, GoAway, Refusal, Refuse, ResetStream, Silence
from notifyd.sandbox.http2_server import Http2Server
from notifyd.sandbox.inbox import read_journal
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.system import SystemClock
from tests.support.plain_http2 import PlainHttp2, StreamEnd

REFUSED_STREAM = 7


class Ground(NamedTuple):
    sandbox: Sandbox
    http2: PlainHttp2
    headers: dict[str, str]

    @property
    def desk(self) -> Desk:
        return self.sandbox["apns"]

    @property
    def server(self) -> Http2Server:
        return self.sandbox.http2["apns"]

    def begin(self, number: int, http2: PlainHttp2 | None = None) -> Future[StreamEnd]:
        body = json.dumps({"aps": {"alert": "Paid"}, "delivery_id": f"D{number}"}).encode()
        return (http2 or self.http2).begin("POST", f"/3/device/{number:064x}", self.headers, body)

    def delivered(self) -> list[str]:
        return [message.delivery_id for message in self.desk.inbox.messages]


@asynccontextmanager
async def _ground(journal: Path | None = None) -> AsyncIterator[Ground]:
    async with (
        Sandbox("apns", journal=journal) as sandbox,
        PlainHttp2.connect(sandbox.urls["apns"], sandbox.ca_file) as http2,
    ):
        known = sandbox.credentials
        claims = {"iss": known.apns_team_id, "iat": int(SystemClock().now_s())}
        token = jwt.encode(claims, known.apns_key_p8, algorithm="ES256", headers={"kid": known.apns_key_id})
        yield Ground(
            sandbox,
            http2,
            {"authorization": f"bearer {token}", "apns-topic": known.apns_topic, "apns-push-type": "alert"},
        )


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with _ground() as ground:
        yield ground


async def test_an_answer_is_behind_its_line_of_the_journal(tmp_path: Path) -> None:
    async with _ground(tmp_path / "journal") as ground:

        async def push(number: int) -> None:
            assert (await ground.begin(number)).status == 200
            lines = await asyncio.to_thread(read_journal, tmp_path / "journal")
            assert f"D{number}" in {line.delivery_id for line in lines}

        await asyncio.gather(*(push(number) for number in range(50)))
        assert ground.desk.counts.accepted == 50


async def test_many_streams_are_answered_each_once(ground: Ground) -> None:
    ends = await asyncio.gather(*(ground.begin(number) for number in range(90)))
    assert {end.status for end in ends} == {200}
    assert sorted(ground.delivered()) == sorted(f"D{number}" for number in range(90))
    assert ground.desk.counts.duplicates == 0


async def test_answers_that_take_long_do_not_wait_for_one_another(ground: Ground) -> None:
    ground.desk.latency_s = 0.05
    ends = await asyncio.wait_for(asyncio.gather(*(ground.begin(number) for number in range(50))), 2)
    assert {end.status for end in ends} == {200}


async def test_a_stream_is_refused_and_nothing_is_taken(ground: Ground) -> None:
    ground.desk.misbehave(ResetStream())
    end = await ground.begin(1)
    assert (end.status, end.error_code) == (None, REFUSED_STREAM)
    assert ground.delivered() == []
    assert (await ground.begin(2)).status == 200


async def test_streams_above_the_last_of_a_goaway_are_not_taken(ground: Ground) -> None:
    first = ground.begin(1)
    await first
    ground.desk.misbehave(GoAway(reason="Shutdown"))
    ends = await asyncio.gather(*(ground.begin(number) for number in (2, 3, 4)))
    await ground.http2.lost.wait()
    assert ground.http2.go_away == (1, 0, b'{"reason":"Shutdown"}')
    assert {end.status for end in ends} == {None}
    assert ground.delivered() == ["D1"]


async def test_a_stream_that_a_goaway_covers_is_still_answered(ground: Ground) -> None:
    ground.desk.misbehave(GoAway(taken=True))
    covered, above = await asyncio.gather(ground.begin(1), ground.begin(2))
    await ground.http2.lost.wait()
    assert (covered.status, above.status) == (200, None)
    assert ground.http2.go_away is not None
    assert ground.http2.go_away[0] == 1
    assert ground.delivered() == ["D1"]


@pytest.mark.parametrize("latency_s", [0, 0.01])
@pytest.mark.parametrize("taken", [True, False])
async def test_whatever_a_goaway_says_was_not_processed_was_not(
    ground: Ground, latency_s: float, taken: bool
) -> None:
    ground.desk.latency_s = latency_s
    ground.desk.misbehave(GoAway(taken=taken, share=0.1, duration_s=60))
    ends = await asyncio.wait_for(asyncio.gather(*(ground.begin(number) for number in range(90))), 5)
    await ground.http2.lost.wait()
    assert ground.http2.go_away is not None
    last_id = ground.http2.go_away[0]
    delivered = set(ground.delivered())
    for number, end in enumerate(ends):
        stream_id = 2 * number + 1
        not_processed = stream_id > last_id or end.error_code == REFUSED_STREAM
        assert (f"D{number}" in delivered) == (end.status == 200) == (not not_processed)


async def test_what_waits_for_its_answer_gets_it_before_a_goaway_closes(ground: Ground) -> None:
    ground.desk.latency_s = 0.05
    waiting = [ground.begin(number) for number in range(3)]
    while not ground.delivered():  # noqa: ASYNC110 - the sandbox has no event for an arrival
        await asyncio.sleep(0.005)  # noqa: TID251 - on the machine's clock, as the sandbox
    ground.server.go_away()
    assert {end.status for end in await asyncio.gather(*waiting)} == {200}
    await ground.http2.lost.wait()


async def test_after_a_goaway_another_connection_is_taken(ground: Ground) -> None:
    ground.server.go_away()
    await ground.http2.lost.wait()
    async with PlainHttp2.connect(ground.sandbox.urls["apns"], ground.sandbox.ca_file) as other:
        assert (await ground.begin(1, other)).status == 200
    assert ground.server.opened == 2


@pytest.mark.parametrize(
    "fault", [Cut(), Cut(taken=False), Garbage(raw=True), Garbage(raw=True, taken=False)], ids=str
)
async def test_an_end_of_the_connection_leaves_open_what_was_taken(ground: Ground, fault: Cut | Garbage) -> None:
    ground.desk.misbehave(fault)
    assert (await ground.begin(1)).status is None
    assert ground.desk.counts.accepted == int(fault.taken)


@pytest.mark.parametrize("fault", [Silence(), Drip()])
async def test_a_stream_without_an_answer_in_time_was_taken(ground: Ground, fault: Fault) -> None:
    ground.desk.misbehave(fault)
    end = ground.begin(1)
    while not ground.delivered():  # noqa: ASYNC110 - the sandbox has no event for an arrival
        await asyncio.sleep(0.005)  # noqa: TID251 - on the machine's clock, as the sandbox
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(end, 0.1)
    assert ground.delivered() == ["D1"]


async def test_a_drip_comes_to_its_end(ground: Ground) -> None:
    ground.desk.misbehave(Drip(bytes_per_s=10_000))
    assert (await asyncio.wait_for(ground.begin(1), 5)).status == 200


async def test_the_limit_of_streams_is_told_and_changed(ground: Ground) -> None:
    assert (await ground.http2.settled())[Setting.MAX_CONCURRENT_STREAMS] == 1000
    ground.server.limit_streams(7)
    assert (await ground.http2.settled())[Setting.MAX_CONCURRENT_STREAMS] == 7


async def test_a_refusal_is_the_vendor_s_over_http2_as_well(ground: Ground) -> None:
    ground.desk.misbehave(Refuse(refusal=Refusal.GONE))
    end = await ground.begin(1)
    assert (end.status, end.json["reason"]) == (410, "Unregistered")


async def test_a_client_that_leaves_does_not_disturb_the_others(ground: Ground) -> None:
    ground.desk.latency_s = 0.02
    async with PlainHttp2.connect(ground.sandbox.urls["apns"], ground.sandbox.ca_file) as other:
        for number in range(20):
            ground.begin(number, other)
    assert (await ground.begin(100)).status == 200
