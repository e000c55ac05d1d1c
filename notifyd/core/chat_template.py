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
        blocks = self.parts.shapes.get("blocks")
        return Chat(text, blocks.render(context) if blocks is not None else None)
