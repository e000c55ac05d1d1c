from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from notifyd.wire.credentials import Credentials
from notifyd.wire.sigv4 import Signer

# The example that AWS publishes its test suite with.
AWS_EXAMPLE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AWS_EXAMPLE_S = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()

VECTORS = {
    "get-vanilla": (
        ("GET", "/", {}, b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-unreserved": (
        ("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {}, b""),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "post-vanilla": (
        ("POST", "/", {}, b""),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-header-key-sort": (
        ("POST", "/", {"my-header1": "value1"}, b""),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": (
        ("POST", "/", {"my-header1": "VALUE1"}, b""),
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-x-www-form-urlencoded": (
        ("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


@pytest.mark.parametrize(("request_parts", "signature"), VECTORS.values(), ids=VECTORS.keys())
def test_aws_s_published_examples_are_signed_alike(
    request_parts: tuple[str, str, dict[str, str], bytes], signature: str
) -> None:
    method, path, extra, body = request_parts
    headers = {"host": "example.amazonaws.com", **extra}
    signer = Signer(service="service", region="us-east-1")
    signer.sign(AWS_EXAMPLE, method=method, path=path, headers=headers, body=body, now_s=AWS_EXAMPLE_S)
    assert headers["authorization"].rpartition("Signature=")[2] == signature


class BotocoreAt(SigV4Auth):  # type: ignore[misc] # botocore has no types
    """Botocore's own signer, at a time that is given."""

    def __init__(self, credentials: Credentials, now_s: float) -> None:
        super().__init__(ReadOnlyCredentials(*_parts(credentials)), "sqs", "eu-west-3")
        self._stamp = datetime.fromtimestamp(int(now_s), UTC).strftime("%Y%m%dT%H%M%SZ")

    def authorization_of(self, method: str, url: str, headers: dict[str, str], body: bytes) -> str:
        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        request.context["timestamp"] = self._stamp
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        signature = self.signature(self.string_to_sign(request, canonical), request)
        self._inject_signature_to_request(request, signature)
        return str(request.headers["Authorization"])


def _parts(credentials: Credentials) -> tuple[str, str, str | None]:
    return credentials.access_key, credentials.secret_key, credentials.token


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
credentials = st.builds(Credentials, access_key=secrets, secret_key=secrets, token=st.none() | secrets)
paths = st.lists(st.text("abcXYZ019-_~%@:+ü", min_size=1, max_size=8), max_size=4).map(lambda p: "/" + "/".join(p))
names = st.sampled_from(["content-type", "x-amz-target", "x-amz-user-agent", "x-other"])
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
times_s = st.floats(min_value=1.4e9, max_value=4e9)


@given(
    requests=st.lists(
        st.tuples(credentials, st.sampled_from(["GET", "POST"]), paths, st.dictionaries(names, values), times_s),
        min_size=1,
        max_size=3,
    ),
    body=st.binary(max_size=100),
)
def test_every_request_is_signed_as_botocore_signs_it(
    requests: list[tuple[Credentials, str, str, dict[str, str], float]], body: bytes
) -> None:
    """Several requests through one signer: its cached key follows day and secret."""
    signer = Signer(service="sqs", region="eu-west-3")
    for known, method, path, extra, now_s in requests:
        headers = {"host": "localhost:4566", **extra}
        expected = BotocoreAt(known, now_s).authorization_of(
            method, f"http://localhost:4566{path}", {**headers, "host": "localhost:4566"}, body
        )
        signer.sign(known, method=method, path=path, headers=headers, body=body, now_s=now_s)
        assert headers["authorization"] == expected
