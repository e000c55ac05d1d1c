"""Whether it is AWS that is away, or what was asked that is wrong."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    MetadataRetrievalError,
    NoCredentialsError,
    ReadTimeoutError,
)

from notifyd.aws.outage import is_outage
from notifyd.errors import AwsError, NoAnswer, NotSent, Throttled


def refused(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "DescribeTable")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://there"),
        ReadTimeoutError(endpoint_url="http://there"),
        MetadataRetrievalError(error_msg="the role does not answer"),
        refused("ThrottlingException", 400),
        refused("InternalServerError", 500),
        refused("503", 503),
        NotSent("no connection"),
        NoAnswer("none in time"),
        Throttled("Scan", "ThrottlingException", "", status=400),
        AwsError("Scan", "InternalServerError", "", status=500),
    ],
    ids=repr,
)
def test_a_service_that_is_away_or_overrun_is_an_outage(error: ClientError | BotoCoreError | AwsError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        refused("AccessDeniedException", 400),
        refused("ResourceNotFoundException", 400),
        ClientError({"Error": {}}, "DescribeTable"),
        AwsError("Scan", "ResourceNotFoundException", "", status=400),
    ],
    ids=repr,
)
def test_what_aws_refuses_is_for_the_operator_to_mend(error: ClientError | BotoCoreError | AwsError) -> None:
    assert not is_outage(error)
