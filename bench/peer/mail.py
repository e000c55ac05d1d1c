"""The peer's mails: the bench's templates by Jinja2, the same request to SES that the daemon makes."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from bench.peer.sources import Envelope

SENDER = "bench@bench.example"
TYPE_NAME = "bench_payment"
_PASS_THROUGH = {
    "Template": {
        "TemplateContent": {"Subject": "{{s}}", "Text": "{{t}}", "Html": "{{h}}"},
        "TemplateData": "{}",
    }
}


class Mail(msgspec.Struct):
    event: Envelope
    address: str
    delivery_id: str
    template_data: str


class MailMaker:
    def __init__(self, templates: Path, key: bytes) -> None:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            undefined=jinja2.StrictUndefined,
            autoescape=jinja2.select_autoescape(["html"]),
        )
        self._subject, self._text, self._html = (
            environment.get_template(f"{TYPE_NAME}/email.{part}") for part in ("subject", "text", "html")
        )
        self._key = key

    def mail(self, event: Envelope, address: str) -> Mail:
        data = event["detail"]
        template_data = json.dumps(
            {
                "s": self._subject.render(data=data),
                "t": self._text.render(data=data),
                "h": self._html.render(data=data),
            }
        )
        return Mail(event, address, self._delivery_id(event, address), template_data)

    def _delivery_id(self, event: Envelope, address: str) -> str:
        parts = (event["id"], event["detail"]["user_id"], TYPE_NAME, "email", address)
        message = "".join(f"{len(part)}:{part}" for part in parts).encode()
        return base64.b32encode(hmac.digest(self._key, message, "sha256"))[:26].decode("ascii")


def bulk_request(mails: list[Mail]) -> dict[str, Any]:
    return {
        "FromEmailAddress": SENDER,
        "DefaultContent": _PASS_THROUGH,
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": [mail.address]},
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": mail.template_data}
                },
                "ReplacementTags": [{"Name": "delivery_id", "Value": mail.delivery_id}],
            }
            for mail in mails
        ],
    }
