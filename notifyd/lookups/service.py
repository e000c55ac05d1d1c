"""Facts from an HTTPS service of the operator's.

    POST <url>   {"keys": ["a", "b"]}
    200          {"found": {"a": {…}}}

A key that is not in `found` is known to be absent. Every other status, and every other answer, means that
nothing is known. The service may be asked the same again: asking changes nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import NoAnswer, NotifydError, TransportError
from notifyd.ports import Clock, Entropy
from notifyd.wire.read_through import Fetched
from notifyd.wire.transport import Request, Response, Transport

# The second attempt is for a keep-alive connection that the service was just closing.
_ATTEMPTS_MAX = 2
_BACKOFF_MAX_S = 0.05


class ServicePolicy(msgspec.Struct, frozen=True):
    """`deadline_s` bounds both attempts together; `headers` are sent with each, an Authorization for one."""

    deadline_s: float = 1.0
    keys_max: int = 100
    headers: Mapping[str, str] = {}


class NoFacts(NotifydError):
    """The service answered, and not with facts."""


class _Answer(msgspec.Struct):
    found: dict[str, Any]


_ANSWERS = msgspec.json.Decoder(_Answer)


class ServiceFacts:
    """A FactSource."""

    def __init__(
        self, transport: Transport, url: str, *, clock: Clock, entropy: Entropy, policy: ServicePolicy
    ) -> None:
        self._transport = transport
        self._url = url
        self._clock = clock
        self._entropy = entropy
        self._policy = policy
        self._headers = {"content-type": "application/json", "accept": "application/json", **policy.headers}

    @property
    def keys_max(self) -> int:
        return self._policy.keys_max

    async def read(self, keys: Sequence[str]) -> Fetched[object]:
        request = Request("POST", self._url, self._headers, msgspec.json.encode({"keys": keys}))
        deadline_at_s = self._clock.elapsed_s() + self._policy.deadline_s
        failure: NotifydError = NoAnswer(f"{self._url}: the deadline was over")
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                await self._clock.sleep(self._entropy.fraction() * _BACKOFF_MAX_S)
            left_s = deadline_at_s - self._clock.elapsed_s()
            if left_s <= 0:
                break
            try:
                answer = await self._transport.send(request, timeout_s=left_s)
            except TransportError as error:
                failure = error
            else:
                return self._facts(keys, answer)
        return Fetched({}, failure)

    def _facts(self, keys: Sequence[str], answer: Response) -> Fetched[object]:
        if answer.status != 200:
            return Fetched({}, NoFacts(f"{self._url}: HTTP {answer.status}"))
        try:
            found = _ANSWERS.decode(answer.body).found
        except UNREADABLE as error:
            return Fetched({}, NoFacts(f"{self._url}: {error}"))
        return Fetched({key: found.get(key) for key in keys})
