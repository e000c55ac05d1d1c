"""SigV4 signatures of requests as they arrived, recomputed by botocore with the known secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from notifyd.wire.credentials import Credentials
from tests.support.aws_model import Refused

# As AWS does.
_DATE_OFF_MAX_S = 300.0
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


class SignatureRefused(Refused):
    pass


def check_signature(
    method: str,
    raw_path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    known: Credentials,
    region: str,
    signing_name: str,
    now_s: float,
) -> None:
    """`headers` have lower-case names."""
    parts = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if parts is None:
        raise SignatureRefused(f"authorization is {headers.get('authorization')!r}")
    stamp = headers.get("x-amz-date", "")
    _check_date(stamp, now_s)
    scope = (parts["key"], parts["day"], parts["region"], parts["service"])
    expected_scope = (known.access_key, stamp[:8], region, signing_name)
    if scope != expected_scope:
        raise SignatureRefused(f"the credential's scope is {scope}, should be {expected_scope}")
    signed = parts["signed"].split(";")
    must = {"host"} | {name for name in headers if name.startswith("x-amz-") or name == "content-type"}
    if not must <= set(signed):
        raise SignatureRefused(f"headers {sorted(must - set(signed))} are not signed")
    if headers.get("x-amz-security-token") != known.token:
        raise SignatureRefused("the session token is not the credentials'")
    request = AWSRequest(
        method=method,
        url=f"http://{headers['host']}{raw_path}",
        headers={name: headers[name] for name in signed},
        data=body,
    )
    request.context["timestamp"] = stamp
    auth = SigV4Auth(ReadOnlyCredentials(known.access_key, known.secret_key, known.token), signing_name, region)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    if signature != parts["signature"]:
        raise SignatureRefused(f"the signature is {parts['signature']}, should be {signature}")


def _check_date(stamp: str, now_s: float) -> None:
    try:
        signed_s = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise SignatureRefused(f"x-amz-date is {stamp!r}") from error
    if abs(signed_s - now_s) > _DATE_OFF_MAX_S:
        raise SignatureRefused(f"x-amz-date {stamp} is {signed_s - now_s:.0f} s off")
