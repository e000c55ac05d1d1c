"""What holds for every transport."""

from __future__ import annotations

# The largest answer of a hot call is a Kinesis page: 10 MiB of data, base64 and JSON around it.
ANSWER_BYTES_MAX = 32 * 1024 * 1024
# Shorter than any idle timeout of what is called (load balancers: 60 s, AWS's own endpoints: 20 s), so a POST
# seldom meets a connection that the other side is closing: that would be a NoAnswer, in doubt.
KEEP_ALIVE_S = 15.0
_CONNECT_SHARE = 0.75
CONNECT_MAX_S = 3.1


def connect_timeout_s(timeout_s: float) -> float:
    """How long a request may wait for a free connection or for connecting.

    A part of the whole: aiohttp's timeout tells only by it what was not sent yet, and a request that goes out with
    no time left for its answer is in doubt for nothing.
    """
    return min(CONNECT_MAX_S, timeout_s * _CONNECT_SHARE)
