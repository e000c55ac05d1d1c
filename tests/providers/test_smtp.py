"""What holds of SMTP alone: TLS, login, kept connections, reply codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.providers._smtp_answer import Stage, refused
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.sandbox.faults import Silence
from notifyd.sandbox.smtp_sink import Reply, SmtpSink
from tests.support.deliveries import delivery
from tests.support.loopback_tls import CERTIFICATE, server_context
from tests.support.provider_rigs import SENDER, SmtpRig, smtp_provider, smtp_rig


@pytest.fixture
async def rig() -> AsyncIterator[SmtpRig]:
    async with smtp_rig() as made:
        yield made


def told(outcome: Outcome) -> tuple[type[Outcome], Reason | None]:
    return type(outcome), getattr(outcome, "reason", None)


# --- TLS and login ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("starttls", [True, False])
async def test_a_mail_goes_over_tls_to_a_relay_of_a_trusted_authority(*, starttls: bool) -> None:
    async with (
        SmtpSink(tls=server_context(), starttls=starttls) as sink,
        smtp_provider(sink.url, starttls=True, ca_file=CERTIFICATE) as provider,
    ):
        assert isinstance((await provider.send([delivery()]))[0], Accepted)
        assert sink.requests == 1


@pytest.mark.parametrize("starttls", [True, False])
async def test_a_relay_of_an_unknown_authority_gets_nothing(*, starttls: bool) -> None:
    async with (
        SmtpSink(tls=server_context(), starttls=starttls) as sink,
        smtp_provider(sink.url, starttls=True) as provider,
    ):
        assert told((await provider.send([delivery()]))[0]) == (Deferred, Reason.NO_CONNECTION)
        assert sink.requests == 0


async def test_a_relay_without_starttls_gets_nothing() -> None:
    async with SmtpSink() as sink, smtp_provider(sink.url, starttls=True) as provider:
        assert told((await provider.send([delivery()]))[0]) == (Deferred, Reason.NO_CONNECTION)
        assert sink.requests == 0


@pytest.mark.parametrize(
    ("password", "expected"), [("right", (Accepted, None)), ("wrong", (Deferred, Reason.CREDENTIALS))]
)
async def test_a_login_goes_over_tls_and_a_wrong_one_is_for_the_operator(
    password: str, expected: tuple[type[Outcome], Reason | None]
) -> None:
    async with (
        SmtpSink(tls=server_context(), starttls=True, login=("me", "right")) as sink,
        smtp_provider(sink.url, starttls=True, ca_file=CERTIFICATE, login=("me", password)) as provider,
    ):
        assert told((await provider.send([delivery()]))[0]) == expected


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"base_url": "smtp://relay.example", "starttls": False}, "starttls"),
        ({"base_url": "http://relay.example"}, "base_url"),
        ({"base_url": "smtp://me:hunter2@relay.example"}, "base_url"),
        ({"base_url": "smtp://relay.example:70000"}, "base_url"),
        ({"base_url": "smtp://relay.example/path"}, "base_url"),
        ({"base_url": "smtp://"}, "base_url"),
        ({"base_url": "smtps://relay.example", "username": "me"}, "username"),
        ({"base_url": "smtps://relay.example", "username": "me", "password": "hunter2"}, "password"),
    ],
)
def test_a_relay_that_would_be_wrong_or_unprotected_is_refused_in_config(
    config: dict[str, object], key: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        SmtpConfig.model_validate({"sender": SENDER, **config})
    [error] = caught.value.errors()
    assert key in {*error["loc"], error.get("ctx", {}).get("key")}
    assert "hunter2" not in str(error["msg"])


@pytest.mark.parametrize(
    ("config", "port"),
    [
        ({"base_url": "smtp://relay.example"}, 587),
        ({"base_url": "smtps://relay.example"}, 465),
        ({"base_url": "smtp://relay.example:2525", "starttls": False, "plain_allowed": True}, 2525),
        ({"base_url": "smtp://[::1]:25", "starttls": False}, 25),
        ({"base_url": "smtp://localhost:25", "starttls": False}, 25),
    ],
)
def test_a_relay_has_its_schemes_port_unless_told(config: dict[str, object], port: int) -> None:
    assert SmtpConfig.model_validate({"sender": SENDER, **config}).port == port


# --- connections -----------------------------------------------------------------------------------------


async def test_mails_follow_one_another_over_a_kept_connection(rig: SmtpRig) -> None:
    rig.sink.misbehave(Reply("RCPT", "550 5.1.1 nobody here"))
    outcomes = [(await rig.provider.send([delivery()]))[0] for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [AddressGone, Accepted, Accepted]
    assert rig.sink.connections == 1


async def test_a_kept_connection_that_the_relay_has_closed_is_replaced(rig: SmtpRig) -> None:
    await rig.provider.send([delivery()])
    rig.sink.drop_connections()
    assert isinstance((await rig.provider.send([delivery()]))[0], Accepted)
    assert (rig.sink.connections, rig.requests) == (2, 2)


async def test_there_are_never_more_connections_than_allowed() -> None:
    async with SmtpSink() as sink, smtp_provider(sink.url, connections_max=3) as provider:
        outcomes = await asyncio.gather(*(provider.send([delivery()]) for _ in range(20)))
        assert [type(outcome) for [outcome] in outcomes] == [Accepted] * 20
        assert sink.connections <= 3
        assert provider.limits.in_flight_max == 3


async def test_a_connection_whose_mail_was_cancelled_is_not_used_again(rig: SmtpRig) -> None:
    rig.sink.misbehave(Silence())
    sending = asyncio.ensure_future(rig.provider.send([delivery()]))
    await rig.sink.arrived()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    assert isinstance((await rig.provider.send([delivery()]))[0], Accepted)
    assert (rig.sink.connections, rig.requests) == (2, 2)


# --- the message -----------------------------------------------------------------------------------------


async def test_a_message_id_comes_from_the_delivery_and_repeats_with_it(rig: SmtpRig) -> None:
    sent = delivery()
    await rig.provider.send([sent])
    await rig.provider.send([sent])
    assert [mail.message_id for mail in rig.mails] == [f"<{sent.delivery_id}@example.com>"] * 2


# --- replies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        (Stage.RCPT, 550, "5.1.1 no such user", (AddressGone, None)),
        (Stage.RCPT, 551, "5.1.6 moved away", (AddressGone, None)),
        (Stage.RCPT, 550, "5.2.1 switched off", (AddressGone, None)),
        (
            Stage.RCPT,
            550,
            "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more",
            (Deferred, Reason.RECIPIENT_UNAVAILABLE),
        ),
        (Stage.RCPT, 550, "5.1.2 no such domain", (Rejected, Reason.ADDRESS_INVALID)),
        (Stage.RCPT, 556, "5.1.10 takes no mail", (Rejected, Reason.ADDRESS_INVALID)),
        (Stage.RCPT, 553, "mailbox name not allowed", (Rejected, Reason.ADDRESS_INVALID)),
        (Stage.RCPT, 550, "refused by policy", (Rejected, Reason.MESSAGE_REFUSED)),
        (Stage.RCPT, 550, "5.7.1 relaying denied", (Deferred, Reason.CREDENTIALS)),
        (Stage.RCPT, 554, "5.7.1 <ann@example.com>: Relay access denied", (Deferred, Reason.CREDENTIALS)),
        (Stage.RCPT, 550, "relay not permitted", (Deferred, Reason.CREDENTIALS)),
        (Stage.RCPT, 550, "5.1.1 host b said: Relay access denied", (AddressGone, None)),
        (Stage.RCPT, 450, "4.2.0 greylisted", (Deferred, Reason.RECIPIENT_UNAVAILABLE)),
        (Stage.RCPT, 452, "4.2.2 mailbox full", (Deferred, Reason.RECIPIENT_UNAVAILABLE)),
        (Stage.RCPT, 552, "5.2.2 mailbox full", (Deferred, Reason.RECIPIENT_UNAVAILABLE)),
        (Stage.DATA, 452, "4.2.2 mailbox full", (Deferred, Reason.RECIPIENT_UNAVAILABLE)),
        (Stage.RCPT, 450, "4.1.8 the sender's domain is not found", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.MAIL, 450, "4.1.1 this is not about the recipient", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.RCPT, 451, "try again", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.RCPT, 452, "4.5.3 too many recipients", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.RCPT, 450, "5.1.1 codes that disagree", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.MAIL, 421, "4.3.2 busy", (Deferred, Reason.THROTTLED)),
        (Stage.MAIL, 450, "4.7.0 slow down", (Deferred, Reason.THROTTLED)),
        (Stage.MAIL, 553, "5.1.8 bad sender", (Deferred, Reason.SENDER_REFUSED)),
        (Stage.MAIL, 550, "5.1.1 this is not about the recipient", (Deferred, Reason.SENDER_REFUSED)),
        (Stage.MAIL, 530, "5.7.0 log in first", (Deferred, Reason.CREDENTIALS)),
        (Stage.MAIL, 552, "5.3.4 too big", (Rejected, Reason.PAYLOAD_TOO_LARGE)),
        (Stage.DATA, 552, "too much", (Rejected, Reason.PAYLOAD_TOO_LARGE)),
        (Stage.DATA, 554, "5.7.1 spam", (Rejected, Reason.MESSAGE_REFUSED)),
        (Stage.DATA, 550, "5.4.5 Daily user sending limit exceeded.", (Deferred, Reason.QUOTA)),
        (Stage.RCPT, 550, "5.7.1 Daily SMTP relay limit exceeded for customer.", (Deferred, Reason.QUOTA)),
        (
            Stage.DATA,
            550,
            "5.7.60 SMTP; Client does not have permissions to send as this sender",
            (Deferred, Reason.SENDER_REFUSED),
        ),
        (Stage.DATA, 451, "4.3.0 try again", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.DATA, 299, "what", (Unknown, Reason.ANSWER_UNREADABLE)),
        (Stage.DATA, -1, "no reply at all", (Unknown, Reason.ANSWER_UNREADABLE)),
        (Stage.RCPT, -1, "no reply at all", (Deferred, Reason.PROVIDER_ERROR)),
        (Stage.CONNECT, 554, "5.7.1 go away", (Deferred, Reason.NO_CONNECTION)),
        (Stage.CONNECT, 535, "5.7.8 wrong password", (Deferred, Reason.CREDENTIALS)),
    ],
)
def test_a_reply_is_told_by_whose_fault_it_is(
    stage: Stage, code: int, text: str, expected: tuple[type[Outcome], Reason | None]
) -> None:
    outcome = refused(stage, code, text)
    assert told(outcome) == expected
    assert not isinstance(outcome, Accepted)
    assert text in outcome.answer


BANNED = "To request removal from this list please visit https://sender.office.com/ and follow the directions."
OUTLOOK = (
    "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider "
    "since part of their network is on our block list (S3140)."
)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            554,
            "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://spamhaus",
        ),
        (550, "5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus"),
        (553, "5.7.1 [BL21] Connections will not be accepted, because the ip is in Spamhaus's list"),
        (550, "JunkMail rejected - host [192.0.2.1] is in an RBL: https://www.spamhaus.org/query/ip/192.0.2.1"),
        (550, "Recipient rejected: your IP is on a\nblocklist"),
        (550, OUTLOOK),
        (550, f"5.7.606 Access denied, banned sending IP [192.0.2.1]. {BANNED}"),
        (550, f"5.7.649 Access denied, banned sending IP [192.0.2.1]. {BANNED}"),
        (550, "5.7.511 Access denied, banned sender [192.0.2.1]"),
        (550, "5.7.1 [192.0.2.1] Our system has detected an unusual rate of\n5.7.1 unsolicited mail"),
        (
            550,
            "5.7.1 This message is likely suspicious due to the very low reputation of the sending\n5.7.1 domain",
        ),
    ],
)
def test_a_list_that_names_our_network_is_ours_to_leave_and_takes_nobodys_address_or_mail(
    stage: Stage, code: int, text: str
) -> None:
    assert told(refused(stage, code, text)) == (Deferred, Reason.SENDER_REFUSED)


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.7.20 no passing DKIM signature found"),
        (550, "5.7.23 SPF validation failed"),
        (550, "5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record setup"),
        (550, "5.7.26 This mail has been blocked because the sender is unauthenticated."),
        (550, "5.7.28 an unusual rate of mail of this domain"),
        (550, "5.7.27 SPF did not pass"),
        (550, "5.7.30 DKIM did not pass"),
        (550, "5.7.32 From: is not aligned"),
        (550, "5.7.40 no DMARC record"),
        (550, "5.7.515 Access denied, sending domain does not meet the required authentication level."),
        (421, "4.7.26 This mail has been rate limited because the sender is unauthenticated."),
        (450, "4.7.25 Client host rejected: cannot find your reverse hostname"),
    ],
)
def test_what_our_domain_does_not_prove_is_ours_to_mend(stage: Stage, code: int, text: str) -> None:
    assert told(refused(stage, code, text)) == (Deferred, Reason.SENDER_REFUSED)


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        (Stage.DATA, 554, "5.7.1 a URL is blocked using multi.surbl.org", (Rejected, Reason.MESSAGE_REFUSED)),
        (Stage.DATA, 552, "5.7.0 its content is a potential threat", (Rejected, Reason.MESSAGE_REFUSED)),
        (Stage.RCPT, 553, "5.7.1 not by our policy", (Rejected, Reason.MESSAGE_REFUSED)),
        (Stage.RCPT, 421, "4.7.28 Gmail has detected an unusual rate of email", (Deferred, Reason.THROTTLED)),
        (Stage.CONNECT, 421, "4.7.0 Try again later, closing connection", (Deferred, Reason.NO_CONNECTION)),
    ],
)
def test_a_policy_says_no_more_than_its_words(
    stage: Stage, code: int, text: str, expected: tuple[type[Outcome], Reason]
) -> None:
    assert told(refused(stage, code, text)) == expected
