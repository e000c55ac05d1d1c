"""What happened, as a hash to compare two runs by and a tail to read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import blake2b

from click import echo


class Trace:
    def __init__(self, time: Callable[[], float], *, tail: int = 60, follow: bool = False) -> None:
        self._time = time
        self._hash = blake2b(digest_size=8)
        self._follow = follow
        self.tail: deque[str] = deque(maxlen=tail)

    def note(self, what: str) -> None:
        line = f"{self._time():12.6f} {what}"
        self._hash.update(line.encode())
        self.tail.append(line)
        if self._follow:
            echo(line)

    def digest(self) -> str:
        return self._hash.hexdigest()
