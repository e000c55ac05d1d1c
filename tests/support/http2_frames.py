"""HTTP/2 frames as bytes, good ones and bad ones alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
) = range(10)
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = range(3)
REFUSED_STREAM, CANCEL = 7, 8
ENHANCE_YOUR_CALM = 11
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
EVERY_STREAM = 2**31 - 1


class Frame(msgspec.Struct, frozen=True):
    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def number(self) -> int:
        """The payload's first 32 bits: an error code, a window's growth."""
        return int.from_bytes(self.payload[:4])


def frame(kind: int, stream_id: int = 0, payload: bytes = b"", *, flags: int = 0) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream_id.to_bytes(4) + payload


def frames_in(received: bytearray) -> Iterator[Frame]:
    """Those that are whole; what is left of the bytes waits for its end."""
    while len(received) >= 9:
        length = int.from_bytes(received[:3])
        if len(received) < 9 + length:
            return
        whole = bytes(received[: 9 + length])
        del received[: 9 + length]
        yield Frame(whole[3], whole[4], int.from_bytes(whole[5:9]) & EVERY_STREAM, whole[9:])


def settings(values: Mapping[int, int]) -> bytes:
    return frame(
        SETTINGS, payload=b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in values.items())
    )


def reset(stream_id: int, code: int) -> bytes:
    return frame(RST_STREAM, stream_id, code.to_bytes(4))


def goaway(last_stream_id: int, code: int = NO_ERROR, debug_data: bytes = b"") -> bytes:
    return frame(GOAWAY, payload=last_stream_id.to_bytes(4) + code.to_bytes(4) + debug_data)


def window_update(stream_id: int, growth: int) -> bytes:
    return frame(WINDOW_UPDATE, stream_id, growth.to_bytes(4))
