"""Requests of SES v2, written from botocore's sesv2 model: what is not in it, or not of its form, is refused."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

RECIPIENTS_MAX = 50
ENTRIES_MAX = 50

_Headers = Annotated[list["Header"], Meta(max_length=15)]
_TemplateData = Annotated[str, Meta(max_length=262_144)]
_TagPart = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,256}$")]


class _Shape(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, kw_only=True):
    pass


class Header(_Shape):
    name: Annotated[str, Meta(min_length=1, max_length=126, pattern=r"^[!-9;-@A-~]+$")]
    value: Annotated[str, Meta(min_length=1, max_length=995, pattern=r"^[ -~]*$")]


class Tag(_Shape):
    name: _TagPart
    value: _TagPart


class Destination(_Shape):
    to_addresses: list[str] = []
    cc_addresses: list[str] = []
    bcc_addresses: list[str] = []

    def all(self) -> list[str]:
        return self.to_addresses + self.cc_addresses + self.bcc_addresses


class TemplateContent(_Shape):
    subject: str = ""
    text: str | None = None
    html: str | None = None


class Template(_Shape):
    """Stored templates (TemplateName, TemplateArn) are not kept here."""

    template_content: TemplateContent
    template_data: _TemplateData = "{}"
    headers: _Headers = []


class BulkContent(_Shape):
    template: Template


class ReplacementTemplate(_Shape):
    replacement_template_data: _TemplateData = "{}"


class ReplacementContent(_Shape):
    replacement_template: ReplacementTemplate


class Entry(_Shape):
    destination: Destination
    replacement_email_content: ReplacementContent | None = None
    replacement_headers: _Headers = []
    replacement_tags: list[Tag] = []


class _Sending(_Shape):
    """Members that both calls have."""

    from_email_address: str
    from_email_address_identity_arn: str | None = None
    reply_to_addresses: list[str] = []
    feedback_forwarding_email_address: str | None = None
    feedback_forwarding_email_address_identity_arn: str | None = None
    configuration_set_name: str | None = None
    endpoint_id: str | None = None
    tenant_name: str | None = None


class SendBulkEmail(_Sending, kw_only=True):
    default_content: BulkContent
    bulk_email_entries: Annotated[list[Entry], Meta(min_length=1, max_length=ENTRIES_MAX)]
    default_email_tags: list[Tag] = []


class Text(_Shape):
    data: str
    charset: str = "us-ascii"


class Body(_Shape):
    text: Text | None = None
    html: Text | None = None


class Simple(_Shape):
    subject: Text
    body: Body
    headers: _Headers = []


class Content(_Shape):
    """Raw and templated content are not taken here."""

    simple: Simple


class SendEmail(_Sending, kw_only=True):
    destination: Destination
    content: Content
    email_tags: list[Tag] = []
