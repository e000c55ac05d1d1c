"""One process's ports: each call of them goes over the network to the world's own object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

import msgspec

from notifyd.core.retry_message import RetryMessage
from notifyd.core.sequence import After, Checkpoint
from notifyd.core.user import Person
from notifyd.errors import AwsError, Throttled, TransportError
from notifyd.ports import Clock, Page, Received, ShardReader
from tests.simulation.dice import Dice
from tests.simulation.network import Network
from tests.simulation.process import Process
from tests.simulation.world.stream import WorldSource

_POLL_S = 1.0


def done_at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that yields to the loop but waits for nothing, as those of the fakes do."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


class Through:
    """A port of which every coroutine method is one call. What is no coroutine is answered at once."""

    def __init__(self, service: str, port: object, process: Process, network: Network) -> None:
        self._service = service
        self._port = port
        self._process = process
        self._network = network

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not asyncio.iscoroutinefunction(found):
            return found
        call = self.__dict__[name] = self._call_of(name)
        return call

    def _call_of(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        found = getattr(self._port, name)
        operation = f"{self._service}.{name}"
        partly = _PARTLY.get(operation)

        async def call(*arguments: Any, **named: Any) -> Any:
            part = None if partly is None else (lambda dice: partly(partial(found, **named), dice, *arguments))
            return await self._network.call(
                self._process, operation, lambda: done_at_once(found(*arguments, **named)), part
            )

        return call


def _some_rows(append: Callable[..., Any], dice: Dice, rows: Sequence[Any]) -> None:
    """BatchWriteItem hands some back as unprocessed, until the adapter gives up."""
    done_at_once(append(dice.some_of(rows, 0.5)))
    raise Throttled("BatchWriteItem", "UnprocessedItems", "some rows left over", status=200)


def _some_entries(put: Callable[..., Any], dice: Dice, *arguments: Any) -> list[bool]:
    *before, entries = arguments
    taken = [dice.chance(0.5) for _ in entries]
    done_at_once(put(*before, [entry for entry, was_taken in zip(entries, taken, strict=True) if was_taken]))
    return taken


_PARTLY: dict[str, Callable[..., Any]] = {
    "log.append": _some_rows,
    "retry.put": _some_entries,
    "retry.delete": _some_entries,
    "dead.put": _some_entries,
}


class AlertsPort(Through):
    """Never raises, as the port has it."""

    async def raise_alert(self, subject: str, text: str) -> None:
        with suppress(AwsError, TransportError):
            await self._call_of("raise_alert")(subject, text)


class SourcePort(Through):
    def reader(self, shard_id: str, start: Checkpoint) -> ShardReader:
        source = cast(WorldSource, self._port)
        return _Reader(source, shard_id, start, self._process, self._network)


class _Reader:
    def __init__(
        self, source: WorldSource, shard_id: str, start: Checkpoint, process: Process, network: Network
    ) -> None:
        self._source = source
        self._shard_id = shard_id
        self._after = start
        self._process = process
        self._network = network

    async def read(self) -> Page:
        after = self._after
        page: Page = await self._network.call(
            self._process, "source.read", lambda: self._source.page(self._shard_id, after)
        )
        if page.records:
            self._after = After(page.records[-1].position)
        return page


class DirectoryPort(Through):
    """`on_told`: what the process was told of whom, when it hears it."""

    def __init__(
        self,
        port: object,
        process: Process,
        network: Network,
        *,
        on_told: Callable[[str, Mapping[str, Person]], None],
    ) -> None:
        super().__init__("directory", port, process, network)
        self._look_up_now = self._call_of("look_up")
        self._on_told = on_told

    async def look_up(self, user_ids: Collection[str]) -> Mapping[str, Person]:
        people: Mapping[str, Person] = await self._look_up_now(user_ids)
        self._on_told(self._process.name, people)
        return people


class RetryQueuePort(Through):
    """A receive waits, and visibility counts from its call's start on the receiver's own clock, as a delay does on
    the sender's. `on_received`: what the process got hold of.
    """

    def __init__(
        self,
        port: object,
        process: Process,
        network: Network,
        clock: Clock,
        *,
        visibility_s: float,
        on_received: Callable[[str, Iterable[RetryMessage]], None],
    ) -> None:
        super().__init__("retry", port, process, network)
        self._clock = clock
        self._visibility_s = visibility_s
        self._on_received = on_received
        self._receive_now = self._call_of("receive")
        self._put_now = self._call_of("put")

    async def put(self, messages: Sequence[RetryMessage]) -> list[bool]:
        taken: list[bool] = await self._put_now(messages, now_s=self._clock.now_s())
        return taken

    async def receive(self, wait_s: float) -> list[Received]:
        polls = max(1, round(wait_s / _POLL_S))
        for _ in range(polls):
            until_s = self._clock.elapsed_s() + self._visibility_s
            received: list[Received] = await self._receive_now(0.0)
            if received:
                self._on_received(self._process.name, [one.message for one in received])
                return [msgspec.structs.replace(one, visible_again_at_s=until_s) for one in received]
            await self._clock.sleep(_POLL_S)
        return []
