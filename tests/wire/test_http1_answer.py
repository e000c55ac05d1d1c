from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.wire.http1_answer import AnswerReader
from notifyd.wire.http1_head import HEAD_BYTES_MAX, BadAnswer
from notifyd.wire.transport import Response
from tests.support.http1_answers import BYTES_MAX, Made, made_answers, parts_of, spoilt_answers


def reader() -> AnswerReader:
    return AnswerReader(bytes_max=BYTES_MAX)


def read(parts: list[bytes]) -> Response | None:
    """The answer, which must come with the last part, or with the end of the connection."""
    reading = reader()
    for number, part in enumerate(parts, 1):
        answer = reading.feed(part)
        if answer is not None:
            assert number == len(parts)
            return answer
    return reading.end()


@given(st.data(), made_answers())
def test_an_answer_reads_the_same_however_it_is_cut(data: st.DataObject, made: Made) -> None:
    assert read(data.draw(parts_of(made.sent))) == made.answer
    assert read([made.sent[at : at + 1] for at in range(len(made.sent))]) == made.answer


@given(made_answers(), st.binary(min_size=1, max_size=9))
def test_what_follows_an_answer_spoils_the_connection_and_not_the_answer(made: Made, surplus: bytes) -> None:
    alone, followed = reader(), reader()
    assert alone.feed(made.sent) == made.answer
    assert alone.persistent
    assert followed.feed(made.sent + surplus) == made.answer
    assert not followed.persistent


@given(st.data(), st.one_of(st.binary(max_size=200), spoilt_answers()))
def test_whatever_comes_is_an_answer_or_a_bad_one(data: st.DataObject, sent: bytes) -> None:
    reading = reader()
    try:
        for part in data.draw(parts_of(sent)):
            if reading.feed(part) is not None:
                return
        reading.end()
    except BadAnswer:
        return


@given(made_answers(), st.data())
def test_an_answer_that_is_cut_short_is_none(made: Made, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(made.sent) - 1))
    reading = reader()
    assert reading.feed(made.sent[:cut]) is None
    with pytest.raises(BadAnswer, match="closed before"):
        reading.end()


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = {
    "another protocol": (b"HTTP/2 200\r\n\r\n", "does not begin"),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "does not begin"),
    "a status in other digits": (b"HTTP/1.1 2\xb2\xb2 OK\r\n\r\n", "does not begin"),
    "a line feed alone": (HEAD + b"A: b\nC: d\r\n\r\n", "CR LF"),
    "a folded line": (HEAD + b"A: b\r\n c\r\n\r\n", "no header"),
    "a space in a name": (HEAD + b"Content-Length : 2\r\n\r\n", "no header"),
    "a line without a colon": (HEAD + b"Content-Length\r\n\r\n", "no header"),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n", "no number"),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", "no number"),
    "a length in other digits": (HEAD + b"Content-Length: \xb2\r\n\r\n", "no number"),
    "a length of many digits": (HEAD + b"Content-Length: " + b"0" * 5000 + b"\r\n\r\n", "no number"),
    "a length and chunks": (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "chunked alone"),
    "another coding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "chunked alone"),
    "another protocol asked for": (b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n", "changes to a protocol"),
    "too many headers": (HEAD + b"A: b\r\n" * 200 + b"\r\n", "at most 128"),
    "a head without an end": (HEAD + b"A: " + b"b" * HEAD_BYTES_MAX, "larger than"),
    "interim heads without an end": (b"HTTP/1.1 100 Continue\r\n\r\n" * HEAD_BYTES_MAX, "larger than"),
    "a length over the limit": (HEAD + b"Content-Length: %d\r\n\r\n" % (BYTES_MAX + 1), "cut off"),
    "a body over the limit": (HEAD + b"\r\n" + b"x" * (BYTES_MAX + 1), "cut off"),
    "a chunk over the limit": (CHUNKED + b"%x\r\n" % (BYTES_MAX + 1), "cut off"),
    "chunks over the limit": (CHUNKED + (b"400\r\n" + b"x" * 0x400 + b"\r\n") * 5, "cut off"),
    "a size of many digits": (CHUNKED + b"0" * 9 + b"\r\n", "without its size"),
    "a size with a sign": (CHUNKED + b"+2\r\n", "without its size"),
    "a size as Python writes it": (CHUNKED + b"0x2\r\n", "without its size"),
    "a chunk longer than its size": (CHUNKED + b"2\r\nabc\r\n", "longer than its size"),
    "an extension without an end": (CHUNKED + b"2;" + b"a" * 5000, "chunk's line"),
    "trailers without an end": (CHUNKED + b"0\r\n" + b"A: b\r\n" * 200, "trailers"),
}


@pytest.mark.parametrize(("sent", "why"), BAD.values(), ids=BAD.keys())
def test_what_could_be_read_in_two_ways_or_has_no_end_is_a_bad_answer(sent: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        reader().feed(sent)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nConnection: Close\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n",
    ],
)
def test_a_connection_that_the_other_side_closes_is_not_kept(head: bytes) -> None:
    reading = reader()
    assert reading.feed(head + b"Content-Length: 2\r\n\r\nok") is not None
    assert not reading.persistent


def test_a_header_that_comes_twice_is_one_list() -> None:
    answer = reader().feed(HEAD + b"Vary: a\r\nvary:\tb\t\r\nContent-Length: 0\r\n\r\n")
    assert answer is not None
    assert answer.headers["vary"] == "a, b"
