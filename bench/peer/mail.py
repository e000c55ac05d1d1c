"""The peer's mails: the bench's templates by Jinja2, 50 to a request to SES, each whole.

The daemon sends the HTML that its mails share once, as the request's template.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bench.peer.notice import Notice, delivery_id_of, template_of
from bench.peer.sources import Arrived

SENDER = "bench@bench.example"
_PASS_THROUGH = {
    "Template": {
        "TemplateContent": {"Subject": "{{s}}", "Text": "{{t}}", "Html": "{{h}}"},
        "TemplateData": "{}",
    }
}


class Mails:
    channel = "email"
    provider = "ses"

    def __init__(self) -> None:
        self._subject, self._text, self._html = map(template_of, ("email.subject", "email.text", "email.html"))

    def notices(self, event: Arrived, contact: dict[str, Any]) -> list[Notice]:
        data, address = event.envelope["detail"], contact["email"]
        template_data = json.dumps(
            {
                "s": self._subject.render(data=data),
                "t": self._text.render(data=data),
                "h": self._html.render(data=data),
            }
        )
        return [Notice(event, address, delivery_id_of(event, self.channel, address), template_data)]


class SesSender(Mails):
    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client

    async def send(self, notices: Sequence[Notice]) -> list[tuple[Notice, str]]:
        return accepted_of(notices, await self._client.send_bulk_email(**bulk_request(notices)))


def bulk_request(mails: Sequence[Notice]) -> dict[str, Any]:
    return {
        "FromEmailAddress": SENDER,
        "DefaultContent": _PASS_THROUGH,
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": [mail.address]},
                "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": mail.content}},
                "ReplacementTags": [{"Name": "delivery_id", "Value": mail.delivery_id}],
            }
            for mail in mails
        ],
    }


def accepted_of(mails: Sequence[Notice], answer: dict[str, Any]) -> list[tuple[Notice, str]]:
    return [
        (mail, result["MessageId"])
        for mail, result in zip(mails, answer["BulkEmailEntryResults"], strict=True)
        if result["Status"] == "SUCCESS"
    ]
