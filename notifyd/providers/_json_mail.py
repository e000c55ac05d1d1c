"""A mail as APIs in JSON take it: names and addresses apart, text as it is, headers in ASCII."""

from __future__ import annotations

from email.utils import getaddresses, parseaddr

import msgspec

from notifyd.core.message import Delivery, Email, message_of
from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._mail import encoded_words, flaw, from_header, is_reply_to, mailbox, own_reply_to


class Mailbox(msgspec.Struct, omit_defaults=True, gc=False):
    email: str
    name: str = ""


class Letter(msgspec.Struct, gc=False):
    """`headers` are without Reply-To; `marks`: what the vendor keeps beside the mail."""

    sender: Mailbox
    to: str
    email: Email
    headers: dict[str, str]
    reply_to: list[Mailbox]
    marks: dict[str, str]


def letter_of(delivery: Delivery, *, sender: str, reply_to: tuple[str, ...]) -> Letter | Rejected:
    """`sender` and `reply_to`: of mails that name no other."""
    email = message_of(delivery, Email)
    shown = email.sender or sender
    checked = from_header(shown)
    if isinstance(checked, Rejected):
        return checked
    if wrong := flaw(email):
        return Rejected(Reason.MESSAGE_REFUSED, wrong)
    to = mailbox(delivery.address)
    if isinstance(to, Rejected):
        return to
    return Letter(
        # The name as it was written, the address as it goes on the wire.
        sender=Mailbox(parseaddr(checked)[1], parseaddr(shown)[0]),
        to=to,
        email=email,
        headers={name: encoded_words(value) for name, value in email.headers if not is_reply_to(name)},
        reply_to=[Mailbox(address, name) for name, address in own_reply_to(email) or getaddresses(list(reply_to))],
        marks={**dict(email.tags), "delivery_id": delivery.delivery_id},
    )
