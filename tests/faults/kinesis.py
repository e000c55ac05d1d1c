"""kinesis-local as a child process: the one stand-in whose shards split and merge as AWS's do."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from notifyd.ports import Clock
from tests.faults.processes import RunFailed

_CHECKOUT = Path(__file__).parents[2]
_PACKAGE = _CHECKOUT / ".run/kinesis-local/node_modules/kinesis-local"
_STARTER = Path(__file__).parent / "kinesis_local/on_loopback.js"
_HOST = "127.0.0.1"
_UP_TIMEOUT_S = 30.0
_LOOK_EVERY_S = 0.1
_SHARDS_MAX = 100


class Shard(msgspec.Struct, frozen=True):
    """As ListShards says it, closed ones included."""

    shard_id: str
    parents: tuple[str, ...]
    first_hash: int
    last_hash: int
    is_open: bool

    @property
    def width(self) -> int:
        return self.last_hash - self.first_hash


def is_installed() -> bool:
    return _PACKAGE.is_dir() and shutil.which("node") is not None


@asynccontextmanager
async def run_kinesis_local(clock: Clock) -> AsyncIterator[str]:
    """Its URL. Raises RunFailed where it is not installed or does not come up."""
    node = shutil.which("node")
    if node is None or not _PACKAGE.is_dir():
        raise RunFailed(f"kinesis-local is not in {_PACKAGE}: `make reshard` installs it, given node and npm")
    port, tls_port = _free_port(), _free_port()
    process = await asyncio.create_subprocess_exec(
        node,
        str(_STARTER),
        cwd=_PACKAGE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            "PATH": os.defpath,
            "KINESIS_MOCK_PLAIN_PORT": str(port),
            "KINESIS_MOCK_TLS_PORT": str(tls_port),
            "SHARD_LIMIT": str(_SHARDS_MAX),
            "LOG_LEVEL": "ERROR",
        },
        start_new_session=True,
    )
    try:
        await _until_up(process, port, clock)
        yield f"http://{_HOST}:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _until_up(process: asyncio.subprocess.Process, port: int, clock: Clock) -> None:
    until_s = clock.elapsed_s() + _UP_TIMEOUT_S
    while clock.elapsed_s() < until_s and process.returncode is None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(_HOST, port)
            writer.close()
            return
        await clock.sleep(_LOOK_EVERY_S)
    raise RunFailed(f"kinesis-local did not come up within {_UP_TIMEOUT_S:g} s")


class Stream:
    """One stream and its shard tree."""

    def __init__(self, kinesis: Any, name: str, clock: Clock) -> None:
        self._kinesis = kinesis
        self._name = name
        self._clock = clock

    async def create(self, shards: int) -> None:
        await self._kinesis.create_stream(StreamName=self._name, ShardCount=shards)
        await self._until_active()

    async def shards(self) -> list[Shard]:
        return [_shard(one) for one in (await self._kinesis.list_shards(StreamName=self._name))["Shards"]]

    async def split_widest(self) -> None:
        widest = max((one for one in await self.shards() if one.is_open), key=lambda one: one.width)
        middle = widest.first_hash + widest.width // 2
        await self._kinesis.split_shard(
            StreamName=self._name, ShardToSplit=widest.shard_id, NewStartingHashKey=str(middle)
        )
        await self._until_active()

    async def merge_narrowest(self) -> None:
        """The two neighbours that cover least."""
        row = sorted((one for one in await self.shards() if one.is_open), key=lambda one: one.first_hash)
        left, right = min(pairwise(row), key=lambda pair: pair[0].width + pair[1].width)
        await self._kinesis.merge_shards(
            StreamName=self._name, ShardToMerge=left.shard_id, AdjacentShardToMerge=right.shard_id
        )
        await self._until_active()

    async def _until_active(self) -> None:
        until_s = self._clock.elapsed_s() + _UP_TIMEOUT_S
        while self._clock.elapsed_s() < until_s:
            answer = await self._kinesis.describe_stream_summary(StreamName=self._name)
            if answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            await self._clock.sleep(_LOOK_EVERY_S)
        raise RunFailed(f"stream {self._name} is not active after {_UP_TIMEOUT_S:g} s")


def _shard(listed: dict[str, Any]) -> Shard:
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    hashes = listed["HashKeyRange"]
    return Shard(
        shard_id=listed["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        first_hash=int(hashes["StartingHashKey"]),
        last_hash=int(hashes["EndingHashKey"]),
        is_open="EndingSequenceNumber" not in listed["SequenceNumberRange"],
    )


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
