"""What AWS's errors mean that every service may give: "Common Errors" of its API references.

By code first: the services do not agree on the status, and some give 400 to a key, a date or a role that is bad.
"""

from __future__ import annotations

from notifyd.core.outcome import Reason
from notifyd.errors import AwsError, Throttled
from notifyd.providers._http_answer import reason_of_status

_CREDENTIALS = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    # our clock
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    # base_url leads to another service
    "InvalidAction",
    "UnknownOperationException",
)
_REQUEST = (
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "InvalidQueryParameter",
    "MalformedHttpRequestException",
    "MalformedQueryString",
    "MissingAction",
    "MissingParameter",
    "ValidationError",
    "ValidationException",
)
_CODES = {
    **dict.fromkeys(_CREDENTIALS, Reason.CREDENTIALS),
    **dict.fromkeys(_REQUEST, Reason.MESSAGE_REFUSED),
    "ServiceUnavailable": Reason.PROVIDER_ERROR,
}


def common_reason(error: AwsError) -> Reason | None:
    """None: the error is the service's own, or nobody's that is known."""
    if isinstance(error, Throttled):
        return Reason.THROTTLED
    return _CODES.get(error.code) or reason_of_status(error.status)
