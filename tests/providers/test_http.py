"""What the providers over HTTP/1.1 share."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from notifyd.providers._http import Origin

ORIGIN: TypeAdapter[str] = TypeAdapter(Origin)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.sendgrid.com", "https://api.sendgrid.com"),
        ("https://api.sendgrid.com/", "https://api.sendgrid.com"),
        ("https://10.0.0.1:8443", "https://10.0.0.1:8443"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_base_url_is_an_origin(url: str, origin: str) -> None:
    assert ORIGIN.validate_python(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.sendgrid.com",
        "ftp://api.sendgrid.com",
        "https://api.sendgrid.com/v3",
        "https://api.sendgrid.com?x=s3cret",
        "https://me:s3cret@api.sendgrid.com",
        "http://api.sendgrid.com",
        "http://localhost.evil.example",
    ],
)
def test_what_would_lose_credentials_or_a_path_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ORIGIN.validate_python(url)
    [error] = refused.value.errors(include_input=False, include_url=False)
    assert "s3cret" not in str(error)
