"""A stand-in that is told to misbehave does so, counts what it took, and says it over the control API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, ClientResponseError

from notifyd.sandbox.faults import (
    Cut,
    Drip,
    Fault,
    FaultPlan,
    Garbage,
    GoAway,
    Refusal,
    Refuse,
    Respond,
    Silence,
    UnknownFault,
)
from notifyd.sandbox.vendors.sendgrid import SendGrid
from notifyd.system import SystemClock
from tests.fakes.system import FakeClock
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

SIGNED = {"Authorization": "Bearer SG.sandbox.api-key"}
MAIL: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "ann@example.com"}], "custom_args": {"delivery_id": "D1"}}],
    "from": {"email": "shop@example.com"},
    "subject": "Paid",
    "content": [{"type": "text/plain", "value": "10 EUR"}],
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("sendgrid") as client:
        yield client


async def _send(client: SandboxClient, body: Any = MAIL) -> Got:
    return await client.ask("sendgrid", "POST", "/v3/mail/send", json=body, headers=SIGNED)


def _accepted(client: SandboxClient) -> int:
    return client.sandbox["sendgrid"].counts.accepted


# --- which requests a fault befalls ----------------------------------------------------------------------


def test_a_fault_without_times_befalls_one_request(clock: FakeClock) -> None:
    plan: FaultPlan[Fault] = FaultPlan(clock)
    plan.add(Cut(), Silence(times=2))
    assert [type(plan.next()) for _ in range(4)] == [Cut, Silence, Silence, type(None)]


def test_a_fault_ends_with_its_time(clock: FakeClock) -> None:
    plan: FaultPlan[Fault] = FaultPlan(clock)
    plan.add(Cut(duration_s=60))
    assert [type(plan.next()) for _ in range(3)] == [Cut] * 3
    clock.advance(60)
    assert plan.next() is None


def test_a_share_of_the_requests_is_befallen(clock: FakeClock) -> None:
    plan: FaultPlan[Fault] = FaultPlan(clock)
    plan.add(Cut(share=0.3, duration_s=60))
    befallen = sum(plan.next() is not None for _ in range(10_000))
    assert 2800 < befallen < 3200


# --- what it does then -----------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", SendGrid(api_key="x", clock=FakeClock()).refusals)
async def test_every_refusal_is_the_vendor_s_own(client: SandboxClient, refusal: Refusal) -> None:
    client.sandbox["sendgrid"].misbehave(Refuse(refusal=refusal))
    got = await _send(client)
    assert got.status >= 400
    assert got.json["errors"][0]["message"]
    assert _accepted(client) == 0
    assert (await _send(client)).status == 202


async def test_a_throttle_says_how_long_to_wait(client: SandboxClient) -> None:
    """SendGrid by the time when its period ends."""
    begun_s = SystemClock().now_s()
    client.sandbox["sendgrid"].misbehave(Refuse(refusal=Refusal.THROTTLED, retry_after_s=3600))
    got = await _send(client)
    assert got.status == 429
    assert "retry-after" not in got.headers
    assert int(got.headers["x-ratelimit-reset"]) >= int(begun_s) + 3600


@pytest.mark.parametrize("taken", [True, False])
async def test_a_cut_resets_the_connection(client: SandboxClient, taken: bool) -> None:
    client.sandbox["sendgrid"].misbehave(Cut(taken=taken))
    with pytest.raises((ClientConnectionError, ConnectionResetError)):
        await _send(client)
    assert _accepted(client) == int(taken)


@pytest.mark.parametrize("taken", [True, False])
async def test_silence_never_answers(client: SandboxClient, taken: bool) -> None:
    client.sandbox["sendgrid"].misbehave(Silence(taken=taken))
    sending = asyncio.create_task(_send(client))
    while _accepted(client) < int(taken):  # noqa: ASYNC110 - the sandbox has no event for an arrival
        await asyncio.sleep(0.005)  # noqa: TID251 - on the machine's clock, as the sandbox
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sending, 0.1)
    assert _accepted(client) == int(taken)


async def test_a_drip_is_an_answer_that_takes_too_long(client: SandboxClient) -> None:
    client.sandbox["sendgrid"].misbehave(Drip())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_send(client), 0.1)
    client.sandbox["sendgrid"].misbehave(Drip(bytes_per_s=10_000))
    assert (await _send(client)).status == 202


async def test_garbage_is_no_json_or_no_http(client: SandboxClient) -> None:
    client.sandbox["sendgrid"].misbehave(Garbage(), Garbage(raw=True))
    assert (await _send(client)).body == b"<html>It works!</html>"
    with pytest.raises((ClientConnectionError, ClientPayloadError, ClientResponseError)):
        await _send(client)
    assert _accepted(client) == 2


async def test_any_answer_can_be_ordered(client: SandboxClient) -> None:
    client.sandbox["sendgrid"].misbehave(Respond(status=200, body='{"errors": []}'))
    got = await _send(client)
    assert (got.status, got.json) == (200, {"errors": []})
    assert _accepted(client) == 0


async def test_a_fault_waits_for_a_request_that_would_be_taken(client: SandboxClient) -> None:
    client.sandbox["sendgrid"].misbehave(Cut())
    assert (await _send(client, {})).status == 400
    with pytest.raises((ClientConnectionError, ConnectionResetError)):
        await _send(client)


def test_what_the_vendor_cannot_do_is_said_at_once() -> None:
    from notifyd.sandbox.desk import Desk

    desk = Desk(SendGrid(api_key="x", clock=FakeClock()), clock=FakeClock())
    with pytest.raises(UnknownFault, match="has no refusal in_200"):
        desk.misbehave(Refuse(refusal=Refusal.IN_200))
    with pytest.raises(UnknownFault, match=r"HTTP/1\.1, which has no GoAway"):
        desk.misbehave(GoAway())


# --- over the control API --------------------------------------------------------------------------------


async def test_another_process_reads_the_mailbox_and_empties_it(client: SandboxClient) -> None:
    await _send(client)
    await _send(client)
    shown = (await client.tell("GET", "/mailbox?provider=sendgrid&address=ann@example.com&limit=1")).json
    (message,) = shown["messages"]
    assert (message["provider"], message["delivery_id"], message["subject"]) == ("sendgrid", "D1", "Paid")
    since = message["time_s"] + 3600
    assert (await client.tell("GET", f"/mailbox?since={since}")).json == {"messages": []}
    assert (await client.tell("GET", "/mailbox?delivery_id=D2")).json == {"messages": []}
    assert (await client.tell("GET", "/counts")).json == {
        "sendgrid": {"requests": 2, "accepted": 2, "refused": 0, "duplicates": 1}
    }
    assert (await client.tell("DELETE", "/mailbox")).status == 204
    assert (await client.tell("GET", "/mailbox")).json == {"messages": []}
    assert (await client.tell("GET", "/counts")).json["sendgrid"]["requests"] == 0


async def test_another_process_orders_faults_and_ends_them(client: SandboxClient) -> None:
    fault = {"kind": "Refuse", "refusal": "unavailable", "duration_s": 60}
    assert (await client.tell("POST", "/faults/sendgrid", [fault])).status == 204
    assert (await _send(client)).status == 500
    assert (await client.tell("PUT", "/latency/sendgrid", {"latency_s": 0.001})).status == 204
    assert (await client.tell("DELETE", "/faults/sendgrid")).status == 204
    assert (await _send(client)).status == 202
    assert client.sandbox["sendgrid"].latency_s == 0


@pytest.mark.parametrize(
    ("path", "order"),
    [("sendgrid", [{"kind": "Nonsense"}]), ("sendgrid", [{"kind": "GoAway"}]), ("nobody", [{"kind": "Cut"}])],
)
async def test_an_order_that_cannot_be_followed_is_refused(client: SandboxClient, path: str, order: Any) -> None:
    got = await client.tell("POST", f"/faults/{path}", order)
    assert got.status == 400
    assert got.json["error"]


@pytest.mark.parametrize("query", ["since=yesterday", "limit=-1", "adress=ann", "provider=nobody"])
async def test_a_question_that_makes_no_sense_is_refused(client: SandboxClient, query: str) -> None:
    got = await client.tell("GET", f"/mailbox?{query}")
    assert got.status == 400
    assert got.json["error"]


async def test_the_endpoints_are_told(client: SandboxClient) -> None:
    got = await client.tell("GET", "/endpoints")
    assert json.loads(got.body) == {"sendgrid": client.sandbox.urls["sendgrid"]}
