"""What APNs' answers mean, by whose fault: "Handling notification responses from APNs".

Apple asks never to retry BadDeviceToken, DeviceTokenNotForTopic, Forbidden, ExpiredToken, Unregistered and
PayloadTooLarge. Only the two of status 410 say that an address is gone: the others may be a mix-up of sandbox and
production, or of topics, and nobody's token is removed for those.
"""

from __future__ import annotations

import msgspec

from notifyd.core.outcome import Accepted, AddressGone, Outcome, Reason, Unknown
from notifyd.providers._http_answer import decoded, reason_of_status, refusal, retry_after_s
from notifyd.providers._mail import short
from notifyd.wire.transport import Response

TOO_MANY_TOKENS = "TooManyProviderTokenUpdates"
EXPIRED_TOKEN = "ExpiredProviderToken"  # noqa: S105 - Apple's word for an answer
_GONE = frozenset({"Unregistered", "ExpiredToken"})
_REASONS = {
    "BadDeviceToken": Reason.ADDRESS_INVALID,
    "DeviceTokenNotForTopic": Reason.ADDRESS_INVALID,
    "MissingDeviceToken": Reason.ADDRESS_INVALID,
    "PayloadTooLarge": Reason.PAYLOAD_TOO_LARGE,
    "BadCollapseId": Reason.MESSAGE_REFUSED,
    "BadExpirationDate": Reason.MESSAGE_REFUSED,
    "BadMessageId": Reason.MESSAGE_REFUSED,
    "BadPriority": Reason.MESSAGE_REFUSED,
    "DuplicateHeaders": Reason.MESSAGE_REFUSED,
    "Forbidden": Reason.MESSAGE_REFUSED,
    "InvalidPushType": Reason.MESSAGE_REFUSED,
    "PayloadEmpty": Reason.MESSAGE_REFUSED,
    "BadTopic": Reason.SENDER_REFUSED,
    "MissingTopic": Reason.SENDER_REFUSED,
    "TopicDisallowed": Reason.SENDER_REFUSED,
    "BadCertificate": Reason.CREDENTIALS,
    "BadCertificateEnvironment": Reason.CREDENTIALS,
    EXPIRED_TOKEN: Reason.CREDENTIALS,
    "InvalidProviderToken": Reason.CREDENTIALS,
    "MissingProviderToken": Reason.CREDENTIALS,
    "UnrelatedKeyIdInToken": Reason.CREDENTIALS,
    "BadEnvironmentKeyIdInToken": Reason.CREDENTIALS,
    "BadEnvironmentKeyInToken": Reason.CREDENTIALS,  # what APNs says of the same
    # A path or method that it does not have is a base_url that leads astray.
    "BadPath": Reason.CREDENTIALS,
    "MethodNotAllowed": Reason.CREDENTIALS,
    "TooManyRequests": Reason.RECIPIENT_UNAVAILABLE,  # one device got too many; the account is as fast as before
    TOO_MANY_TOKENS: Reason.THROTTLED,
    "IdleTimeout": Reason.PROVIDER_ERROR,
    "ServiceUnavailable": Reason.PROVIDER_ERROR,
    "Shutdown": Reason.PROVIDER_ERROR,
}
_STATUSES = {
    400: Reason.MESSAGE_REFUSED,
    410: Reason.ADDRESS_INVALID,  # without a word that it is gone
}


class _Answer(msgspec.Struct):
    """`timestamp`: in milliseconds, when APNs saw that the token was dead."""

    reason: str = ""
    timestamp: float | None = None


_DECODER = msgspec.json.Decoder(_Answer)


def reason_of(response: Response) -> str:
    """In APNs' words; empty where there are none."""
    answer = decoded(_DECODER, response.body)
    return answer.reason if answer is not None else ""


def outcome_of(response: Response) -> Outcome:
    if response.status == 200:
        return Accepted(response.headers.get("apns-id", ""))
    answer = decoded(_DECODER, response.body) or _Answer()
    text = short(f"{response.status} {answer.reason}".rstrip())
    if response.status == 410 and answer.reason in _GONE:
        since_s = None if answer.timestamp is None else answer.timestamp / 1000
        return AddressGone(text, since_s)
    status = response.status
    reason = _REASONS.get(answer.reason) or _STATUSES.get(status) or reason_of_status(status)
    if reason is not None:
        return refusal(reason, text, retry_after_s(response))
    # 500 InternalServerError says no more, and anything else is not of APNs.
    return Unknown(Reason.PROVIDER_ERROR if response.status >= 500 else Reason.ANSWER_UNREADABLE, text)
