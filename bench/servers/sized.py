"""Answers of a set size, for clients to be measured by: `/200` is answered with 200 bytes."""

from __future__ import annotations

from bench.servers.http import Answer, Request
from bench.servers.process import arguments, serve


def answer(request: Request) -> Answer:
    return Answer(b"x" * int(request.path[1:]))


if __name__ == "__main__":
    serve(answer, arguments(__doc__ or "").parse_args())
