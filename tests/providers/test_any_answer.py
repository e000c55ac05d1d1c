"""Whatever a vendor answers, it means something, and nothing but a yes means accepted."""

from __future__ import annotations

import asyncio
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Deferred, Outcome
from notifyd.providers._http import HttpProvider
from notifyd.providers._http_answer import quoted, retry_after_s
from notifyd.wire.transport import Response
from tests.support.deliveries import delivery_of
from tests.support.vendor_rigs import STANDS, vendor_provider

NAMES = [name for name in STANDS if name != "sns_sms"]  # whose answers are AwsService's to read
KEYS = ("messages", "message-id", "errors", "field", "name", "_id", "sid", "ts", "reject_reason", "queued_reason")
VALUES = ("ok", "status", "code", "0", "1", "sent", "queued", "rejected", "internal_error", "error_code", "21610")
WORDS = st.sampled_from(KEYS + VALUES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
BODIES = st.binary(max_size=60) | JSON.map(msgspec.json.encode)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "x-ratelimit-reset", "x-message-id"]),
    st.text(max_size=8) | st.sampled_from(["7", "Tue, 14 Nov 2023 22:13:20 GMT", "1700000060", "9" * 400]),
    max_size=3,
)


@cache
def _provider(name: str) -> tuple[HttpProvider, Delivery]:
    async def made() -> HttpProvider:
        async with vendor_provider(name, "https://127.0.0.1:9") as provider:
            assert isinstance(provider, HttpProvider)
            return provider

    provider = asyncio.run(made())
    stand = STANDS[name]
    return provider, delivery_of(stand.content, provider.channel, stand.address(1))


@pytest.mark.parametrize("name", NAMES)
@given(status=st.integers(200, 599), headers=HEADERS, body=BODIES)
def test_any_answer_has_a_meaning(name: str, status: int, headers: dict[str, str], body: bytes) -> None:
    provider, sent = _provider(name)
    outcome: Outcome = provider.outcome_of(sent, Response(status, headers, body))
    if isinstance(outcome, Accepted):
        assert status < 300
    if isinstance(outcome, Deferred) and outcome.retry_after_s is not None:
        assert outcome.retry_after_s >= 0


@given(HEADERS)
def test_any_retry_after_is_a_pause_or_none(headers: dict[str, str]) -> None:
    pause_s = retry_after_s(Response(429, headers, b""))
    assert pause_s is None or 0 <= pause_s < 1e11


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("To: Ann <ann@example.com> refused", "To: Ann <<…>> refused"),
        ("+49 151 2345678 is no mobile", "<…> is no mobile"),
        ("see https://hooks.slack.com/services/T/B/x now", "see <…> now"),
        ("two\r\nlines\0", "two lines\0"),
        ("error 21610 of 2023", "error 21610 of 2023"),
        ("x" * 1_000_000, "x" * 500),
    ],
)
def test_of_a_vendor_s_words_addresses_are_left_out(said: str, kept: str) -> None:
    assert quoted(said) == kept
