"""Mailchimp Transactional: one mail a request, whose metadata has the delivery's id and can be searched for it.

Mailchimp's API reference: "Send new message" and "Search messages by date".
"""

from __future__ import annotations

import msgspec
from pydantic import PositiveFloat

from notifyd.core.channel import Channel
from notifyd.core.look_up import CannotTell, Found, NotTaken, Taken
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome, Rejected
from notifyd.errors import Fault
from notifyd.ports import LookUpLimits
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import JSON, HttpProvider, HttpSection, Origin, refused_check, vendor_transport
from notifyd.providers._http_answer import decoded
from notifyd.providers._json_mail import letter_of
from notifyd.providers._mail import Mailbox
from notifyd.providers._mailchimp_answer import error_name, sent_outcome
from notifyd.providers._mailchimp_request import DELIVERY_ID, Send, message_for
from notifyd.secret_ref import SecretRef
from notifyd.wire.transport import Request, Response, Transport

# 25 MB with what base64 adds.
_PAYLOAD_BYTES_MAX = 18_000_000
# The search may be asked 20 times a minute, an account; other processes ask as well.
_LOOK_UPS_PER_S = 0.1
# The search's index runs behind.
_SETTLE_S = 60.0
_FOUND_MAX = 10
_ACTIVE = "active"


class MailchimpConfig(HttpSection):
    sender: Mailbox
    """From: of mails whose template names no other. `Shop <shop@example.com>`; of a verified domain."""
    reply_to: tuple[Mailbox, ...] = ()
    api_key: SecretRef
    subaccount: str | None = None
    base_url: Origin = "https://mandrillapp.com"
    searches: bool = False
    """Whether the account indexes the metadata `delivery_id` (Custom Metadata): else it cannot be asked."""
    look_up_settle_s: PositiveFloat = _SETTLE_S
    """So long after a request in doubt a search that finds nothing is believed."""


class _Search(msgspec.Struct):
    key: str
    query: str
    limit: int = _FOUND_MAX


class _Keyed(msgspec.Struct):
    key: str


class _FoundMail(msgspec.Struct):
    id: str = msgspec.field(name="_id", default="")
    state: str = ""
    metadata: dict[str, str | int | float | None] = {}


class _Field(msgspec.Struct):
    name: str
    state: str


_fields = msgspec.json.Decoder(list[_Field])
_mails = msgspec.json.Decoder(list[_FoundMail])


class MailchimpProvider(HttpProvider):
    name = "mailchimp"
    channel = Channel.EMAIL

    def __init__(
        self, config: MailchimpConfig, *, api_key: str, transport: Transport, send_timeout_s: float
    ) -> None:
        limits = config.limits(payload_bytes_max=_PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        if config.searches:
            self.look_up_limits = LookUpLimits(config.look_up_settle_s, _LOOK_UPS_PER_S)
        self._config = config
        self._key = api_key

    def request_of(self, delivery: Delivery) -> Request | Rejected:
        letter = letter_of(delivery, sender=self._config.sender, reply_to=self._config.reply_to)
        if isinstance(letter, Rejected):
            return letter
        return self._call("messages/send", Send(self._key, message_for(letter, self._config.subaccount)))

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        return sent_outcome(answer)

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:  # noqa: ARG002 - an id needs no time
        if not self._config.searches:
            return CannotTell("the account does not index the metadata delivery_id")
        query = f'u_{DELIVERY_ID}:"{delivery.delivery_id}"'
        answer = await self.ask(self._call("messages/search", _Search(self._key, query)))
        found = decoded(_mails, answer.body) if answer.status == 200 else None
        if found is None:
            return CannotTell(f"the search answered HTTP {answer.status}")
        for mail in found:
            if mail.metadata.get(DELIVERY_ID) == delivery.delivery_id:
                return Taken(mail.id)
        return CannotTell("the search found other mails") if found else NotTaken()

    async def faults(self) -> list[Fault]:
        answer = await self.ask(self._call("users/ping", _Keyed(self._key)))
        if answer.status == 200:
            return await self._search_faults() if self._config.searches else []
        said = error_name(answer)
        if said == "Invalid_Key":
            return [self.fault("api_key", "Mailchimp refuses it", "create a new API key of Transactional")]
        what = refused_check(answer, said)
        return [self.fault("base_url", what, "see whether that is Mailchimp Transactional's API")]

    async def _search_faults(self) -> list[Fault]:
        """A search for what is not indexed finds nothing: what was taken would be sent again."""
        answer = await self.ask(self._call("metadata/list", _Keyed(self._key)))
        fields = decoded(_fields, answer.body) or []
        if _Field(DELIVERY_ID, _ACTIVE) in fields:
            return []
        what = f"the account does not index the metadata {DELIVERY_ID}"
        return [self.fault("searches", what, "add it under Settings, Custom Metadata, or set searches: false")]

    def _call(self, method: str, body: msgspec.Struct) -> Request:
        return Request("POST", f"{self._config.base_url}/api/1.0/{method}", JSON, msgspec.json.encode(body))


async def build_mailchimp(config: MailchimpConfig, context: ProviderContext) -> MailchimpProvider:
    return MailchimpProvider(
        config,
        api_key=context.secret(config.api_key).get_secret_value(),
        transport=vendor_transport(config.base_url, config),
        send_timeout_s=context.send_timeout_s,
    )
