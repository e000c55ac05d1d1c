from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.wire.http1_target import target_of
from notifyd.wire.http2_fields import fields_of, fields_of_all, header_fields, headers_of
from notifyd.wire.transport import Request

ORIGIN = "https://push.example:2197"
TARGET = target_of(ORIGIN)


def test_a_request_becomes_its_fields_with_the_request_line_first() -> None:
    request = Request("POST", f"{ORIGIN}/3/device/a?b=c", {"Apns-Topic": "com.example"}, b"{}")
    assert fields_of(request, TARGET) == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"push.example:2197"),
        (b":path", b"/3/device/a?b=c"),
        (b"apns-topic", b"com.example"),
        (b"content-length", b"2"),
    ]


def test_what_a_batch_shares_stands_behind_each_one_s_own() -> None:
    shared = header_fields({"Authorization": "bearer a|b", "empty": ""})
    assert fields_of(Request("GET", ORIGIN, {"a": "1"}), TARGET, shared)[3:] == [
        (b":path", b"/"),
        (b"a", b"1"),
        (b"authorization", b"bearer a|b"),
        (b"empty", b""),
    ]


PLAIN_REQUEST = Request("POST", f"{ORIGIN}/a", {"b": "1"}, b"{}")
REQUESTS = st.builds(
    Request,
    st.sampled_from(["POST", "GET", "a b"]),
    st.sampled_from([ORIGIN, f"{ORIGIN}/a", f"{ORIGIN}/a|b", f"{ORIGIN}/ä", f"{ORIGIN}9/", "https://x.example/"]),
    st.dictionaries(st.sampled_from(["b", "c", "te", "é"]), st.text("|! az\n", max_size=3), max_size=2),
    st.sampled_from([b"", b"{}"]),
)


@given(st.lists(REQUESTS | st.just(PLAIN_REQUEST), max_size=4))
def test_of_a_batch_each_has_the_fields_that_it_has_alone(requests: list[Request]) -> None:
    shared = header_fields({"s": "1"})

    def alone(request: Request) -> object:
        try:
            return fields_of(request, TARGET, shared)
        except ValueError as error:
            return str(error)

    together = fields_of_all(requests, TARGET, shared)
    assert [str(one) if isinstance(one, ValueError) else one for one in together] == [*map(alone, requests)]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("value", ["a\n", " a", "a ", "ä", "\x7f", "a| b\t"])
def test_a_value_that_no_header_may_hold_is_found_among_others(value: str, place: int) -> None:
    values = ["1", "2 3", "4|5"]
    values[place] = value
    with pytest.raises(ValueError, match=f"value of {'abc'[place]} holds"):
        header_fields(dict(zip("abc", values, strict=True)))


@given(st.dictionaries(st.from_regex(r"[a-z-]{1,9}", fullmatch=True), st.text("|! az")))
def test_headers_become_their_fields_or_are_refused(headers: dict[str, str]) -> None:
    try:
        fields = header_fields(headers)
    except ValueError:
        assert any(value != value.strip() for value in headers.values()) or {"te", "host"} & set(headers)
    else:
        assert fields == [(name.encode(), value.encode()) for name, value in headers.items()]


def test_no_path_is_the_root() -> None:
    assert (b":path", b"/") in fields_of(Request("GET", ORIGIN, {}), TARGET)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/",
        f"{ORIGIN}9/",
        f"{ORIGIN}.other.example/",
        f"{ORIGIN}@other.example/",
        f"{ORIGIN}?a",
        "http://push.example:2197/",
    ],
)
def test_a_request_for_another_origin_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="another origin"):
        fields_of(Request("GET", url, {}), TARGET)


@pytest.mark.parametrize("name", ["", "a b", "a:", ":path", "a\n", "ä", "Host", "connection", "Transfer-Encoding"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="none that HTTP/2 has"):
        fields_of(Request("GET", ORIGIN, {name: "x"}), TARGET)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\0", " a", "a ", "a\t", "ä", "\x7f"])
def test_what_no_header_may_hold_is_refused_and_not_told(value: str) -> None:
    with pytest.raises(ValueError, match="value of x-secret holds") as refused:
        fields_of(Request("GET", ORIGIN, {"x-secret": value}), TARGET)
    assert value not in str(refused.value)


@given(st.text(), st.text(), st.text())
def test_whatever_is_written_holds_no_line_break_and_no_space_at_its_ends(
    path: str, name: str, value: str
) -> None:
    try:
        fields = fields_of(Request("GET", f"{ORIGIN}/{path}", {name: value}), TARGET)
    except ValueError:
        return
    for field in fields:
        for text in field:
            assert not set(text) & set(b"\r\n\0")
            assert text == text.strip()


def test_an_answer_s_fields_become_status_and_headers() -> None:
    status, headers = headers_of([(b":status", b"200"), (b"a", b"\xe4"), (b"b", b"1"), (b"a", b"2")])
    assert (status, dict(headers)) == (200, {"a": "ä, 2", "b": "1"})
    assert headers == {"b": "1", "a": "ä, 2"}
    assert len(headers) == 2


@pytest.mark.parametrize("name", [":status", "c", "A", "я"])
def test_a_header_that_is_not_there_is_none(name: str) -> None:
    _, headers = headers_of([(b":status", b"200"), (b"a", b"1")])
    assert headers.get(name) is None
    assert name not in headers
