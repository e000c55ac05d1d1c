"""AWS's error answers: one place that knows where each protocol puts code and message."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

import msgspec

from notifyd.errors import AwsError, Throttled, TransportError
from notifyd.wire.transport import Response

THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMSThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""What botocore's standard retry mode takes for throttling, and what services say where KMS throttles them."""
# Somebody else is writing the item: nothing was done, and soon it can be.
_IN_THE_WAY = frozenset({"ReplicatedWriteConflictException", "TransactionConflictException"})
# What services say to a signature whose date is off; some give the reason only as "invalid signature".
_SKEWED = frozenset(
    {
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


class _Body(msgspec.Struct):
    type: str = msgspec.field(name="__type", default="")
    code: str = ""
    message: str | None = None
    capital_message: str | None = msgspec.field(name="Message", default=None)


_decode = msgspec.json.Decoder(_Body).decode
# The query protocol's <ErrorResponse>: two leaves of a fixed form, for which no parser of XML is needed.
_XML_CODE = re.compile(rb"<Code>([\w.]+)</Code>")
_XML_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


def error_of(operation: str, answer: Response) -> AwsError:
    body = _body_of(answer.body)
    # Header: `ThrottlingException:http://…`; body: `com.amazonaws.dynamodb.v20120810#ThrottlingException`.
    named = answer.headers.get("x-amzn-errortype") or body.type or body.code or f"HTTP{answer.status}"
    code = named.split(":", 1)[0].rsplit("#", 1)[-1]
    throttled = code in THROTTLED or answer.status == 429
    return (Throttled if throttled else AwsError)(
        operation,
        code,
        body.message or body.capital_message or "",
        status=answer.status,
        request_id=answer.headers.get("x-amzn-requestid", ""),
        body=answer.body,
    )


def _body_of(body: bytes) -> _Body:
    if body.startswith(b"<"):
        code, message = _XML_CODE.search(body), _XML_MESSAGE.search(body)
        return _Body(
            code=code[1].decode() if code else "",
            message=unescape(message[1].decode(errors="replace")) if message else None,
        )
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Body()


def is_skew(error: AwsError) -> bool:
    return error.code in _SKEWED


def may_pass(error: AwsError | TransportError) -> bool:
    """Whether the same bytes may fare better later."""
    if isinstance(error, AwsError):
        return isinstance(error, Throttled) or error.status >= 500 or error.code in _IN_THE_WAY
    return True
