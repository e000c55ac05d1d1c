"""How vendors read what they get: JSON, forms, and who asks."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from notifyd.sandbox.exchange import Request

T = TypeVar("T")

# "Object missing required field `to` - at `$.personalizations[0]`"
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_NAME = re.compile(r"(?:field|unknown field) `(?P<name>[^`]+)`")


class Malformed(Exception):
    """`path`: of what is wrong, dotted, "" for the whole. `name`: the field that is missing or unknown."""

    def __init__(self, what: str, path: str = "", name: str = "", *, unknown: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.name = name
        self.unknown = unknown


def decode_json(body: bytes, form: type[T]) -> T:
    """Raises Malformed with the first thing that is not of the form."""
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.DecodeError as error:
        text = str(error)
        place = _PLACE.fullmatch(text)
        named = _NAME.search(text)
        path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", (place["path"] if place else "") or "").lstrip(".")
        raise Malformed(
            (place["what"] if place else text),
            path,
            named["name"] if named else "",
            unknown="unknown field" in text,
        ) from error
    except UnicodeDecodeError as error:
        raise Malformed("the body is no UTF-8") from error


def form_of(text: bytes | str) -> dict[str, str]:
    """Of application/x-www-form-urlencoded: the last of each name, as most servers take it."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return dict(parse_qsl(decoded, keep_blank_values=True))


def content_type(request: Request) -> str:
    """Without its parameters, lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def bearer(request: Request) -> str:
    """The token, "" where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def basic(request: Request) -> tuple[str, str]:
    """User and password, both "" where there are none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def text_of(value: Any) -> str:
    """A value of JSON as a message may show it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def payload_fields(payload: bytes) -> tuple[str, Any]:
    """(`delivery_id`, the whole) of a push's JSON, where it stands at the top or under `data`; else ("", text)."""
    try:
        decoded = msgspec.json.decode(payload or b"null")
    except msgspec.DecodeError:
        return "", payload.decode(errors="replace")
    return delivery_id_of(decoded), decoded


def delivery_id_of(payload: Any) -> str:
    """No push service has a field for it: it travels in the payload."""
    if not isinstance(payload, dict):
        return ""
    inner = payload.get("data")
    here = payload.get("delivery_id") or (inner.get("delivery_id") if isinstance(inner, dict) else None)
    return str(here or "")
