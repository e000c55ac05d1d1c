"""From events to rows in the log on aiobotocore, for the peers that read on asyncio."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from bench.peer.mail import SesSender
from bench.peer.notice import Notice, Sender
from bench.peer.people import People
from bench.peer.push import ApnsSender
from bench.peer.record import Recorder
from bench.peer.sources import Arrived

_POOLED = AioConfig(max_pool_connections=100)
_SENT_ONCE = AioConfig(retries={"total_max_attempts": 1})


class Clients:
    """One a service, open as long as the stack.

    `validates`: parameters against the service's model, as is the client's default. It is the one thing that it
    lets one switch off: the requests are known good.
    """

    def __init__(self, session: AioSession, stack: contextlib.AsyncExitStack, *, validates: bool = False) -> None:
        self._session = session
        self._stack = stack
        self._config = _POOLED.merge(AioConfig(parameter_validation=validates))

    async def open(self, service: str) -> Any:
        return await self._entered(service, self._config)

    async def open_to_send(self, service: str) -> Any:
        return await self._entered(service, self._config.merge(_SENT_ONCE))

    async def _entered(self, service: str, config: AioConfig) -> Any:
        return await self._stack.enter_async_context(self._session.create_client(service, config=config))


class Notifier:
    def __init__(self, dynamodb: Any, sender: Sender, people: People, recorder: Recorder) -> None:
        self._dynamodb = dynamodb
        self._sender = sender
        self._people = people
        self._recorder = recorder

    async def notify(self, events: Sequence[Arrived]) -> None:
        """At most a batch of them."""
        people = await self._people.look_up(event.envelope["detail"]["user_id"] for event in events)
        notices: list[Notice] = []
        for event in events:
            person = people[event.envelope["detail"]["user_id"]]
            if person.wants("payments"):
                notices += self._sender.notices(event, person.contact)
        accepted = await self._sender.send(notices)
        now_s = time.time_ns() / 1e9
        self._recorder.count(accepted, now_s)
        async with asyncio.TaskGroup() as group:
            for write in self._recorder.log_writes(accepted, now_s):
                group.create_task(self._dynamodb.batch_write_item(**write))

    async def checkpoint(self, shard_id: str, sequence: str) -> None:
        await self._dynamodb.put_item(**self._recorder.checkpoint(shard_id, sequence))


async def notifier_of(
    options: argparse.Namespace, clients: Clients, dynamodb: Any, recorder: type[Recorder] = Recorder
) -> Notifier:
    people = People(dynamodb, options.prefix, asyncio.get_running_loop().time)
    sender: Sender
    if options.provider == "ses":
        sender = SesSender(await clients.open_to_send("sesv2"))
    else:
        settings = msgspec.json.decode(options.settings)
        key = await asyncio.to_thread(Path(settings["key"].removeprefix("file:")).read_text)
        sender = await ApnsSender.connect(settings, key)
    return Notifier(dynamodb, sender, people, recorder(sender.channel, sender.provider, options.prefix))
