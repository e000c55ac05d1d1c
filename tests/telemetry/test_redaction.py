"""Nothing personal and nothing secret leaves in a log line."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from notifyd.telemetry.logs import log_processors
from notifyd.telemetry.redaction import Redactor

REDACTOR = Redactor(b"key of this test")

_digits = st.text("0123456789", min_size=6, max_size=12)
_token_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
phones = st.builds(lambda first, rest: f"+{first}{rest}", st.integers(1, 9), _digits)
apns_tokens = st.text("0123456789abcdef", min_size=64, max_size=100)
fcm_tokens = st.builds(
    lambda head, tail: f"{head}:APA91{tail}",
    st.text(_token_characters.replace("-", ""), min_size=22, max_size=22),
    st.text(_token_characters, min_size=100, max_size=140),
)
access_keys = st.builds(
    lambda rest: f"AKIA{rest}", st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16)
)
webhooks = st.builds(
    lambda rest: f"https://hooks.slack.com/services/T0/B0/{rest}",
    st.text(_token_characters, min_size=24, max_size=24),
)
private = st.one_of(st.emails(), phones, apns_tokens, fcm_tokens, access_keys, webhooks)
# What stands around it in a sentence; a letter or digit right beside it would make it something else.
words = st.text(st.characters(whitelist_categories=["Ll"]), max_size=8)


def line(**fields: Any) -> str:
    """As it is written to the stream, by a logger that is made as the daemon's is."""
    stream = StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=log_processors(REDACTOR, colours=False),
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    logger.info(**fields)
    return stream.getvalue()


@example(value="=@example.com", before="", after="")
@given(value=private, before=words, after=words)
def test_no_private_value_stands_in_a_line_wherever_it_was_put(value: str, before: str, after: str) -> None:
    text = f"{before} {value} {after}, to={value};"
    written = line(
        event=text,
        answer=text,
        nested={"inner": [text, (text,)], text: 1},
        raw=text.encode(),
        error=ValueError(text),
    )
    assert value not in written
    assert json.dumps(value)[1:-1] not in written


@given(
    name=st.sampled_from(["email", "address", "to", "smtp_password", "Authorization", "device_token"]),
    value=st.text(min_size=8),
)
def test_what_stands_under_a_private_name_is_hidden_whatever_it_is(name: str, value: str) -> None:
    assert REDACTOR.named(name, value) == REDACTOR.hashed(value)
    assert REDACTOR.named("outer", {name: value}) == {name: REDACTOR.hashed(value)}


def test_one_value_has_one_hash_under_a_key_and_another_under_another() -> None:
    one, again = (REDACTOR.text(f"to {address}") for address in ("a@example.com", "a@example.com"))
    assert one == again
    assert one != REDACTOR.text("to b@example.com")
    assert one != Redactor(b"another key").text("to a@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "shardId-00000001763846400000-6f2a4c1e",
        "49590338271490256608559692538361571095921575989136588898:0",
        "notifyd-events/shardId-000000000000/49590338271490256608559692538361571095921575989136588898:3",
        "2026-11-22T22:35:43.209903Z",
        "arn:aws:sqs:eu-west-1:123:notifyd-retry-email",
        "6f1ed002ab5595859014ebf0951522d9",
    ],
)
def test_what_an_operator_searches_for_is_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_the_text_of_an_exception_is_redacted_too() -> None:
    try:
        raise ValueError("cannot send to a@example.com")
    except ValueError:
        written = line(event="failed", exc_info=True)
    assert "ValueError: cannot send to #" in written
    assert "example.com" not in written


def test_a_long_text_without_a_space_is_cut_and_costs_no_more_than_its_length() -> None:
    # A pattern that tries every start anew would take minutes here, and the test's timeout would end it.
    for text in ("a" * 2_000_000, "a-" * 1_000_000, "https://" * 200_000, "1-" * 1_000_000):
        assert len(REDACTOR.text(text)) < 20_000


@pytest.mark.parametrize("at", range(0, 20_000, 500))
def test_a_long_text_keeps_its_last_line_and_no_half_of_a_token(at: int) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9." + "p" * 400
    text = f"{'- ' * (at // 2)}{token} {'- ' * (10_000 - at // 2)}\nValueError: no such shard"
    written = REDACTOR.text(text)
    assert written.endswith("\nValueError: no such shard")
    assert "ppp" not in written


def test_values_that_are_no_json_and_nesting_without_end_are_written_all_the_same() -> None:
    endless: list[Any] = []
    endless.append(endless)
    written = json.loads(line(event="odd", endless=endless, thing=object(), values={1, 2}))
    assert written["thing"].startswith("<object object")
    assert sorted(written["values"]) == [1, 2]
