"""A mail as RFC 5322 text, in 7-bit ASCII, so that any relay takes it."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from notifyd.core.message import Delivery, Email, message_of
from notifyd.providers._mail import encoded_words

_POLICY = SMTP.clone(cte_type="7bit")


def message_bytes(delivery: Delivery, *, sender: str, domain: str, to: str, reply_to: str, now_s: float) -> bytes:
    """`sender` goes into From:, `domain` into the Message-ID."""
    email = message_of(delivery, Email)
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = email.subject
    message["Date"] = formatdate(now_s)
    if reply_to:
        message["Reply-To"] = reply_to
    message.set_content(email.text)
    if email.html is not None:
        message.add_alternative(str(email.html), subtype="html")
    return _own_lines(delivery, domain) + message.as_bytes()


def _own_lines(delivery: Delivery, domain: str) -> bytes:
    """Headers whose values must arrive as they are, a line each.

    The library would fold a long URL of List-Unsubscribe into encoded words, which nobody reads as a URL. All
    values were checked for line breaks and length.
    """
    headers = [
        ("Message-ID", f"<{delivery.delivery_id}@{domain}>"),
        ("X-Notifyd-Delivery-Id", delivery.delivery_id),
        *(("X-Notifyd-Tag", f"{name}={value}") for name, value in message_of(delivery, Email).tags),
        *((name, encoded_words(value)) for name, value in message_of(delivery, Email).headers),
    ]
    return "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("ascii")
