"""The first equation: read = before_start + filtered + unmatched + malformed + duplicate + expanded."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache


class Account(IntEnum):
    """What became of a record; the value is its index in an account's counts."""

    BEFORE_START = 0
    FILTERED = 1
    UNMATCHED = 2
    MALFORMED = 3
    DUPLICATE = 4
    EXPANDED = 5


@cache
def account_names() -> tuple[str, ...]:
    return tuple(account.name.lower() for account in Account)


def growth(before: Mapping[str, int], after: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    """By account, those that have grown alone: as a counter with that label takes it."""
    return {(name,): more for name in account_names() if (more := after[name] - before.get(name, 0))}


class Accounted:
    """Cumulative counts of settled records. `read` is counted by itself, so that a residue can show."""

    __slots__ = ("counts", "read")

    def __init__(self, read: int = 0, counts: list[int] | None = None) -> None:
        self.read = read
        self.counts = counts if counts is not None else [0] * len(Account)

    def count(self, account: int) -> None:
        self.read += 1
        self.counts[account] += 1

    def residue(self) -> int:
        return self.read - sum(self.counts)

    def as_dict(self) -> dict[str, int]:
        return {"read": self.read, **dict(zip(account_names(), self.counts, strict=True))}

    @classmethod
    def from_dict(cls, values: dict[str, int]) -> Accounted:
        return cls(values.get("read", 0), [values.get(name, 0) for name in account_names()])
