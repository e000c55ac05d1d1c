"""What the peer sends to one address, and by whom."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import jinja2
import msgspec

from bench.peer.sources import Arrived

TYPE_NAME = "bench_payment"
TEMPLATES = Path(__file__).parents[1] / "fixtures" / "templates"
_KEY = b"bench"


class Notice(msgspec.Struct):
    """`content`: as the provider's request has it."""

    event: Arrived
    address: str
    delivery_id: str
    content: str


class Sender(Protocol):
    channel: str
    provider: str

    def notices(self, event: Arrived, contact: dict[str, Any]) -> list[Notice]: ...

    async def send(self, notices: Sequence[Notice]) -> list[tuple[Notice, str]]:
        """Those that were accepted, each with the provider's id."""
        ...


def template_of(part: str) -> jinja2.Template:
    return _ENVIRONMENT.get_template(f"{TYPE_NAME}/{part}")


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    undefined=jinja2.StrictUndefined,
    autoescape=jinja2.select_autoescape(["html"]),
)


def delivery_id_of(event: Arrived, channel: str, address: str) -> str:
    envelope = event.envelope
    parts = (envelope["id"], envelope["detail"]["user_id"], TYPE_NAME, channel, address)
    message = "".join(f"{len(part)}:{part}" for part in parts).encode()
    return base64.b32encode(hmac.digest(_KEY, message, "sha256"))[:26].decode("ascii")
