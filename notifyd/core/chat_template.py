"""The templates of one type's chat message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from notifyd.core.message import Chat
from notifyd.core.message_template import MailFields, Parts


class ChatTemplate(msgspec.Struct, frozen=True):
    """`text` is what notifications show where there are blocks."""

    parts: Parts

    def render(self, context: Mapping[str, Any], own: MailFields) -> Chat:  # noqa: ARG002 - of mails alone
        text = self.parts.text("text", context).strip()
        if not text:
            self.parts.refuse("the text is empty")
        return Chat(text, self._blocks(context))

    def _blocks(self, context: Mapping[str, Any]) -> bytes | None:
        blocks = self.parts.shapes.get("blocks")
        try:
            return blocks.render(context) if blocks is not None else None
        except UnicodeEncodeError:
            # As a template's own '\ud83d\ude00' is: Jinja2 makes no character of the two.
            self.parts.refuse("blocks hold half a surrogate pair")
            raise
