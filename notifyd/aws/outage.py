"""Whose fault an error of AWS is: the operator's, or of a service that is away."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection

from notifyd.errors import AwsError, TransportError
from notifyd.wire.aws_error import THROTTLED, may_pass

# A role that does not answer is as far away as the service itself.
_AWAY = (HTTPClientError, NoConnection, CredentialRetrievalError, MetadataRetrievalError)


def is_outage(error: AwsError | TransportError | ClientError | BotoCoreError) -> bool:
    """Whether it says nothing of the config: not reached, not answered, throttled, or failed by the service."""
    if isinstance(error, AwsError | TransportError):
        return may_pass(error)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response["Error"].get("Code") in THROTTLED
    return isinstance(error, _AWAY)
