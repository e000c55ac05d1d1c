from __future__ import annotations

import msgspec
import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.lookups.service import NoFacts, ServiceFacts, ServicePolicy
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.transport import FakeTransport

URL = "https://facts.example.com/v1"
FOUND = Response(200, {}, b'{"found": {"a": 1}, "took_ms": 3}')


def _facts(transport: FakeTransport, clock: FakeClock) -> ServiceFacts:
    policy = ServicePolicy(deadline_s=1.0, headers={"authorization": "Bearer t"})
    return ServiceFacts(transport, URL, clock=clock, entropy=FakeEntropy(), policy=policy)


async def test_the_keys_go_out_in_one_post_with_the_operators_headers(clock: FakeClock) -> None:
    transport = FakeTransport([FOUND])
    fetched = await _facts(transport, clock).read(["a", "b"])

    assert fetched.found == {"a": 1, "b": None}
    assert fetched.failure is None
    headers = {"content-type": "application/json", "accept": "application/json", "authorization": "Bearer t"}
    assert transport.requests == [Request("POST", URL, headers, msgspec.json.encode({"keys": ["a", "b"]}))]


@pytest.mark.parametrize("failure", [NotSent("refused"), NoAnswer("closed")])
async def test_a_connection_that_broke_is_tried_once_more(clock: FakeClock, failure: NotSent | NoAnswer) -> None:
    assert (await _facts(FakeTransport([failure, FOUND]), clock).read(["a"])).found == {"a": 1}

    transport = FakeTransport([failure, failure])
    fetched = await _facts(transport, clock).read(["a"])
    assert not fetched.found
    assert fetched.failure is failure


@pytest.mark.parametrize(
    "answer",
    [
        Response(500, {}, FOUND.body),
        Response(404, {}, FOUND.body),
        Response(301, {"location": "https://elsewhere.example.com"}, b""),
        Response(200, {}, b""),
        Response(200, {}, b"<html>"),
        Response(200, {}, b'{"found": []}'),
        Response(200, {}, b'{"facts": {}}'),
        Response(200, {}, b'{"found": {"a": "M\xfcller"}}'),
        Response(200, {}, b'{"found": {"a": ' + b"[" * 100_000),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:14]!r}",
)
async def test_any_other_answer_means_that_nothing_is_known_and_is_not_asked_again(
    clock: FakeClock, answer: Response
) -> None:
    transport = FakeTransport([answer])
    fetched = await _facts(transport, clock).read(["a"])

    assert not fetched.found
    assert isinstance(fetched.failure, NoFacts)
    assert len(transport.requests) == 1


async def test_no_attempt_begins_after_the_deadline(clock: FakeClock) -> None:
    class Slow(FakeTransport):
        async def send(self, request: Request, *, timeout_s: float) -> Response:
            await clock.sleep(timeout_s)
            return await super().send(request, timeout_s=timeout_s)

    transport = Slow([NoAnswer("no answer in time")])
    fetched = await _facts(transport, clock).read(["a"])

    assert isinstance(fetched.failure, NoAnswer)
    assert len(transport.requests) == 1
