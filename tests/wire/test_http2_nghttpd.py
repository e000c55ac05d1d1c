"""The client against a server that others wrote."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifyd.wire.transport import Response
from tests.support.http2_client import LONG_S, http2, kinds
from tests.support.loopback_tls import CERTIFICATE

NGHTTPD = shutil.which("nghttpd")
pytestmark = pytest.mark.skipif(NGHTTPD is None, reason="nghttpd (Debian: nghttp2-server) is not installed")
STREAMS_MAX = 100


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[str]:
    """It answers each request with its own body."""
    assert NGHTTPD is not None
    port = free_port()
    options = ["--echo-upload", f"--max-concurrent-streams={STREAMS_MAX}", "--address=127.0.0.1"]
    process = await asyncio.create_subprocess_exec(
        *(
            NGHTTPD,
            *options,
            f"--htdocs={tmp_path}",
            str(port),
            str(CERTIFICATE.with_suffix(".key")),
            str(CERTIFICATE),
        ),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LONG_S):
            while not await listens(port):
                assert process.returncode is None, "nghttpd has ended"
        yield f"https://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_thousands_of_bodies_come_back_each_to_its_own_caller(origin: str) -> None:
    bodies = [b"%d" % number * 50 for number in range(3000)]
    async with http2(origin, waiting_max=4000) as client:
        batches = await asyncio.gather(*(client.post_all(bodies[at : at + 100]) for at in range(0, 3000, 100)))
        answers = [answer for batch in batches for answer in batch]
        assert [answer.body for answer in answers if isinstance(answer, Response)] == bodies


async def test_a_body_beyond_the_window_is_taken_and_other_streams_go_on(origin: str) -> None:
    async with http2(origin) as client:
        assert (await client.post(b"x" * 60_000)).body == b"x" * 60_000
        large, small = await asyncio.gather(client.post_all([b"y" * 300_000]), client.post_all([b"z" * 10] * 50))
        # Larger than the answer that is taken: the stream ends, the connection does not.
        assert kinds(large) == ["NoAnswer"]
        assert kinds(small) == ["200"] * 50
