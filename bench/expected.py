"""What has to come of events: a function of their numbers, as they are themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from bench.servers.events import Shape
from bench.servers.people import People


class Expected(msgspec.Struct, frozen=True):
    """`suppressed`: events whose user wants nothing; each has one row that says so."""

    deliveries: int
    suppressed: int

    @property
    def rows(self) -> int:
        return self.deliveries + self.suppressed

    def __add__(self, other: Expected) -> Expected:
        return Expected(self.deliveries + other.deliveries, self.suppressed + other.suppressed)


def expected(numbers: Iterable[int], shape: Shape, people: People, pushed: Collection[str]) -> Expected:
    """`pushed`: types that go to each of a user's devices; others go to one address."""
    deliveries = suppressed = 0
    for number in numbers:
        user_number = shape.user_number(number)
        if people.has_opted_out(user_number):
            suppressed += 1
        elif shape.detail_type(number) in pushed:
            deliveries += len(people.tokens(user_number))
        else:
            deliveries += 1
    return Expected(deliveries, suppressed)
