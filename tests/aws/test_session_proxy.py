from __future__ import annotations

import pytest

from notifyd.aws.session import AwsSession
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.hostile_server import answer, answering, hostile_server


@pytest.mark.parametrize(
    ("excepted", "asked"), [("", "POST http://127.0.0.1:9/ HTTP/1.1"), ("127.0.0.1", "POST / HTTP/1.1")]
)
async def test_a_lean_call_takes_the_proxy_on_its_way_and_no_other(
    excepted: str, asked: str, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, entropy: FakeEntropy
) -> None:
    async with hostile_server(answering(answer(body=b"{}"))) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("NO_PROXY", excepted)
        endpoint_url = server.url if excepted else "http://127.0.0.1:9"
        known = Credentials("AKIDTEST", "secret")
        async with AwsSession(
            "eu-central-1", clock=clock, entropy=entropy, endpoint_url=endpoint_url, static=known
        ) as session:
            sqs = await session.lean("sqs")
            assert await sqs.call("AmazonSQS.ReceiveMessage", b"{}") == b"{}"
        assert [exchange.head.partition("\r\n")[0] for exchange in server.requests] == [asked]
