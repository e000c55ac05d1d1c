"""The body of Mailchimp's messages/send."""

from __future__ import annotations

from email.utils import formataddr

import msgspec

from notifyd.providers._json_mail import Letter

DELIVERY_ID = "delivery_id"
_METADATA_BYTES_MAX = 200


class _To(msgspec.Struct):
    email: str
    type: str = "to"


class Message(msgspec.Struct, omit_defaults=True):
    from_email: str
    subject: str
    to: list[_To]
    metadata: dict[str, str]
    from_name: str = ""
    text: str = ""
    html: str | None = None
    headers: dict[str, str] = {}
    subaccount: str | None = None


class Send(msgspec.Struct):
    key: str
    message: Message


def message_for(letter: Letter, subaccount: str | None) -> Message:
    headers = letter.headers
    if letter.reply_to:
        reply_to = ", ".join(formataddr((mailbox.name, mailbox.email)) for mailbox in letter.reply_to)
        headers = headers | {"Reply-To": reply_to}
    return Message(
        from_email=letter.sender.email,
        from_name=letter.sender.name,
        subject=letter.email.subject,
        text=letter.email.text,
        html=None if letter.email.html is None else str(letter.email.html),
        to=[_To(letter.to)],
        headers=headers,
        metadata=_metadata(letter.marks),
        subaccount=subaccount,
    )


def _metadata(marks: dict[str, str]) -> dict[str, str]:
    """The delivery's id, and of the tags those that there is room for."""
    kept: dict[str, str] = {DELIVERY_ID: marks[DELIVERY_ID]}
    for name, value in marks.items():
        if len(msgspec.json.encode(kept | {name: value})) <= _METADATA_BYTES_MAX:
            kept[name] = value
    return kept
