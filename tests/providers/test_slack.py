"""What Slack is sent by both ways, as its references have it, and what their errors mean."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from notifyd.core.channel import Channel
from notifyd.core.message import Chat, Delivery
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import NoAnswer, TransportError
from notifyd.providers.slack import SlackConfig, SlackProvider
from notifyd.wire.transport import Request, Response
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import delivery_of

TOKEN = "xoxb-1"
JSON = {"content-type": "application/json; charset=utf-8"}
HOOK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
CHAT = Chat("Hello", blocks=b'[{"type": "divider"}]')
OK = Response(200, {}, b'{"ok":true,"channel":"C0123456","ts":"1503435956.000247"}')


def provider(
    *answers: Response | TransportError, token: str | None = TOKEN, **config: object
) -> tuple[SlackProvider, FakeTransport]:
    transport = FakeTransport(answers)
    known = SlackConfig.model_validate(config)
    return SlackProvider(known, token=token, transport=transport, send_timeout_s=5.0), transport


def to(address: str, chat: Chat = CHAT) -> Delivery:
    return delivery_of(chat, Channel.CHAT, address, delivery_id="ID7", platform="slack")


@pytest.mark.parametrize("channel", ["C0123456", "D0123456", "#general", "general", "überall-news"])
async def test_a_channel_gets_its_message_by_the_web_api(channel: str) -> None:
    slack, transport = provider(OK)
    assert await slack.send([to(channel)]) == [Accepted("1503435956.000247")]
    body = (
        '{"text":"Hello","metadata":{"event_payload":{"delivery_id":"ID7"},"event_type":"notification"},'
        f'"channel":"{channel}","blocks":[{{"type": "divider"}}]}}'
    )
    url = "https://slack.com/api/chat.postMessage"
    headers = {"authorization": "Bearer xoxb-1", **JSON}
    assert transport.requests == [Request("POST", url, headers, body.encode())]


async def test_a_hook_gets_its_message_at_its_url_and_no_token() -> None:
    slack, transport = provider(Response(200, {}, b"ok"))
    assert await slack.send([to(HOOK, Chat("Hello"))]) == [Accepted()]
    body = b'{"text":"Hello","metadata":{"event_payload":{"delivery_id":"ID7"},"event_type":"notification"}}'
    assert transport.requests == [Request("POST", HOOK, JSON, body)]


async def test_without_a_token_channels_wait_and_hooks_do_not() -> None:
    slack, transport = provider(Response(200, {}, b"ok"), token=None)
    [outcome] = await slack.send([to("C0123456")])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.CREDENTIALS
    assert transport.requests == []
    assert await slack.send([to(HOOK)]) == [Accepted()]


def test_each_channel_and_hook_has_its_own_second() -> None:
    slack, _ = provider()
    assert slack.limits.group_rate_per_s == 1.0
    assert slack.group_key(to("C0123456")) == slack.group_key(to("C0123456"))
    assert len({slack.group_key(to(address)) for address in ("C0123456", "C0123457", HOOK)}) == 3
    assert slack.group_key(to("#general")) == slack.group_key(to("general"))


def said(error: str, status: int = 200, **headers: str) -> Response:
    body = json.dumps({"ok": False, "error": error}).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said("channel_not_found"), Rejected(Reason.ADDRESS_INVALID, "channel_not_found")),
        (said("is_archived"), AddressGone("is_archived")),
        (said("not_in_channel"), Deferred(Reason.SENDER_REFUSED, answer="not_in_channel")),
        (said("token_revoked"), Deferred(Reason.CREDENTIALS, answer="token_revoked")),
        (said("accesslimited"), Deferred(Reason.CREDENTIALS, answer="accesslimited")),
        (said("two_factor_setup_required"), Deferred(Reason.CREDENTIALS, answer="two_factor_setup_required")),
        (said("request_timeout"), Deferred(Reason.PROVIDER_ERROR, answer="request_timeout")),
        (said("invalid_blocks"), Rejected(Reason.MESSAGE_REFUSED, "invalid_blocks")),
        (said("msg_too_long"), Rejected(Reason.PAYLOAD_TOO_LARGE, "msg_too_long")),
        (said("a_new_error"), Rejected(Reason.MESSAGE_REFUSED, "a_new_error")),
        (said("ratelimited", 429, retry_after="30"), Deferred(Reason.THROTTLED, 30.0, "ratelimited")),
        (said("internal_error"), Unknown(Reason.PROVIDER_ERROR, "internal_error")),
        (said("service_unavailable", 503), Deferred(Reason.PROVIDER_ERROR, answer="service_unavailable")),
        (Response(429, {"retry-after": "30"}, b""), Deferred(Reason.THROTTLED, 30.0, "HTTP 429")),
        (Response(500, {}, b"<html>"), Unknown(Reason.PROVIDER_ERROR, "HTTP 500")),
        (Response(200, {}, b"<html>"), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200")),
    ],
)
async def test_what_stands_below_200_is_classed_by_its_error(answer: Response, expected: Outcome) -> None:
    assert await provider(answer)[0].send([to("C0123456")]) == [expected]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(403, {}, b"invalid_token"), AddressGone("HTTP 403 invalid_token")),
        (Response(403, {}, b"action_prohibited"),
         Deferred(Reason.SENDER_REFUSED, answer="HTTP 403 action_prohibited")),
        (Response(404, {}, b"no_service"), AddressGone("HTTP 404 no_service")),
        (Response(410, {}, b"channel_is_archived"), AddressGone("HTTP 410 channel_is_archived")),
        (Response(400, {}, b"invalid_payload"), Rejected(Reason.MESSAGE_REFUSED, "HTTP 400 invalid_payload")),
        (Response(429, {"retry-after": "2"}, b"rate_limited"),
         Deferred(Reason.THROTTLED, 2.0, "HTTP 429 rate_limited")),
        (Response(500, {}, b"rollup_error"), Unknown(Reason.PROVIDER_ERROR, "HTTP 500 rollup_error")),
        (Response(200, {}, b"<html>"), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 <html>")),
    ],
)  # fmt: skip
async def test_a_hook_s_answer_is_classed_by_status_and_word(answer: Response, expected: Outcome) -> None:
    assert await provider(answer)[0].send([to(HOOK)]) == [expected]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (410, "channel_is_archived"),
        (404, "channel_not_found"),
        (403, "invalid_token"),
        (404, "no_active_hooks"),
        (404, "no_service"),
        (404, "no_service_id"),
        (404, "no_team"),
        (403, "team_disabled"),
    ],
)
async def test_a_hook_that_slack_calls_dead_is_gone(status: int, word: str) -> None:
    slack, _ = provider(Response(status, {}, word.encode()))
    assert await slack.send([to(HOOK)]) == [AddressGone(f"HTTP {status} {word}")]


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("page", ["<html>", "", "blocked by the firewall", "invalid_token <html>"])
async def test_a_page_that_is_not_slack_s_takes_nobody_s_hook_away(status: int, page: str) -> None:
    [outcome] = await provider(Response(status, {}, page.encode()))[0].send([to(HOOK)])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.CREDENTIALS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("too_many_attachments", Reason.MESSAGE_REFUSED),
        ("no_text", Reason.MESSAGE_REFUSED),
        ("metadata_too_large", Reason.PAYLOAD_TOO_LARGE),
        ("method_deprecated", Reason.CREDENTIALS),
        ("team_not_found", Reason.CREDENTIALS),
        ("restricted_action_read_only_channel", Reason.SENDER_REFUSED),
        ("send_on_behalf_not_allowed", Reason.SENDER_REFUSED),
    ],
)
async def test_what_an_operator_can_mend_waits_and_what_is_the_message_s_own_does_not(
    error: str, reason: Reason
) -> None:
    [outcome] = await provider(said(error))[0].send([to("C0123456")])
    ours = reason in {Reason.CREDENTIALS, Reason.SENDER_REFUSED}
    assert outcome == (Deferred(reason, answer=error) if ours else Rejected(reason, error))


@pytest.mark.parametrize(
    "answer", [Response(404, {}, HOOK.encode()), NoAnswer("POST https://hooks.slack.com: reset")]
)
async def test_a_hook_s_url_is_in_no_outcome(answer: Response | TransportError) -> None:
    [outcome] = await provider(answer)[0].send([to(HOOK)])
    assert "XXXX" not in str(outcome)


async def test_a_text_over_slack_s_limit_is_refused_before_any_request() -> None:
    slack, transport = provider()
    [outcome] = await slack.send([to("C0123456", replace(CHAT, text="x" * 40_001))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert transport.requests == []


@pytest.mark.parametrize(
    ("answer", "key"), [(said("invalid_auth"), "token"), (Response(404, {}, b""), "base_url")]
)
async def test_check_says_what_keeps_it_from_sending(answer: Response, key: str) -> None:
    [fault] = await provider(answer)[0].problems()
    assert fault.where == f"providers.slack.{key}"


async def test_check_asks_nothing_where_there_are_hooks_alone() -> None:
    slack, transport = provider(token=None)
    assert await slack.problems() == []
    assert transport.requests == []
