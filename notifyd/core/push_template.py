"""The templates of one type's push, for one of the push channels or shared by all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from notifyd.core.message import Push
from notifyd.core.message_template import MailFields, Parts
from notifyd.core.template_options import check_names, is_yes

OPTIONS = ("badge", "sound", "image", "link", "category", "thread", "collapse", "shorten")
# APNs' limit, the smallest: FCM has none that is written down, web push's topic is made of it.
_COLLAPSE_BYTES_MAX = 64
# FCM's notification_count is an int32; int() itself refuses text of thousands of digits.
_BADGE_MAX = 2**31 - 1


class PushTemplate(msgspec.Struct, frozen=True):
    """`data` alone makes a silent push. An option that renders to nothing is left out."""

    parts: Parts

    def __post_init__(self) -> None:
        check_names(self.parts, OPTIONS)

    def render(self, context: Mapping[str, Any], own: MailFields) -> Push:  # noqa: ARG002 - of mails alone
        parts = self.parts
        title, body = parts.text("title", context).strip(), parts.text("body", context).strip()
        if not parts.fields and (title or body):
            return Push(title, body)  # as most are: what follows takes half as long again
        data = tuple((name, value) for name, value in parts.values("data", context).items() if value)
        if not (title or body or data):
            parts.refuse("title, body and data are empty")
        options = parts.values("options", context)
        return Push(
            title=title,
            body=body,
            data=data,
            badge=self._badge(options),
            sound=options.get("sound") or None,
            image_url=self._https(options, "image"),
            link=options.get("link") or None,
            category=options.get("category") or None,
            thread=options.get("thread") or None,
            collapse_id=self._collapse_id(options),
            shorten=is_yes(parts, options, "shorten"),
        )

    def _badge(self, options: Mapping[str, str]) -> int | None:
        badge = options.get("badge")
        if not badge:
            return None
        if not (badge.isascii() and badge.isdigit()):
            self.parts.refuse("option badge is no whole number")
        if len(badge) > len(str(_BADGE_MAX)) or int(badge) > _BADGE_MAX:
            self.parts.refuse(f"option badge is more than {_BADGE_MAX}")
        return int(badge)

    def _collapse_id(self, options: Mapping[str, str]) -> str | None:
        collapse_id = options.get("collapse") or None
        try:
            is_long = collapse_id is not None and len(collapse_id.encode()) > _COLLAPSE_BYTES_MAX
        except UnicodeEncodeError:
            self.parts.refuse("option collapse holds half a surrogate pair")
            raise
        if is_long:
            self.parts.refuse(f"option collapse is longer than {_COLLAPSE_BYTES_MAX} bytes")
        return collapse_id

    def _https(self, options: Mapping[str, str], name: str) -> str | None:
        url = options.get(name) or None
        if url is not None and not url.startswith("https://"):
            self.parts.refuse(f"option {name} is no https URL")
        return url
