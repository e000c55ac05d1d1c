"""The stand-in for SES is as strict as SES's model, and its journal is ahead of its answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from notifyd.core.outcome import Accepted, Unknown
from notifyd.sandbox.ses_sink import SesSink
from tests.support.deliveries import delivery
from tests.support.provider_rigs import ses_provider

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/ses/aws4_request"}
ENTRY: dict[str, Any] = {"Destination": {"ToAddresses": ["ann@example.com"]}}
BULK: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "DefaultContent": {
        "Template": {"TemplateContent": {"Subject": "Hi {{n}}", "Text": "{{n}}"}, "TemplateData": '{"n": "{{n}}"}'}
    },
    "BulkEmailEntries": [ENTRY],
}


async def _post(sink: SesSink, body: object, headers: dict[str, str] = SIGNED) -> tuple[int, str, Any]:
    url = f"{sink.url}/v2/email/outbound-bulk-emails"
    async with ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return answer.status, answer.headers.get("x-amzn-ErrorType", ""), await answer.json()


def _data(**values: str) -> dict[str, Any]:
    return {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(values)}}


async def test_a_value_is_put_in_once_as_it_is() -> None:
    async with SesSink() as sink:
        entries = [ENTRY, ENTRY | {"ReplacementEmailContent": _data(n="<b>{{n}}</b>")}]
        status, _, answer = await _post(sink, BULK | {"BulkEmailEntries": entries})
        assert status == 200
        assert [result["Status"] for result in answer["BulkEmailEntryResults"]] == ["SUCCESS"] * 2
        assert [mail.subject for mail in sink.inbox.messages] == ["Hi {{n}}", "Hi <b>{{n}}</b>"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"Surprise": 1},
        {"BulkEmailEntries": []},
        {"BulkEmailEntries": [ENTRY] * 51},
        {"BulkEmailEntries": [ENTRY | {"ReplacementTags": [{"Name": "a b", "Value": "c"}]}]},
        {"BulkEmailEntries": [ENTRY | {"ReplacementHeaders": [{"Name": "X-A", "Value": "ü"}]}]},
        {"BulkEmailEntries": [ENTRY | {"ReplacementHeaders": [{"Name": "X-A", "Value": "x"}] * 16}]},
        {"BulkEmailEntries": [ENTRY | {"ReplacementEmailContent": _data(n="x" * 262_144)}]},
    ],
)
async def test_what_the_model_does_not_allow_is_refused_as_a_whole(wrong: dict[str, Any]) -> None:
    async with SesSink() as sink:
        status, code, _ = await _post(sink, BULK | wrong)
        assert (status, code) == (400, "BadRequestException")
        assert sink.inbox.accepted == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"Destination": {"ToAddresses": ["änn@example.com"]}},
        {"Destination": {"ToAddresses": ["ann@bücher.example"]}},
        {"Destination": {}},
        {"Destination": {"ToAddresses": ["ann@example.com"] * 51}},
        ENTRY | {"ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "no json"}}},
    ],
)
async def test_an_entry_that_cannot_be_sent_is_refused_alone(entry: dict[str, Any]) -> None:
    async with SesSink() as sink:
        status, _, answer = await _post(sink, BULK | {"BulkEmailEntries": [ENTRY, entry]})
        assert status == 200
        statuses = [result["Status"] for result in answer["BulkEmailEntryResults"]]
        assert statuses == ["SUCCESS", "INVALID_PARAMETER"]
        assert sink.inbox.accepted == 1


async def test_an_unsigned_request_is_refused() -> None:
    async with SesSink() as sink:
        assert (await _post(sink, BULK, headers={}))[0] == 403


# --- as a process ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _process(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Ended by closing its stdin, as by the end of this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notifyd.sandbox.guarded", "notifyd.sandbox.ses_sink", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline())["url"]
    finally:
        process.stdin.close()
        await process.wait()


async def test_a_kill_after_an_answer_loses_no_line_of_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    sent = [delivery(address=f"u{number}@example.com") for number in range(50)]
    async with _process("--journal", str(journal)) as (process, url), ses_provider(url) as provider:
        outcomes = await provider.send(sent)
        process.kill()
    assert [type(outcome) for outcome in outcomes] == [Accepted] * len(sent)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(line["delivery_id"], line["address"]) for line in lines] == [
        (one.delivery_id, one.address) for one in sent
    ]
    assert all(line["time_s"] > 0 for line in lines)


async def test_another_process_tells_it_to_misbehave_and_reads_what_it_took(tmp_path: Path) -> None:
    options = ("--journal", str(tmp_path / "journal"), "--fsync", "--latency-ms", "1")
    async with _process(*options) as (_, url), ses_provider(url) as provider, ClientSession() as session:
        async with session.post(f"{url}/_sink/faults", json=[{"kind": "Cut"}]) as answer:
            assert answer.status == 204
        sent = delivery()
        assert isinstance((await provider.send([sent]))[0], Unknown)
        async with session.get(f"{url}/_sink/counts") as answer:
            assert await answer.json() == {"requests": 1, "accepted": 1}
        async with session.get(f"{url}/_sink/mails") as answer:
            assert [mail["delivery_id"] for mail in await answer.json()] == [sent.delivery_id]
        async with session.post(f"{url}/_sink/faults", json=[{"kind": "Nonsense"}]) as answer:
            assert answer.status == 400
