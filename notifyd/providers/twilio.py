"""Twilio Programmable Messaging: a form goes in, a Message resource comes out.

The resource has no field for an id of ours: the delivery's goes along in StatusCallback, and a look-up compares
number, time and words.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Self
from urllib.parse import urlencode

import msgspec
from pydantic import Field, HttpUrl, model_validator

from notifyd.config_values import wrong
from notifyd.core.channel import Channel
from notifyd.core.look_up import Found, NotTaken
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome, Rejected
from notifyd.errors import Fault
from notifyd.ports import Clock, LookUpLimits
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import FORM, HttpProvider, HttpSection, Origin, refused_check, vendor_transport
from notifyd.providers._http_answer import decoded
from notifyd.providers._sms import SEGMENTS_MAX, SmsSender, number_of, seconds_left, text_of
from notifyd.providers._twilio_answer import found, sent_outcome
from notifyd.secret_ref import SecretRef
from notifyd.wire.transport import Request, Response, Transport

_PAYLOAD_BYTES_MAX = 64 * 1024
_VALIDITY_MAX_S = 36_000
# The list shows a message within seconds; a request in doubt may itself have been slow.
_SETTLE_S = 30.0
_LOOK_UPS_PER_S = 1.0
_PAGE_MAX = 100


class TwilioConfig(HttpSection):
    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    auth_token: SecretRef
    """The account's token, or where there is an `api_key_sid` that key's secret."""
    api_key_sid: Annotated[str, Field(pattern=r"^SK[0-9a-fA-F]{32}$")] | None = None
    sender: SmsSender | None = None
    """From: a number, a short code or a name; or else `messaging_service_sid`."""
    messaging_service_sid: Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None
    status_callback: HttpUrl | None = None
    """Gets the delivery's receipts, with `?delivery_id=` of ours."""
    segments_max: Annotated[int, Field(ge=1, le=SEGMENTS_MAX)] = SEGMENTS_MAX
    """A longer text is cut where its template allows that, else refused."""
    base_url: Origin = "https://api.twilio.com"

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.sender is None) == (self.messaging_service_sid is None):
            raise wrong("sender and messaging_service_sid: one of the two", "give one", "sender")
        return self


class _Account(msgspec.Struct):
    status: str


_account = msgspec.json.Decoder(_Account)


class TwilioProvider(HttpProvider):
    name = "twilio"
    channel = Channel.SMS

    def __init__(
        self, config: TwilioConfig, *, auth_token: str, transport: Transport, clock: Clock, send_timeout_s: float
    ) -> None:
        limits = config.limits(payload_bytes_max=_PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self.look_up_limits = LookUpLimits(settle_s=_SETTLE_S, rate_per_s=_LOOK_UPS_PER_S)
        self._config = config
        self._clock = clock
        login = f"{config.api_key_sid or config.account_sid}:{auth_token}"
        self._headers = {"authorization": f"Basic {b64encode(login.encode()).decode()}"}
        self._account_url = f"{config.base_url}/2010-04-01/Accounts/{config.account_sid}"
        self._sender = (
            {"From": config.sender}
            if config.sender is not None
            else {"MessagingServiceSid": config.messaging_service_sid or ""}
        )

    def request_of(self, delivery: Delivery) -> Request | Rejected:
        to, text = number_of(delivery.address), text_of(delivery, self._config.segments_max)
        if isinstance(to, Rejected):
            return to
        if isinstance(text, Rejected):
            return text
        left_s = seconds_left(delivery, self._clock.now_s(), least_s=1, most_s=_VALIDITY_MAX_S)
        form = {"To": to, **self._sender, "Body": text, "ValidityPeriod": str(left_s)}
        if self._config.status_callback is not None:
            form["StatusCallback"] = _with_id(self._config.status_callback, delivery.delivery_id)
        url = f"{self._account_url}/Messages.json"
        return Request("POST", url, self._headers | FORM, urlencode(form).encode())

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        return sent_outcome(answer)

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:
        """Without DateSent, which a message that waits in Twilio's queue does not have yet: by date_created."""
        to, text = number_of(delivery.address), text_of(delivery, self._config.segments_max)
        if isinstance(to, Rejected):
            return NotTaken()
        sender = {} if self._config.sender is None else {"From": self._config.sender}
        asked = urlencode({"To": to, **sender, "PageSize": _PAGE_MAX})
        answer = await self.ask(Request("GET", f"{self._account_url}/Messages.json?{asked}", self._headers))
        # What is too long by now may have been sent when it was shorter; it equals nothing that was.
        return found(answer, text if isinstance(text, str) else None, since_s)

    async def faults(self) -> list[Fault]:
        answer = await self.ask(Request("GET", f"{self._account_url}.json", self._headers))
        account = decoded(_account, answer.body)
        if answer.status in {401, 403}:
            what = f"Twilio refuses it (HTTP {answer.status})"
            return [self.fault("auth_token", what, "see account_sid, api_key_sid and their secret")]
        if answer.status != 200 or account is None:
            return [self.fault("base_url", refused_check(answer), "see whether that is Twilio's API")]
        if account.status != "active":
            what = f"the account is {account.status}"
            return [self.fault("account_sid", what, "see Twilio's console")]
        return []


def _with_id(url: HttpUrl, delivery_id: str) -> str:
    return f"{url}{'&' if url.query else '?'}{urlencode({'delivery_id': delivery_id})}"


async def build_twilio(config: TwilioConfig, context: ProviderContext) -> TwilioProvider:
    return TwilioProvider(
        config,
        auth_token=context.secret(config.auth_token).get_secret_value(),
        transport=vendor_transport(config.base_url, config),
        clock=context.clock,
        send_timeout_s=context.send_timeout_s,
    )
