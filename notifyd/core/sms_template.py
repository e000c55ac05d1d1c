"""The templates of one type's SMS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from notifyd.core.message import Sms
from notifyd.core.message_template import MailFields, Parts
from notifyd.core.template_options import check_names, is_yes

OPTIONS = ("shorten",)


class SmsTemplate(msgspec.Struct, frozen=True):
    parts: Parts

    def __post_init__(self) -> None:
        check_names(self.parts, OPTIONS)

    def render(self, context: Mapping[str, Any], own: MailFields) -> Sms:  # noqa: ARG002 - of mails alone
        text = self.parts.text("text", context).strip()
        if not text:
            self.parts.refuse("the text is empty")
        options = self.parts.values("options", context)
        return Sms(text, shorten=is_yes(self.parts, options, "shorten"))
