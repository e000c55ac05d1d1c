"""What holds of every e-mail provider, each against its stand-in over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from msgspec.structs import replace

from notifyd.core.channel import Channel
from notifyd.core.message import Email
from notifyd.core.outcome import Accepted, Deferred, Reason, Rejected, Unknown
from notifyd.ports import Provider
from tests.support.deliveries import PLAIN, delivery
from tests.support.provider_rigs import NOBODY_LISTENS, Rig, ses_provider, ses_rig, smtp_provider, smtp_rig

RIGS: dict[str, Callable[..., AbstractAsyncContextManager[Rig]]] = {"ses": ses_rig, "smtp": smtp_rig}
LONG_URL = f"<https://example.com/unsubscribe/{'x' * 400}>"
WHOLE = Email(
    subject="Zahlung über 12,50 € “angekommen” \\o/ {{s}} & 🎉",
    text="Grüße\n\n.a line with a dot\n" + "a long line " * 200 + '\n"quoted" \\n {{t}}\n',
    html='<p class="x">Grüße &amp; <a href="https://example.com/?a=1&b={{h}}">mehr</a> ' + "é" * 2000 + "</p>\n",
    headers=(("List-Unsubscribe", LONG_URL), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")),
    tags=(("type", "payment"), ("category", "billing-2")),
)


@pytest.fixture(params=list(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param]() as made:
        yield made


@pytest.fixture(params=list(RIGS))
async def impatient(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """Waits a second for an answer that does not come."""
    async with RIGS[request.param](timeout_s=1.0) as made:
        yield made


async def test_a_mail_arrives_whole(rig: Rig) -> None:
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


async def test_a_mail_without_html_has_none(rig: Rig) -> None:
    assert isinstance((await rig.provider.send([delivery(replace(PLAIN, html=None))]))[0], Accepted)
    assert [mail.html for mail in rig.mails] == [None]


async def test_a_mail_may_name_its_own_sender(rig: Rig) -> None:
    await rig.provider.send([delivery(replace(PLAIN, sender="Billing <billing@example.com>"))])
    assert rig.mails[0].sender == "Billing <billing@example.com>"


async def test_mails_of_one_group_key_may_fill_a_request(rig: Rig) -> None:
    batch = [delivery(address=f"u{number}@example.com") for number in range(rig.provider.limits.batch_max)]
    assert len({rig.provider.group_key(sent) for sent in batch}) == 1
    outcomes = await rig.provider.send(batch)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * len(batch)
    assert [mail.delivery_id for mail in rig.mails] == [sent.delivery_id for sent in batch]
    assert rig.requests == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@localhost",
        "änn@example.com",
        "ann@example.com\r\nBcc: eve@example.com",
        "ann@example.com\0",
        "ann@example.com, eve@example.com",
        "Ann <ann@example.com>",
        f"{'a' * 65}@example.com",
    ],
)
async def test_a_bad_address_is_refused_before_any_request(rig: Rig, address: str) -> None:
    [outcome] = await rig.provider.send([delivery(address=address)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.ADDRESS_INVALID
    assert rig.requests == 0


async def test_a_domain_goes_out_in_punycode(rig: Rig) -> None:
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
async def test_a_mail_that_smuggles_or_cannot_be_is_refused_before_any_request(rig: Rig, message: Email) -> None:
    [outcome] = await rig.provider.send([delivery(message)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert rig.requests == 0


async def test_a_header_beyond_ascii_arrives_as_encoded_words(rig: Rig) -> None:
    await rig.provider.send([delivery(replace(PLAIN, headers=(("X-Greeting", "Grüße"),)))])
    assert rig.mails[0].headers["X-Greeting"] in {"Grüße", "=?utf-8?b?R3LDvMOfZQ==?="}


async def test_a_refused_mail_is_rejected(rig: Rig) -> None:
    rig.refuse_mail()
    [outcome] = await rig.provider.send([delivery()])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert "virus" in outcome.answer


async def test_a_refused_sender_is_for_the_operator_and_the_mail_waits(rig: Rig) -> None:
    rig.refuse_sender()
    [outcome] = await rig.provider.send([delivery()])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.SENDER_REFUSED


async def test_a_throttled_mail_is_deferred_and_goes_through_later(rig: Rig) -> None:
    sent = delivery()
    rig.throttle()
    [outcome] = await rig.provider.send([sent])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.THROTTLED
    assert isinstance((await rig.provider.send([sent]))[0], Accepted)
    assert len(rig.mails) == 1


async def test_no_answer_is_unknown_after_exactly_one_request(impatient: Rig) -> None:
    impatient.stay_silent()
    [outcome] = await impatient.provider.send([delivery()])
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Reason.NO_ANSWER
    assert impatient.requests == 1
    assert len(impatient.mails) == 1


async def test_a_lost_connection_is_unknown_after_exactly_one_request(rig: Rig) -> None:
    rig.cut()
    [outcome] = await rig.provider.send([delivery()])
    assert isinstance(outcome, Unknown)
    assert outcome.reason is Reason.NO_ANSWER
    assert rig.requests == 1
    assert len(rig.mails) == 1


async def test_after_a_lost_connection_the_next_mail_goes_through(rig: Rig) -> None:
    rig.cut()
    await rig.provider.send([delivery()])
    assert isinstance((await rig.provider.send([delivery()]))[0], Accepted)


@pytest.mark.parametrize(
    "lonely",
    [lambda: ses_provider(f"http://{NOBODY_LISTENS}"), lambda: smtp_provider(f"smtp://{NOBODY_LISTENS}")],
    ids=list(RIGS),
)
async def test_without_a_connection_nothing_was_sent(
    lonely: Callable[[], AbstractAsyncContextManager[Provider]],
) -> None:
    async with lonely() as provider:
        [outcome] = await provider.send([delivery()])
        assert isinstance(outcome, Deferred)
        assert outcome.reason is Reason.NO_CONNECTION
        [fault] = await provider.problems()
        assert fault.where == f"providers.{provider.name}"


async def test_a_provider_that_may_send_has_no_problems(rig: Rig) -> None:
    assert await rig.provider.problems() == []
    assert rig.requests == 0


async def test_a_provider_names_itself_its_channel_and_its_limits(rig: Rig) -> None:
    await rig.provider.refresh_limits()
    limits = rig.provider.limits
    assert rig.provider.name in RIGS
    assert rig.provider.channel is Channel.EMAIL
    assert min(limits.batch_max, limits.in_flight_max, limits.payload_bytes_max) >= 1
