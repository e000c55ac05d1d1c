"""What holds of SES alone: bulk answers, what goes alone, whose fault a code is, what the account says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifyd.aws.session import AwsSession
from notifyd.core.message import Email, message_of
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import AwsError, Throttled
from notifyd.providers._ses_answer import bulk_outcomes, call_outcome
from notifyd.providers._ses_request import BULK_CHARS_MAX, TEMPLATE_DATA_CHARS_MAX, Envelope, bulk_body
from notifyd.providers.ses import SesConfig, SesProvider
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.faults import Garbage
from notifyd.sandbox.ses_account import Account
from notifyd.sandbox.ses_faults import DAILY_QUOTA, OneShort, Refuse, Statuses
from notifyd.sandbox.ses_sink import SesSink
from tests.support.checking_proxy import CheckingProxy
from tests.support.deliveries import PLAIN, delivery
from tests.support.provider_rigs import SesRig, ses_provider, ses_rig

ENVELOPE = Envelope("shop@example.com", (), None)


@pytest.fixture
async def rig() -> AsyncIterator[SesRig]:
    async with ses_rig() as made:
        yield made


def told(outcome: Outcome) -> tuple[type[Outcome], Reason | None]:
    return type(outcome), getattr(outcome, "reason", None)


# --- the bulk answer -------------------------------------------------------------------------------------


async def test_each_mail_of_a_bulk_gets_the_answer_of_its_own_position(rig: SesRig) -> None:
    rig.sink.misbehave(Statuses(statuses=["SUCCESS", "ACCOUNT_THROTTLED", "MESSAGE_REJECTED", "SUCCESS"]))
    batch = [delivery() for _ in range(5)]
    outcomes = await rig.provider.send(batch)
    assert [told(outcome) for outcome in outcomes] == [
        (Accepted, None),
        (Deferred, Reason.THROTTLED),
        (Rejected, Reason.MESSAGE_REFUSED),
        (Accepted, None),
        (Accepted, None),
    ]
    assert [mail.delivery_id for mail in rig.mails] == [batch[at].delivery_id for at in (0, 3, 4)]


async def test_mails_refused_before_the_request_keep_their_place_among_the_answers(rig: SesRig) -> None:
    rig.sink.misbehave(Statuses(statuses=["ACCOUNT_DAILY_QUOTA_EXCEEDED"]))
    outcomes = await rig.provider.send([delivery(address="nobody"), delivery(), delivery()])
    assert [told(outcome) for outcome in outcomes] == [
        (Rejected, Reason.ADDRESS_INVALID),
        (Deferred, Reason.QUOTA),
        (Accepted, None),
    ]


async def test_a_bulk_answer_of_another_length_says_nothing_of_any_mail(rig: SesRig) -> None:
    rig.sink.misbehave(OneShort())
    outcomes = await rig.provider.send([delivery() for _ in range(3)])
    assert {told(outcome) for outcome in outcomes} == {(Unknown, Reason.ANSWER_UNREADABLE)}


async def test_an_answer_that_is_no_json_says_nothing_of_any_mail(rig: SesRig) -> None:
    rig.sink.misbehave(Garbage())
    outcomes = await rig.provider.send([delivery(), delivery()])
    assert [told(outcome) for outcome in outcomes] == [(Unknown, Reason.ANSWER_UNREADABLE)] * 2


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b"\xff", b'{"BulkEmailEntryResults": [{"Status": 1}]}'])
def test_an_unreadable_bulk_answer_is_unknown(answer: bytes) -> None:
    assert [told(outcome) for outcome in bulk_outcomes(answer, 1)] == [(Unknown, Reason.ANSWER_UNREADABLE)]


def _model(shape: str) -> Any:
    return Loader().load_service_model("sesv2", "service-2")["shapes"][shape]


@pytest.mark.parametrize("status", _model("BulkEmailStatus")["enum"])
def test_every_status_that_ses_has_is_known(status: str) -> None:
    answer = json.dumps({"BulkEmailEntryResults": [{"Status": status}]}).encode()
    [outcome] = bulk_outcomes(answer, 1)
    assert not isinstance(outcome, Unknown)
    assert isinstance(outcome, Accepted) == (status == "SUCCESS")


def test_a_status_that_ses_does_not_have_is_unknown() -> None:
    answer = b'{"BulkEmailEntryResults": [{"Status": "MOSTLY_FINE"}]}'
    assert [told(outcome) for outcome in bulk_outcomes(answer, 1)] == [(Unknown, Reason.ANSWER_UNREADABLE)]


# --- a refused call --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "MessageRejected", "It holds a virus.", (Rejected, Reason.MESSAGE_REFUSED)),
        (400, "MessageRejected", "Email address is not verified.", (Deferred, Reason.SENDER_REFUSED)),
        (400, "BadRequestException", "", (Rejected, Reason.MESSAGE_REFUSED)),
        (400, "MailFromDomainNotVerifiedException", "", (Deferred, Reason.SENDER_REFUSED)),
        (404, "NotFoundException", "Configuration set <x> does not exist.", (Deferred, Reason.SENDER_REFUSED)),
        (400, "AccountSuspendedException", "", (Deferred, Reason.ACCOUNT_PAUSED)),
        (400, "SendingPausedException", "", (Deferred, Reason.ACCOUNT_PAUSED)),
        (403, "AccessDeniedException", "", (Deferred, Reason.CREDENTIALS)),
        (403, "SignatureDoesNotMatch", "", (Deferred, Reason.CREDENTIALS)),
        (413, "HTTP413", "", (Rejected, Reason.PAYLOAD_TOO_LARGE)),
        (418, "SomethingNew", "", (Rejected, Reason.MESSAGE_REFUSED)),
        (500, "InternalServiceErrorException", "", (Unknown, Reason.PROVIDER_ERROR)),
        (503, "HTTP503", "", (Unknown, Reason.PROVIDER_ERROR)),
        (204, "HTTP204", "", (Unknown, Reason.ANSWER_UNREADABLE)),
    ],
)
def test_a_refused_call_is_told_by_whose_fault_it_is(
    status: int, code: str, message: str, expected: tuple[type[Outcome], Reason]
) -> None:
    assert told(call_outcome(AwsError("send", code, message, status=status))) == expected


@pytest.mark.parametrize("code", ["TooManyRequestsException", "LimitExceededException", "ThrottlingException"])
@pytest.mark.parametrize(
    ("message", "reason"),
    [("Maximum sending rate exceeded.", Reason.THROTTLED), ("Daily message quota exceeded.", Reason.QUOTA)],
)
def test_a_throttle_and_an_empty_daily_quota_differ_by_their_text_alone(
    code: str, message: str, reason: Reason
) -> None:
    assert told(call_outcome(Throttled("send", code, message, status=400))) == (Deferred, reason)


async def test_an_empty_daily_quota_touches_every_mail_of_the_call(rig: SesRig) -> None:
    rig.sink.misbehave(DAILY_QUOTA)
    outcomes = await rig.provider.send([delivery(), delivery()])
    assert [told(outcome) for outcome in outcomes] == [(Deferred, Reason.QUOTA)] * 2


# --- what goes alone -------------------------------------------------------------------------------------


async def test_mails_refused_in_company_go_alone_next_and_only_the_one_at_fault_is_rejected(rig: SesRig) -> None:
    bad = Refuse(status=400, code="BadRequestException", message="Something in here is wrong.")
    batch = [delivery(), delivery()]
    rig.sink.misbehave(bad)
    outcomes = await rig.provider.send(batch)
    assert [told(outcome) for outcome in outcomes] == [(Deferred, Reason.MESSAGE_REFUSED)] * 2
    assert rig.provider.group_key(batch[0]) != rig.provider.group_key(batch[1])
    rig.sink.misbehave(bad)
    again = [await rig.provider.send([sent]) for sent in batch]
    assert [told(outcome) for [outcome] in again] == [(Rejected, Reason.MESSAGE_REFUSED), (Accepted, None)]


async def test_a_text_that_is_no_unicode_makes_its_company_go_alone_next(rig: SesRig) -> None:
    batch = [delivery(replace(PLAIN, text="half \ud83d")), delivery()]
    outcomes = await rig.provider.send(batch)
    assert [told(outcome) for outcome in outcomes] == [(Deferred, Reason.MESSAGE_REFUSED)] * 2
    again = [await rig.provider.send([sent]) for sent in batch]
    assert [told(outcome) for [outcome] in again] == [(Rejected, Reason.MESSAGE_REFUSED), (Accepted, None)]


async def test_a_mail_too_large_for_template_data_goes_alone_and_arrives_whole(rig: SesRig) -> None:
    large = delivery(replace(PLAIN, subject="Grüße", text="ü" * BULK_CHARS_MAX + "\n"))
    assert rig.provider.group_key(large) != rig.provider.group_key(delivery())
    assert isinstance((await rig.provider.send([large]))[0], Accepted)
    [mail] = rig.mails
    assert (mail.subject, mail.text, mail.html) == ("Grüße", message_of(large, Email).text, PLAIN.html)
    assert mail.delivery_id == large.delivery_id


async def test_senders_and_shapes_do_not_share_a_request(rig: SesRig) -> None:
    messages = [PLAIN, replace(PLAIN, html=None), replace(PLAIN, sender="other@example.com")]
    assert len({rig.provider.group_key(delivery(message)) for message in messages}) == len(messages)


async def test_more_headers_than_ses_takes_touch_that_mail_alone(rig: SesRig) -> None:
    crowded = replace(PLAIN, headers=tuple((f"X-{number}", "x") for number in range(16)))
    outcomes = await rig.provider.send([delivery(crowded), delivery()])
    assert [told(outcome) for outcome in outcomes] == [(Rejected, Reason.MESSAGE_REFUSED), (Accepted, None)]


# --- the body --------------------------------------------------------------------------------------------


@given(st.text(), st.text(), st.none() | st.text())
def test_template_data_survives_being_json_inside_json(subject: str, text: str, html: str | None) -> None:
    body = json.loads(bulk_body(ENVELOPE, [("ann@example.com", delivery(Email(subject, text, html)))]))
    [entry] = body["BulkEmailEntries"]
    data = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
    assert data == {"s": subject, "t": text} | ({} if html is None else {"h": html})


@given(st.characters(codec="utf-8"))
def test_what_goes_in_bulk_always_fits_template_data(character: str) -> None:
    mail = delivery(Email("", character * BULK_CHARS_MAX))
    [entry] = json.loads(bulk_body(ENVELOPE, [("ann@example.com", mail)]))["BulkEmailEntries"]
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert len(data.encode()) <= TEMPLATE_DATA_CHARS_MAX


# --- the account -----------------------------------------------------------------------------------------


async def test_the_rate_is_the_accounts_own(rig: SesRig) -> None:
    rig.sink.account.send_rate_max = 14.0
    assert rig.provider.limits.rate_per_s is None
    await rig.provider.refresh_limits()
    assert rig.provider.limits.rate_per_s == 14.0


async def test_a_configured_rate_goes_before_the_accounts() -> None:
    async with SesSink() as sink, ses_provider(sink.url, rate_per_s=3) as provider:
        await provider.refresh_limits()
        assert provider.limits.rate_per_s == 3


async def test_problems_name_the_sandbox_the_pause_the_sender_and_the_configuration_set() -> None:
    async with SesSink() as sink, ses_provider(sink.url, configuration_set="events") as provider:
        sink.account.production_access = False
        sink.account.sending_enabled = False
        sink.account.identities = set()
        found = await provider.problems()
        assert [fault.is_warning for fault in found] == [True, False, False, False]
        faults = [str(fault) for fault in found]
        assert "sandbox" in faults[0]
        assert "does not let the account send" in faults[1]
        assert "'shop@example.com'" in faults[2]
        assert "'events'" in faults[3]
        sink.account = Account(identities={"example.com"}, configuration_sets={"events": False})
        [fault] = await provider.problems()
        assert "switched off" in fault.what


async def test_a_mail_goes_by_its_configuration_set() -> None:
    async with SesSink() as sink, ses_provider(sink.url, configuration_set="events") as provider:
        assert told((await provider.send([delivery()]))[0]) == (Deferred, Reason.SENDER_REFUSED)
        sink.account.configuration_sets = {"events": True}
        assert told((await provider.send([delivery()]))[0]) == (Accepted, None)


# --- AWS's own models and signatures ---------------------------------------------------------------------


@pytest.mark.aws
async def test_requests_are_as_aws_has_them(
    aws: AwsSession, checked_aws: CheckingProxy, embedded_aws: EmbeddedAws, prefix: str
) -> None:
    sender = f"{prefix}@example.com"
    async with aws.client("sesv2") as client:
        await client.create_email_identity(EmailIdentity=sender)
        await client.create_configuration_set(ConfigurationSetName=prefix)
    config = SesConfig(sender=f"Shop <{sender}>", configuration_set=prefix, reply_to=("help@example.com",))
    provider = SesProvider(config, await aws.lean("sesv2"), timeout_s=10.0)
    message = replace(PLAIN, subject="Grüße {{x}}", headers=(("X-A", "ü"),), tags=(("type", "payment"),))
    large = replace(message, text="ü" * BULK_CHARS_MAX)
    batch = [delivery(message, address=f"{prefix}-{number}@example.com") for number in range(3)]
    assert [told(outcome) for outcome in await provider.send(batch)] == [(Accepted, None)] * 3
    assert told((await provider.send([delivery(large)]))[0]) == (Accepted, None)
    await provider.refresh_limits()
    assert provider.limits.rate_per_s
    assert not [fault for fault in await provider.problems() if not fault.is_warning]
    assert {"SendBulkEmail", "SendEmail", "GetAccount", "GetEmailIdentity"} <= set(checked_aws.checked)
    async with ClientSession() as session, session.get(f"{embedded_aws.url}/_ministack/ses/messages") as answer:
        by_account = (await answer.json())["messages"]
    bulk = [mail for mails in by_account.values() for mail in mails if mail["To"][0].startswith(prefix)]
    assert [(mail["Subject"], mail["BodyHtml"]) for mail in bulk] == [("Grüße {{x}}", PLAIN.html)] * 3
