from __future__ import annotations

import pytest

from notifyd.wire.http1_target import request_bytes, target_of
from notifyd.wire.transport import Request


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://sqs.test", "sqs.test", 443, "/", "sqs.test"),
        ("http://127.0.0.1:4566/a%20b?c=d", "127.0.0.1", 4566, "/a%20b?c=d", "127.0.0.1:4566"),
        ("http://[::1]:80/#part", "::1", 80, "/", "[::1]:80"),
    ],
)
def test_a_url_says_whom_to_ask_for_what(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = target_of(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://secret.test/",
        "//secret.test/",
        "http:///secret",
        "http://user:secret@host.test/",
        "http://secret.test:99999/",
        "http://secret.test/a b",
        "http://secret.test/\r\nX: y",
        "http://secret.test/ü",
    ],
)
def test_any_other_url_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(ValueError, match="the URL") as refused:
        target_of(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        (Request("POST", "", {"host": "own"}, b"four"), "POST /p HTTP/1.1|host: own|content-length: 4"),
        (Request("POST", "", {}), "POST /p HTTP/1.1|host: h.test|content-length: 0"),
        (Request("GET", "", {"Host": "own"}), "GET /p HTTP/1.1|Host: own"),
    ],
)
def test_a_head_is_the_caller_s_headers_with_host_and_length(request_: Request, head: str) -> None:
    written = request_bytes(request_, target_of("http://h.test/p"))
    assert b"".join(written) == head.replace("|", "\r\n").encode() + b"\r\n\r\n" + request_.body


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb"])
def test_a_header_that_would_end_its_line_is_refused(value: str) -> None:
    target = target_of("http://h.test/p")
    for request in (Request("GET", "", {"a": value}), Request("GET", "", {value: "a"}), Request(value, "", {})):
        with pytest.raises(ValueError, match="line break"):
            request_bytes(request, target)
