"""What Mailchimp Transactional is sent, as its reference has it, and what its answers mean."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from notifyd.core.look_up import CannotTell, Found, NotTaken, Taken
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import TransportError
from notifyd.providers.mailchimp import MailchimpConfig, MailchimpProvider
from notifyd.wire.transport import Request, Response
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import PLAIN, delivery

JSON = {"content-type": "application/json"}


def answer(value: object, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(value).encode())


def each(status: str, **fields: str) -> Response:
    return answer([{"email": "ann@example.com", "status": status, "_id": "abc123", **fields}])


def error(name: str, message: str = "no", status: int = 500) -> Response:
    return answer({"status": "error", "code": -1, "name": name, "message": message}, status)


def provider(*answers: Response | TransportError, **config: object) -> tuple[MailchimpProvider, FakeTransport]:
    transport = FakeTransport(answers)
    known = MailchimpConfig.model_validate(
        {"sender": "Bücher & Co <shop@example.com>", "api_key": "env:NOT_READ_HERE", **config}
    )
    return MailchimpProvider(known, api_key="md-key", transport=transport, send_timeout_s=5.0), transport


async def test_a_mail_goes_to_one_recipient_with_its_id_in_the_metadata() -> None:
    mailchimp, transport = provider(each("sent"), reply_to=["Help <help@example.com>"], subaccount="shop")
    mail = replace(PLAIN, headers=(("X-A", "b"),), tags=(("type", "payment"),))
    assert await mailchimp.send([delivery(mail, delivery_id="ID7")]) == [Accepted("abc123")]
    body = (
        '{"key":"md-key","message":{"from_email":"shop@example.com","subject":"Your payment",'
        '"to":[{"email":"ann@example.com","type":"to"}],'
        '"metadata":{"delivery_id":"ID7","type":"payment"},"from_name":"Bücher & Co",'
        '"text":"It arrived.\\n","html":"<p>It arrived.</p>\\n",'
        '"headers":{"X-A":"b","Reply-To":"Help <help@example.com>"},"subaccount":"shop"}}'
    )
    url = "https://mandrillapp.com/api/1.0/messages/send"
    assert transport.requests == [Request("POST", url, JSON, body.encode())]


async def test_of_tags_the_metadata_hold_what_there_is_room_for() -> None:
    mailchimp, transport = provider(each("sent"))
    mail = replace(PLAIN, tags=(("long", "x" * 200), ("type", "payment")))
    await mailchimp.send([delivery(mail, delivery_id="ID7")])
    metadata = json.loads(transport.requests[0].body)["message"]["metadata"]
    assert metadata == {"delivery_id": "ID7", "type": "payment"}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (each("sent"), Accepted("abc123")),
        (each("queued"), Accepted("abc123")),
        (each("queued", queued_reason="sending-backlog"), Accepted("abc123")),
        (
            each("queued", queued_reason="hourly-quota-exhausted"),
            Unknown(Reason.QUOTA, "queued: hourly-quota-exhausted"),
        ),
        (
            each("queued", queued_reason="account-suspended"),
            Unknown(Reason.ACCOUNT_PAUSED, "queued: account-suspended"),
        ),
        (
            each("rejected", reject_reason="hard-bounce"),
            Rejected(Reason.ON_SUPPRESSION_LIST, "rejected: hard-bounce"),
        ),
        (each("rejected", reject_reason="unsigned"), Deferred(Reason.SENDER_REFUSED, answer="rejected: unsigned")),
        (each("rejected", reject_reason="rule"), Rejected(Reason.MESSAGE_REFUSED, "rejected: rule")),
        (each("invalid"), Rejected(Reason.ADDRESS_INVALID, "invalid")),
        (each("teleported"), Unknown(Reason.ANSWER_UNREADABLE, "the status 'teleported'")),
        (answer([]), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without one status for one recipient")),
        (error("Invalid_Key"), Deferred(Reason.CREDENTIALS, answer="Invalid_Key: no")),
        (error("PaymentRequired"), Deferred(Reason.ACCOUNT_PAUSED, answer="PaymentRequired: no")),
        (error("ValidationError"), Rejected(Reason.MESSAGE_REFUSED, "ValidationError: no")),
        (error("GeneralError"), Unknown(Reason.PROVIDER_ERROR, "HTTP 500 GeneralError: no")),
        (Response(502, {}, b"<html>"), Unknown(Reason.PROVIDER_ERROR, "HTTP 502")),
    ],
)
async def test_an_answer_is_classed_by_name_status_and_reason(response: Response, expected: Outcome) -> None:
    assert await provider(response)[0].send([delivery()]) == [expected]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("hard-bounce", Reason.ON_SUPPRESSION_LIST),
        ("soft-bounce", Reason.ON_SUPPRESSION_LIST),
        ("spam", Reason.ON_SUPPRESSION_LIST),
        ("unsub", Reason.ON_SUPPRESSION_LIST),
        ("custom", Reason.ON_SUPPRESSION_LIST),
        ("invalid", Reason.ADDRESS_INVALID),
        ("rule", Reason.MESSAGE_REFUSED),
        ("invalid-sender", Reason.SENDER_REFUSED),
        ("unsigned", Reason.SENDER_REFUSED),
        ("recipient-domain-mismatch", Reason.SENDER_REFUSED),
        ("test-mode-limit", Reason.QUOTA),
    ],
)
async def test_every_reason_that_mailchimp_rejects_for_has_its_place(why: str, reason: Reason) -> None:
    [outcome] = await provider(each("rejected", reject_reason=why))[0].send([delivery()])
    ours = reason in {Reason.SENDER_REFUSED, Reason.QUOTA}
    assert outcome == (
        Deferred(reason, answer=f"rejected: {why}") if ours else Rejected(reason, f"rejected: {why}")
    )


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer([{"_id": "abc", "state": "sent", "metadata": {"delivery_id": "ID7"}}]), Taken("abc")),
        (answer([]), NotTaken()),
        (answer([{"_id": "abc", "metadata": {"delivery_id": "ID8"}}]), CannotTell("the search found other mails")),
        (error("Invalid_Key"), CannotTell("the search answered HTTP 500")),
        (Response(200, {}, b"<html>"), CannotTell("the search answered HTTP 200")),
    ],
)
async def test_a_search_tells_by_the_id_in_the_metadata(response: Response, expected: Found) -> None:
    mailchimp, transport = provider(response, searches=True)
    assert await mailchimp.look_up(delivery(delivery_id="ID7"), 0.0) == expected
    body = b'{"key":"md-key","query":"u_delivery_id:\\"ID7\\"","limit":10}'
    url = "https://mandrillapp.com/api/1.0/messages/search"
    assert transport.requests == [Request("POST", url, JSON, body)]


async def test_an_account_without_the_index_cannot_be_asked() -> None:
    mailchimp, transport = provider()
    assert mailchimp.look_up_limits is None
    assert isinstance(await mailchimp.look_up(delivery(), 0.0), CannotTell)
    assert transport.requests == []


@pytest.mark.parametrize(
    ("response", "key"), [(error("Invalid_Key"), "api_key"), (Response(404, {}, b"<html>"), "base_url")]
)
async def test_check_says_what_keeps_it_from_sending(response: Response, key: str) -> None:
    [fault] = await provider(response)[0].problems()
    assert fault.where == f"providers.mailchimp.{key}"


@pytest.mark.parametrize(
    "fields", [[], [{"name": "order", "state": "active"}], [{"name": "delivery_id", "state": "delete"}]]
)
async def test_check_says_that_a_search_would_find_nothing(fields: list[dict[str, str]]) -> None:
    mailchimp, _ = provider(answer("PONG!"), answer(fields), searches=True)
    [fault] = await mailchimp.problems()
    assert fault.where == "providers.mailchimp.searches"
