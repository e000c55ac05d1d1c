"""APNs: what it is asked, what its answers mean, and its token's times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import SecretStr

from notifyd.core.blame import Blame, blame_of
from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery, Push
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import ConfigError, NoAnswer, NotSent
from notifyd.providers import ProviderContext
from notifyd.providers._apns_config import ApnsConfig
from notifyd.providers._apns_token import ProviderToken
from notifyd.providers._key_file import NoKey, p256_key
from notifyd.providers.apns import ApnsProvider, build_apns
from notifyd.wire.aws_call import AwsService
from notifyd.wire.transport import Answer, Request, Response
from tests.fakes.push_transport import AnswerTo, FakePushTransport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.deliveries import push_delivery
from tests.support.push_keys import P256, RSA, pem_of

TOKEN = "0123456789ABCDEF" * 4
CONFIG = {"topic": "com.example.shop", "key": "env:KEY", "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ"}
PLAIN = Push(title="Paid", body="12,50 € arrived")


def provider_over(
    transport: FakePushTransport, clock: FakeClock | None = None, *, certificate: bool = False
) -> ApnsProvider:
    config = ApnsConfig.model_validate(CONFIG)
    token = ProviderToken(P256, key_id="ABC123DEFG", team_id="DEF123GHIJ", clock=clock or FakeClock())
    return ApnsProvider(config, transport, None if certificate else token, timeout_s=4.5)


def to_ios(message: Push = PLAIN, *, address: str = TOKEN, **fields: Any) -> Delivery:
    return push_delivery(message, Channel.PUSH_IOS, address, **fields)


async def outcome_of(answer: Answer | AnswerTo) -> Outcome:
    [outcome] = await provider_over(FakePushTransport(answer)).send([to_ios()])
    return outcome


def refusal(status: int, reason: str, **more: object) -> Response:
    return Response(status, {}, json.dumps({"reason": reason, **more}).encode(), connection=7)


async def test_a_request_is_as_apple_documents_it() -> None:
    transport = FakePushTransport()
    sent = to_ios(delivery_id="TESTDELIVERY00000000000001", deadline_at_s=1_700_086_400.9)
    await provider_over(transport).send([sent])

    [request] = transport.requests
    bearer = request.headers.pop("authorization").removeprefix("bearer ")
    assert (request.method, request.url) == ("POST", f"https://api.push.apple.com/3/device/{TOKEN.lower()}")
    assert request.headers == {
        "apns-id": "cd079d1f-ae35-815f-a467-30c7e214dcc4",
        "apns-topic": "com.example.shop",
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": "1700086400",
        "apns-collapse-id": "TESTDELIVERY00000000000001",
    }
    assert json.loads(request.body) == {
        "aps": {"alert": {"title": "Paid", "body": "12,50 € arrived"}},
        "delivery_id": "TESTDELIVERY00000000000001",
    }
    assert jwt.get_unverified_header(bearer) == {"alg": "ES256", "kid": "ABC123DEFG", "typ": "JWT"}
    claims = jwt.decode(bearer, P256.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": "DEF123GHIJ", "iat": 1_700_000_000}


async def test_every_part_of_a_push_has_its_place() -> None:
    transport = FakePushTransport()
    message = Push(
        title="T",
        body="B",
        data=(("order", "7"),),
        badge=3,
        sound="default",
        image_url="https://example.com/i.png",
        link="https://example.com/o/7",
        category="ORDER",
        thread="orders",
        collapse_id="order-7",
    )
    await provider_over(transport).send([to_ios(message, delivery_id="D" * 26)])
    [request] = transport.requests
    assert request.headers["apns-collapse-id"] == "order-7"
    assert json.loads(request.body) == {
        "aps": {
            "alert": {"title": "T", "body": "B"},
            "badge": 3,
            "sound": "default",
            "category": "ORDER",
            "thread-id": "orders",
            "mutable-content": 1,
        },
        "order": "7",
        "delivery_id": "D" * 26,
        "image_url": "https://example.com/i.png",
        "link": "https://example.com/o/7",
    }


async def test_a_silent_push_goes_in_the_background_at_low_priority() -> None:
    transport = FakePushTransport()
    await provider_over(transport).send([to_ios(Push(data=(("sync", "1"),), badge=2))])
    [request] = transport.requests
    assert (request.headers["apns-push-type"], request.headers["apns-priority"]) == ("background", "5")
    assert json.loads(request.body)["aps"] == {"content-available": 1}


async def test_bulk_goes_at_low_priority_and_keeps_its_alert() -> None:
    transport = FakePushTransport()
    await provider_over(transport).send([to_ios(lane=Lane.BULK)])
    [request] = transport.requests
    assert (request.headers["apns-push-type"], request.headers["apns-priority"]) == ("alert", "5")


async def test_an_attempt_more_has_the_same_ids() -> None:
    transport = FakePushTransport()
    provider, sent = provider_over(transport), to_ios()
    await provider.send([sent])
    await provider.send([replace(sent, attempt=2)])
    first, second = transport.requests
    assert first.headers == second.headers


async def test_with_a_certificate_no_token_is_shown() -> None:
    transport = FakePushTransport()
    await provider_over(transport, certificate=True).send([to_ios()])
    assert "authorization" not in transport.requests[0].headers


async def test_a_batch_goes_out_at_once_without_what_cannot_go_and_is_answered_in_order() -> None:
    def answer(request: Request) -> Answer:
        bad = request.url.endswith("b")
        return refusal(400, "BadDeviceToken") if bad else Response(200, {"apns-id": "x"}, b"")

    transport = FakePushTransport(answer)
    batch = [to_ios(address=address) for address in ("aa" * 32, "no token", "bb" * 32, "cc" * 32)]
    outcomes = await provider_over(transport).send(batch)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Rejected, Accepted]
    assert [len(sent) for sent in transport.batches] == [3]


@pytest.mark.parametrize(
    "address", ["", "ab" * 31, "ab" * 32 + "c", "zz" * 32, f"{'ab' * 32}\n", "../" + "ab" * 32]
)
async def test_what_is_no_device_token_is_refused_before_any_request(address: str) -> None:
    transport = FakePushTransport()
    [outcome] = await provider_over(transport).send([to_ios(address=address)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.ADDRESS_INVALID
    assert transport.requests == []


async def test_data_that_would_be_apns_own_is_refused_before_any_request() -> None:
    transport = FakePushTransport()
    [outcome] = await provider_over(transport).send([to_ios(replace(PLAIN, data=(("aps", "{}"),)))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert transport.requests == []


async def test_a_payload_over_the_limit_is_refused_before_any_request() -> None:
    transport = FakePushTransport()
    [outcome] = await provider_over(transport).send([to_ios(Push(title="T", body="x" * 4096))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert transport.requests == []


@settings(max_examples=25)
@given(body=st.text(st.characters(exclude_categories=["Cs"]), min_size=1000, max_size=2000).map(lambda s: s * 4))
async def test_where_the_template_allows_the_body_is_cut_to_what_fits(body: str) -> None:
    transport = FakePushTransport()
    [outcome] = await provider_over(transport).send([to_ios(Push(title="T", body=body, shorten=True))])
    assert isinstance(outcome, Accepted)
    [request] = transport.requests
    sent = json.loads(request.body)["aps"]["alert"]["body"]
    assert len(request.body) <= 4096
    assert sent == body or (sent.endswith("…") and body.startswith(sent[:-1]))


async def test_a_cut_leaves_no_half_of_a_character_and_wastes_little() -> None:
    transport = FakePushTransport()
    body = "a\u0301👩\u200d👧 " * 1000
    await provider_over(transport).send([to_ios(Push(title="T", body=body, shorten=True))])
    [request] = transport.requests
    sent = json.loads(request.body)["aps"]["alert"]["body"]
    assert 4096 - 32 <= len(request.body) <= 4096
    assert sent[:-1].endswith(("a\u0301", "👩\u200d👧"))


async def test_what_does_not_fit_without_its_body_either_is_refused() -> None:
    transport = FakePushTransport()
    message = Push(title="T", body="B" * 50, data=(("blob", "x" * 4096),), shorten=True)
    [outcome] = await provider_over(transport).send([to_ios(message)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE


async def test_a_collapse_id_beyond_ascii_or_the_limit_goes_by_its_hash() -> None:
    transport = FakePushTransport()
    provider = provider_over(transport)
    for collapse_id in ("straße", "x" * 65, "two words"):
        await provider.send([to_ios(replace(PLAIN, collapse_id=collapse_id))])
    ids = [request.headers["apns-collapse-id"] for request in transport.requests]
    assert len(set(ids)) == 3
    assert all(one.isascii() and len(one) == 32 for one in ids)


async def test_the_accepted_ones_name_is_apns_own() -> None:
    assert await outcome_of(Response(200, {"apns-id": "eabeae54"}, b"")) == Accepted("eabeae54")


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (400, "BadDeviceToken", Rejected(Reason.ADDRESS_INVALID, "400 BadDeviceToken")),
        (400, "DeviceTokenNotForTopic", Rejected(Reason.ADDRESS_INVALID, "400 DeviceTokenNotForTopic")),
        (400, "PayloadEmpty", Rejected(Reason.MESSAGE_REFUSED, "400 PayloadEmpty")),
        (400, "TopicDisallowed", Deferred(Reason.SENDER_REFUSED, answer="400 TopicDisallowed")),
        (400, "IdleTimeout", Deferred(Reason.PROVIDER_ERROR, answer="400 IdleTimeout")),
        (403, "Forbidden", Rejected(Reason.MESSAGE_REFUSED, "403 Forbidden")),
        (403, "InvalidProviderToken", Deferred(Reason.CREDENTIALS, answer="403 InvalidProviderToken")),
        (407, "", Deferred(Reason.CREDENTIALS, answer="407")),
        (403, "SomethingNew", Deferred(Reason.CREDENTIALS, answer="403 SomethingNew")),
        (404, "BadPath", Deferred(Reason.CREDENTIALS, answer="404 BadPath")),
        (404, "SomethingNew", Deferred(Reason.CREDENTIALS, answer="404 SomethingNew")),
        (405, "MethodNotAllowed", Deferred(Reason.CREDENTIALS, answer="405 MethodNotAllowed")),
        (410, "Unregistered", AddressGone("410 Unregistered")),
        (413, "PayloadTooLarge", Rejected(Reason.PAYLOAD_TOO_LARGE, "413 PayloadTooLarge")),
        (429, "TooManyRequests", Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="429 TooManyRequests")),
        (429, "SomethingNew", Deferred(Reason.THROTTLED, answer="429 SomethingNew")),
        (500, "InternalServerError", Unknown(Reason.PROVIDER_ERROR, "500 InternalServerError")),
        (503, "Shutdown", Deferred(Reason.PROVIDER_ERROR, answer="503 Shutdown")),
    ],
)
async def test_a_refusal_is_classed_by_whose_fault_it_is(status: int, reason: str, outcome: Outcome) -> None:
    assert await outcome_of(refusal(status, reason)) == outcome


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.ADDRESS_INVALID, ["BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken"]),
        (Reason.PAYLOAD_TOO_LARGE, ["PayloadTooLarge"]),
        (Reason.MESSAGE_REFUSED, ["BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority"]),
        (Reason.MESSAGE_REFUSED, ["DuplicateHeaders", "InvalidPushType", "PayloadEmpty", "Forbidden"]),
        (Reason.SENDER_REFUSED, ["BadTopic", "MissingTopic", "TopicDisallowed"]),
        (Reason.CREDENTIALS, ["BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken"]),
        (Reason.CREDENTIALS, ["BadEnvironmentKeyInToken", "ExpiredProviderToken", "InvalidProviderToken"]),
        (Reason.CREDENTIALS, ["MissingProviderToken", "UnrelatedKeyIdInToken", "BadPath", "MethodNotAllowed"]),
        (Reason.RECIPIENT_UNAVAILABLE, ["TooManyRequests"]),
        (Reason.THROTTLED, ["TooManyProviderTokenUpdates"]),
        (Reason.PROVIDER_ERROR, ["IdleTimeout", "ServiceUnavailable", "Shutdown"]),
    ],
)
async def test_every_reason_that_apple_documents_has_its_place_whatever_its_status(
    reason: Reason, words: list[str]
) -> None:
    for word in words:
        outcome = await outcome_of(refusal(418, word))
        assert isinstance(outcome, Deferred | Rejected)
        assert outcome.reason is reason, word


async def test_one_device_that_gets_too_many_slows_no_other_and_is_left_alone_as_long_as_apns_says() -> None:
    body = b'{"reason": "TooManyRequests"}'
    outcome = await outcome_of(Response(429, {"retry-after": "30"}, body))
    assert outcome == Deferred(Reason.RECIPIENT_UNAVAILABLE, 30.0, "429 TooManyRequests")
    assert blame_of(outcome) is Blame.RECIPIENT


async def test_too_many_tokens_are_the_accounts_business() -> None:
    outcome = await outcome_of(refusal(429, "TooManyProviderTokenUpdates"))
    assert blame_of(outcome) is Blame.LOAD


async def test_a_dead_token_is_gone_since_apns_saw_it() -> None:
    gone = await outcome_of(refusal(410, "Unregistered", timestamp=1_699_999_000_500))
    assert gone == AddressGone("410 Unregistered", since_s=1_699_999_000.5)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"reason": 1}', b"\xff"])
async def test_a_410_that_does_not_say_so_in_apns_words_removes_nobodys_token(body: bytes) -> None:
    assert isinstance(await outcome_of(Response(410, {}, body)), Rejected)


@pytest.mark.parametrize(("status", "reason"), [(502, Reason.PROVIDER_ERROR), (302, Reason.ANSWER_UNREADABLE)])
async def test_an_answer_that_is_not_apns_own_is_unknown(status: int, reason: Reason) -> None:
    outcome = await outcome_of(Response(status, {}, b"<html>"))
    assert isinstance(outcome, Unknown)
    assert outcome.reason is reason


async def test_without_a_connection_it_was_not_sent_and_without_an_answer_nobody_knows() -> None:
    assert await outcome_of(NotSent("no way")) == Deferred(Reason.NO_CONNECTION, answer="no way")
    assert await outcome_of(NoAnswer("silence")) == Unknown(Reason.NO_ANSWER, "silence")


async def bearers(transport: FakePushTransport, provider: ApnsProvider) -> str:
    await provider.send([to_ios()])
    return transport.requests[-1].headers["authorization"]


async def test_the_token_is_renewed_between_20_and_60_minutes_after_its_first_use(clock: FakeClock) -> None:
    transport = FakePushTransport()
    provider = provider_over(transport, clock)
    clock.advance(7_200)  # not used yet: not made yet
    seen = [await bearers(transport, provider)]
    clock.advance(20 * 60)
    assert await bearers(transport, provider) == seen[0]
    clock.advance(39 * 60)
    assert await bearers(transport, provider) != seen[0]


async def test_an_expired_token_is_renewed_only_when_it_is_old_enough(clock: FakeClock) -> None:
    transport = FakePushTransport(refusal(403, "ExpiredProviderToken"))
    provider = provider_over(transport, clock)
    first = await bearers(transport, provider)
    clock.advance(60)
    assert await bearers(transport, provider) == first
    clock.advance(20 * 60)
    assert await bearers(transport, provider) == first
    assert await bearers(transport, provider) != first


async def test_after_too_many_renewals_the_connection_is_given_up_and_the_token_kept(clock: FakeClock) -> None:
    transport = FakePushTransport(refusal(429, "TooManyProviderTokenUpdates"))
    provider = provider_over(transport, clock)
    clock.advance(1)
    first = await bearers(transport, provider)
    assert transport.retired == [7]
    clock.advance(30 * 60)
    assert await bearers(transport, provider) == first


async def test_problems_are_those_of_way_and_credentials_asked_of_no_device() -> None:
    transport = FakePushTransport(refusal(400, "BadDeviceToken"))
    assert await provider_over(transport).problems() == []
    [question] = transport.requests
    assert question.url == "https://api.push.apple.com/3/device/00"
    for answer in (refusal(403, "InvalidProviderToken"), refusal(400, "TopicDisallowed"), NotSent("no way")):
        [fault] = await provider_over(FakePushTransport(answer)).problems()
        assert fault.where == "providers.apns"


@pytest.mark.parametrize(
    "pem", ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", pem_of(RSA)]
)
def test_what_is_no_key_of_apples_is_said_without_repeating_it(pem: str) -> None:
    with pytest.raises(NoKey) as raised:
        p256_key(pem)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": None},
        {"certificate": "/app.pem"},
        {"key_id": None},
        {"team_id": "short"},
        {"topic": "a b"},
        {"base_url": "http://127.0.0.1:1"},
        {"base_url": "https://127.0.0.1:1/3/device"},
    ],
)
def test_missing_or_contradicting_credentials_are_faults_of_the_config(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        ApnsConfig.model_validate(CONFIG | wrong)


def test_the_environment_is_the_host() -> None:
    hosts = [
        ApnsConfig.model_validate(CONFIG | {"environment": name}).origin for name in ("production", "sandbox")
    ]
    assert hosts == ["https://api.push.apple.com", "https://api.sandbox.push.apple.com"]


def context(clock: FakeClock, entropy: FakeEntropy) -> ProviderContext:
    async def no_aws(*_: object, **__: object) -> AwsService:
        raise AssertionError("APNs is not in AWS")

    return ProviderContext(
        clock=clock,
        entropy=entropy,
        send_timeout_s=5.0,
        open_aws=no_aws,
        secret=lambda _: SecretStr("hush"),
    )


async def test_a_certificate_that_cannot_be_read_is_a_fault_of_the_config(
    clock: FakeClock, entropy: FakeEntropy, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "missing.pem", empty):
        config = ApnsConfig.model_validate({"topic": "com.example.shop", "certificate": path})
        with pytest.raises(ConfigError) as raised:
            await build_apns(config, context(clock, entropy))
        assert [fault.where for fault in raised.value.faults] == ["providers.apns.certificate"]


async def test_a_key_that_is_none_is_a_fault_that_does_not_repeat_it(
    clock: FakeClock, entropy: FakeEntropy
) -> None:
    with pytest.raises(ConfigError) as raised:
        await build_apns(ApnsConfig.model_validate(CONFIG), context(clock, entropy))
    [fault] = raised.value.faults
    assert fault.where == "providers.apns.key"
    assert "hush" not in str(fault)
