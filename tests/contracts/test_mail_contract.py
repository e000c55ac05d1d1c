"""What holds of every e-mail provider beyond the contract of all, each against its stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from email.utils import parseaddr

import pytest
from msgspec.structs import replace

from notifyd.core.message import Email
from notifyd.core.outcome import Accepted, Reason, Rejected
from tests.support.deliveries import PLAIN, delivery
from tests.support.provider_rigs import MailRig, ses_rig, smtp_rig
from tests.support.vendor_rigs import VENDOR_RIGS

RIGS: dict[str, Callable[..., AbstractAsyncContextManager[MailRig]]] = {
    "mailchimp": VENDOR_RIGS["mailchimp"],
    "sendgrid": VENDOR_RIGS["sendgrid"],
    "ses": ses_rig,
    "smtp": smtp_rig,
}
LONG_URL = f"<https://example.com/unsubscribe/{'x' * 400}>"
WHOLE = Email(
    subject="Zahlung über 12,50 € “angekommen” \\o/ {{s}} & 🎉",
    text="Grüße\n\n.a line with a dot\n" + "a long line " * 200 + '\n"quoted" \\n {{t}}\n',
    html='<p class="x">Grüße &amp; <a href="https://example.com/?a=1&b={{h}}">mehr</a> ' + "é" * 2000 + "</p>\n",
    headers=(("List-Unsubscribe", LONG_URL), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")),
    tags=(("type", "payment"), ("category", "billing-2")),
)


@pytest.fixture(params=list(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[MailRig]:
    async with RIGS[request.param]() as made:
        yield made


async def test_a_mail_arrives_whole(rig: MailRig) -> None:
    sent = delivery(WHOLE)
    [outcome] = await rig.provider.send([sent])
    assert isinstance(outcome, Accepted)
    assert outcome.provider_id
    [mail] = rig.mails
    assert (mail.subject, mail.text, mail.html) == (WHOLE.subject, WHOLE.text, WHOLE.html)
    assert (mail.address, mail.delivery_id) == (sent.address, sent.delivery_id)
    assert mail.headers.items() >= dict(WHOLE.headers).items()
    assert mail.tags.items() >= dict(WHOLE.tags).items()
    assert "shop@example.com" in mail.sender


@pytest.mark.parametrize("field", ["subject", "text", "html"])
async def test_a_text_that_is_no_unicode_is_refused_before_any_request(rig: MailRig, field: str) -> None:
    [outcome] = await rig.provider.send([delivery(replace(PLAIN, **{field: "half \ud83d"}))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert rig.requests == 0


async def test_a_mail_without_html_has_none(rig: MailRig) -> None:
    assert isinstance((await rig.provider.send([delivery(replace(PLAIN, html=None))]))[0], Accepted)
    assert [mail.html for mail in rig.mails] == [None]


async def test_a_mail_may_name_its_own_sender(rig: MailRig) -> None:
    await rig.provider.send([delivery(replace(PLAIN, sender="Billing <billing@example.com>"))])
    assert parseaddr(rig.mails[0].sender)[1] == "billing@example.com"


async def test_a_domain_goes_out_in_punycode(rig: MailRig) -> None:
    await rig.provider.send([delivery(address="ann@bücher.example.com")])
    assert [mail.address for mail in rig.mails] == ["ann@xn--bcher-kva.example.com"]


@pytest.mark.parametrize(
    "message",
    [
        replace(PLAIN, subject="one\r\nBcc: eve@example.com"),
        replace(PLAIN, subject="one\0"),
        replace(PLAIN, headers=(("X-A", "one\nBcc: eve@example.com"),)),
        replace(PLAIN, headers=(("X-A\r\nBcc", "eve@example.com"),)),
        replace(PLAIN, headers=(("Bcc", "eve@example.com"),)),
        replace(PLAIN, headers=(("Content-Type", "text/html"),)),
        replace(PLAIN, headers=(("X-A", "x" * 1000),)),
        replace(PLAIN, headers=(("X-A", "ü" * 500),)),
        replace(PLAIN, tags=(("kind", "two words"),)),
        replace(PLAIN, sender="shop@example.com\r\nBcc: eve@example.com"),
        replace(PLAIN, sender="no address"),
        replace(PLAIN, sender="a@example.com, b@example.com"),
    ],
)
async def test_a_mail_that_smuggles_or_cannot_be_is_refused_before_any_request(
    rig: MailRig, message: Email
) -> None:
    [outcome] = await rig.provider.send([delivery(message)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert rig.requests == 0


async def test_a_header_beyond_ascii_arrives_as_encoded_words(rig: MailRig) -> None:
    await rig.provider.send([delivery(replace(PLAIN, headers=(("X-Greeting", "Grüße"),)))])
    assert rig.mails[0].headers["X-Greeting"] in {"Grüße", "=?utf-8?b?R3LDvMOfZQ==?="}
