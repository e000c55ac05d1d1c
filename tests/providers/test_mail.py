"""What is asked of addresses, senders and headers before a request is made."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from notifyd.core.outcome import Accepted, Rejected
from notifyd.providers._mail import encoded_words, from_header, mailbox
from notifyd.providers._smtp_answer import Stage, refused
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers.ses import SesConfig
from notifyd.sandbox.ses_faults import Refuse
from notifyd.sandbox.ses_sink import SesSink
from notifyd.sandbox.smtp_sink import SmtpSink
from tests.support.deliveries import PLAIN, delivery
from tests.support.provider_rigs import ses_provider, smtp_provider

_AWKWARD = st.text(alphabet="ab.AZ09-_+@ \r\nü\0xn--", max_size=80)
_NEARLY = st.builds(
    "{}@{}.{}".format,
    st.text(alphabet="aZ9._+-", min_size=1, max_size=66),
    st.text(alphabet="az9-.", min_size=1, max_size=66),
    st.sampled_from(["com", "test", "local", "invalid", "arpa", "onion", "c", "x1", "co-op", "COM"]),
)


@given(_AWKWARD | _NEARLY | st.emails())
def test_the_quick_way_passes_only_what_the_library_returns_unchanged(address: str) -> None:
    try:
        full = validate_email(address, check_deliverability=False, allow_smtputf8=False, strict=True).ascii_email
    except EmailNotValidError:
        assert isinstance(mailbox(address), Rejected)
    else:
        assert mailbox(address) == full


@pytest.mark.parametrize(
    ("sender", "header"),
    [
        ("shop@example.com", "shop@example.com"),
        ("Shop <shop@example.com>", "Shop <shop@example.com>"),
        ('"Shop, Ltd" <shop@example.com>', '"Shop, Ltd" <shop@example.com>'),
        ("Bücher <shop@bücher.example>", "=?utf-8?q?B=C3=BCcher?= <shop@xn--bcher-kva.example>"),
    ],
)
def test_a_sender_goes_out_in_ascii(sender: str, header: str) -> None:
    assert from_header(sender) == header


@given(st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=200))
def test_encoded_words_are_one_line_of_ascii(value: str) -> None:
    assert encoded_words(value).isascii()
    assert encoded_words(value).isprintable()


@pytest.mark.parametrize("model", [SesConfig, SmtpConfig])
def test_a_sender_that_cannot_send_is_refused_in_config(model: type[SesConfig | SmtpConfig]) -> None:
    with pytest.raises(ValidationError, match="shop@localhost") as refused:
        model.model_validate({"sender": "shop@localhost", "base_url": "smtp://relay.example"})
    assert [error["loc"] for error in refused.value.errors()] == [("sender",)]


async def test_answers_go_where_config_says() -> None:
    reply_to = ("Help <help@example.com>", "ann@bücher.example")
    in_ascii = "Help <help@example.com>, ann@xn--bcher-kva.example"
    async with SesSink() as sink, ses_provider(sink.url, reply_to=reply_to) as by_ses:
        await by_ses.send([delivery()])
        assert sink.inbox.messages[0].headers["Reply-To"] == in_ascii
    async with SmtpSink() as relay, smtp_provider(relay.url, reply_to=reply_to) as by_smtp:
        await by_smtp.send([delivery()])
        assert relay.inbox.messages[0].headers["Reply-To"] == in_ascii


async def test_a_mail_s_own_reply_to_takes_the_place_of_the_configured_one() -> None:
    """A mail has one Reply-To at most (RFC 5322, 3.6); SES takes it beside the headers alone."""
    own = replace(PLAIN, headers=(("reply-to", "Ann <ann@example.com>, bob@example.com"), ("X-A", "b")))
    async with SesSink() as sink, ses_provider(sink.url, reply_to=("help@example.com",)) as by_ses:
        assert isinstance((await by_ses.send([delivery(own)]))[0], Accepted)
        assert sink.inbox.messages[0].headers == {"X-A": "b", "Reply-To": "Ann <ann@example.com>, bob@example.com"}
    async with SmtpSink() as relay, smtp_provider(relay.url, reply_to=("help@example.com",)) as by_smtp:
        await by_smtp.send([delivery(own)])
        headers = relay.inbox.messages[0].headers
        replies = [value for name, value in headers.items() if name.lower() == "reply-to"]
        assert replies == ["Ann <ann@example.com>, bob@example.com"]


async def test_mails_of_one_request_to_ses_all_answer_to_the_same_mailboxes() -> None:
    ann, too, bob = (
        delivery(replace(PLAIN, headers=(("Reply-To", f"{name}@example.com"),))) for name in ("ann", "ann", "bob")
    )
    async with SesSink() as sink, ses_provider(sink.url) as by_ses:
        assert by_ses.group_key(ann) == by_ses.group_key(too)
        assert len({by_ses.group_key(mail) for mail in (ann, bob, delivery())}) == 3
        assert all(isinstance(one, Accepted) for one in await by_ses.send([ann, too]))
        assert [mail.headers["Reply-To"] for mail in sink.inbox.messages] == ["ann@example.com"] * 2


async def test_of_what_a_provider_says_only_the_beginning_is_kept() -> None:
    long = "x" * 5000
    async with SesSink() as sink, ses_provider(sink.url) as by_ses:
        sink.misbehave(Refuse(status=400, code="MessageRejected", message=long))
        [outcome] = await by_ses.send([delivery()])
    for refusal in (outcome, refused(Stage.DATA, 554, long)):
        assert isinstance(refusal, Rejected)
        assert len(refusal.answer) == 500
