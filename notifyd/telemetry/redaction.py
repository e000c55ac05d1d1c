"""No address, phone number, token or secret leaves in a log line: a keyed hash prefix stands in its place.

The same value gives the same prefix under the same key, so that one person's lines can still be found by
who knows the value and the key, and by nobody else.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

_HASH_CHARS = 12
_DEPTH_MAX = 8
_TEXT_CHARS_MAX = 16_000  # a traceback
_TOKEN_CHARS_MAX = 512

# Whatever stands under these names is hashed, whatever it looks like.
_PRIVATE_NAMES = re.compile(
    r"(^|_)(address|addresses|email|phone|recipient|to|token|tokens|password|secret|authorization|api_key"
    r"|credential|credentials|body|message_body)$",
    re.IGNORECASE,
)
# Repeats before a fixed part are bounded: a text without a space must not hold up the loop.
_PRIVATE_TEXT = re.compile(
    r"""
    # an e-mail address, its local part quoted or plain
      "[^"\s]{1,64}" @ [^\s"'<>()\[\],;:@]+
    | (?<![^\s"<>()\[\],;:@]) [^\s"<>()\[\],;:@]++ @ [^\s"'<>()\[\],;:@]+
    # a phone number with its plus sign, and without; what is part of an id is none
    | (?<![\w+]) \+ \s? \d [\d\ ().\-/]{5,20} \d
    | (?<![\w./\#-]) \d{10,15} (?![\w./\#-])
    # an Authorization header's value, an AWS access key id, a JSON web token
    | \b (?:Bearer|Basic|AWS4-HMAC-SHA256) \s [^\r\n]+
    | \b (?:AKIA|ASIA) [A-Z0-9]{12,}
    | \b eyJ [\w-]{8,} \. [\w-]+ (?: \. [\w-]* )?
    # a device token: APNs's (any long hex), FCM's
    | \b [0-9a-fA-F]{64,} \b
    | \b [\w-]{20,200} :APA91 [\w-]+
    # a URL that is itself the secret
    | https?:// [^\s"'<>]{0,500} (?: hooks\.slack\.com | push | X-Amz-Signature | fcm ) [^\s"'<>]*
    """,
    re.VERBOSE,
)


class Redactor:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def hashed(self, value: str) -> str:
        """`#` and 12 hex digits."""
        return f"#{hmac.digest(self._key, value.encode(errors='replace'), 'sha256').hex()[:_HASH_CHARS]}"

    def text(self, text: str) -> str:
        """The text with what is private in it replaced. Where it is overlong its middle goes: what a traceback is
        about stands in its last line.
        """
        if len(text) <= _TEXT_CHARS_MAX:
            return self._redacted(text)
        start = self._redacted(text[: _TEXT_CHARS_MAX // 2])
        end = self._redacted(text[-_TEXT_CHARS_MAX // 2 :])
        # The cuts may have halved a token beyond recognition: so much goes that no half of one stays.
        return f"{start[:-_TOKEN_CHARS_MAX]}…{end[_TOKEN_CHARS_MAX:]}"

    def _redacted(self, text: str) -> str:
        return _PRIVATE_TEXT.sub(lambda match: self.hashed(match[0]), text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """JSON values with each text in them redacted; what is no JSON value becomes its redacted repr."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth < _DEPTH_MAX:
            if isinstance(value, Mapping):
                items = ((str(name), inner) for name, inner in value.items())
                return {self.text(name): self.named(name, inner, depth + 1) for name, inner in items}
            if isinstance(value, list | tuple | set | frozenset):
                return [self.value(inner, depth + 1) for inner in value]
        return self.text(value.decode(errors="replace") if isinstance(value, bytes) else repr(value))

    def named(self, name: str, value: Any, depth: int = 0) -> Any:
        """A value under its name; private names hide the whole of it."""
        if value is not None and _PRIVATE_NAMES.search(name):
            return self.hashed(value if isinstance(value, str) else repr(value))
        return self.value(value, depth)
