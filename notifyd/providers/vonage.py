"""Vonage SMS API: a form goes in, HTTP 200 comes out with a status for each part of the message.

Vonage's API reference, "SMS API", and its list of SMS error codes.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from pydantic import Field, PositiveFloat

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected, Unknown
from notifyd.core.sms_segments import Encoding, count
from notifyd.errors import Fault
from notifyd.ports import Clock
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import FORM, HttpProvider, HttpSection, Origin, refused_check, vendor_transport
from notifyd.providers._http_answer import by_status, decoded, quoted, refusal
from notifyd.providers._sms import SEGMENTS_MAX, SmsSender, number_of, seconds_left, text_of
from notifyd.secret_ref import SecretRef
from notifyd.wire.transport import Request, Response, Transport

_PAYLOAD_BYTES_MAX = 64 * 1024
_REQUESTS_PER_S = 30.0
_TTL_MIN_S, _TTL_MAX_S = 20, 604_800
_CLIENT_REF_CHARS_MAX = 40
# "5" is not here: Vonage failed at it, and some of it may be done, as with whatever it does not document.
_STATUSES = {
    "1": Reason.THROTTLED,
    "2": Reason.MESSAGE_REFUSED,
    "3": Reason.MESSAGE_REFUSED,
    "4": Reason.CREDENTIALS,
    "6": Reason.MESSAGE_REFUSED,
    "7": Reason.ON_SUPPRESSION_LIST,
    "8": Reason.ACCOUNT_PAUSED,
    "9": Reason.QUOTA,
    "10": Reason.THROTTLED,
    "11": Reason.CREDENTIALS,
    "12": Reason.PAYLOAD_TOO_LARGE,
    "13": Reason.PROVIDER_ERROR,
    "14": Reason.CREDENTIALS,
    "15": Reason.SENDER_REFUSED,
    "16": Reason.MESSAGE_REFUSED,
    "19": Reason.SENDER_REFUSED,
    "20": Reason.MESSAGE_REFUSED,
    "22": Reason.ADDRESS_INVALID,
    "23": Reason.SENDER_REFUSED,
    "29": Reason.SENDER_REFUSED,
    "32": Reason.CREDENTIALS,
    "33": Reason.ADDRESS_GONE,
    "34": Reason.ADDRESS_INVALID,
}
# `Invalid value for parameter: to`: one status, and only the text tells which parameter.
_INVALID_PARAMETER = "3"
_PARAMETERS = {"to": Reason.ADDRESS_INVALID, "from": Reason.SENDER_REFUSED}


class VonageConfig(HttpSection):
    api_key: Annotated[str, Field(min_length=1)]
    api_secret: SecretRef
    sender: SmsSender
    """from: a number, a short code or a name."""
    rate_per_s: PositiveFloat = _REQUESTS_PER_S
    """Requests a second; 30 is what a key is allowed unless Vonage was asked for more."""
    segments_max: Annotated[int, Field(ge=1, le=SEGMENTS_MAX)] = SEGMENTS_MAX
    """A longer text is cut where its template allows that, else refused."""
    base_url: Origin = "https://rest.nexmo.com"


class _Part(msgspec.Struct, rename="kebab"):
    status: str
    message_id: str = ""
    error_text: str = ""


class _Answer(msgspec.Struct):
    messages: list[_Part]


_answer = msgspec.json.Decoder(_Answer)


class VonageProvider(HttpProvider):
    name = "vonage"
    channel = Channel.SMS

    def __init__(
        self, config: VonageConfig, *, api_secret: str, transport: Transport, clock: Clock, send_timeout_s: float
    ) -> None:
        limits = config.limits(payload_bytes_max=_PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._clock = clock
        self._login = {"api_key": config.api_key, "api_secret": api_secret}

    def request_of(self, delivery: Delivery) -> Request | Rejected:
        to, text = number_of(delivery.address), text_of(delivery, self._config.segments_max)
        if isinstance(to, Rejected):
            return to
        if isinstance(text, Rejected):
            return text
        left_s = seconds_left(delivery, self._clock.now_s(), least_s=_TTL_MIN_S, most_s=_TTL_MAX_S)
        form = {
            **self._login,
            "from": self._config.sender.removeprefix("+"),
            "to": to.removeprefix("+"),
            "text": text,
            "type": "text" if count(text).encoding is Encoding.GSM7 else "unicode",
            "ttl": str(left_s * 1000),
            "client-ref": delivery.delivery_id[:_CLIENT_REF_CHARS_MAX],
        }
        return Request("POST", f"{self._config.base_url}/sms/json", FORM, urlencode(form).encode())

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        if answer.status != 200:
            return by_status(answer)
        whole = decoded(_answer, answer.body)
        if whole is None or not whole.messages:
            return Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without a status for any part")
        refused = [part for part in whole.messages if part.status != "0"]
        if not refused:
            return Accepted(whole.messages[0].message_id)
        said = quoted(f"{refused[0].status}: {refused[0].error_text}")
        if len(refused) < len(whole.messages):
            return Unknown(Reason.PROVIDER_ERROR, f"{len(refused)} of {len(whole.messages)} parts refused, {said}")
        return _refused(refused[0], said)

    async def faults(self) -> list[Fault]:
        asked = urlencode(self._login)
        answer = await self.ask(Request("GET", f"{self._config.base_url}/account/get-balance?{asked}", {}))
        if answer.status in {401, 403} or decoded(_answer, answer.body) is not None:
            what = f"Vonage refuses it (HTTP {answer.status})"
            return [self.fault("api_secret", what, "see api_key and its secret in Vonage's dashboard")]
        if answer.status == 200:
            return []
        return [self.fault("base_url", refused_check(answer), "see whether that is Vonage's SMS API")]


def _refused(part: _Part, said: str) -> Outcome:
    reason = _STATUSES.get(part.status)
    if part.status == _INVALID_PARAMETER:
        reason = _PARAMETERS.get(part.error_text.rpartition(": ")[2], reason)
    if reason is None:
        return Unknown(Reason.PROVIDER_ERROR, said)
    return refusal(reason, said)


async def build_vonage(config: VonageConfig, context: ProviderContext) -> VonageProvider:
    return VonageProvider(
        config,
        api_secret=context.secret(config.api_secret).get_secret_value(),
        transport=vendor_transport(config.base_url, config),
        clock=context.clock,
        send_timeout_s=context.send_timeout_s,
    )
