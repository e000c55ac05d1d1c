"""What is put into the streams, and what has to come of it: written down without the daemon's code."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import msgspec

from notifyd.core.user import Contact, UserSettings
from tests.fakes.directory import FakeDirectory
from tests.simulation.dice import Dice
from tests.simulation.world.provider import Meaning

USERS = 240
TYPES_OF = {"paid": ("paid",), "held": ("held",), "asked": ("asked",), "double": ("first", "second")}


class Due(Enum):
    """What a delivery has to come to."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"


class Written(msgspec.Struct):
    """One user record. `account`: its place in the first equation."""

    body: bytes
    account: str
    due: dict[Meaning, Due]


class Burst(msgspec.Struct):
    """Records that arrive together."""

    at_s: float
    source: int
    records: list[Written]


class Population:
    def __init__(self) -> None:
        self.users = [f"u{number}" for number in range(USERS)]
        self.opted_out = frozenset(self.users[10:20])
        self.without_address = frozenset(self.users[20:30])
        self.refused = frozenset(self.users[30:40])

    def directory(self) -> FakeDirectory:
        return FakeDirectory(
            [
                Contact(user, None if user in self.without_address else f"{user}@example.com")
                for user in self.users
            ],
            [UserSettings(user, opted_out=True) for user in sorted(self.opted_out)],
        )

    def due(self, user: str) -> Due:
        if user in self.opted_out or user in self.without_address:
            return Due.SUPPRESSED
        return Due.REJECTED if user in self.refused else Due.SENT


class Load:
    """`records` over `lasts_s`, in bursts over both sources, some of all that a stream can bring."""

    def __init__(self, dice: Dice, population: Population, *, records: int, lasts_s: float, sources: int) -> None:
        self._dice = dice
        self._population = population
        self._records = records
        self._lasts_s = lasts_s
        self._sources = sources
        self._number = 0

    def bursts(self) -> Iterator[Burst]:
        left = self._records
        while left > 0:
            count = min(left, self._dice.one_of((1, 3, 8, 20, 40, self._records // 20)) or 1)
            left -= count
            source = int(self._dice.fraction() * self._sources)
            at_s = self._dice.between(0.0, self._lasts_s)
            yield Burst(at_s, source, [self._record(source) for _ in range(count)])

    def _record(self, source: int) -> Written:
        kind = self._dice.fraction()
        self._number += 1
        event_id = f"evt-{self._number}"
        if kind < 0.02:
            return Written(b"{broken", "malformed", {})
        if kind < 0.05:
            return Written(self._body(source, event_id, "elsewhere", "paid", ["u1"]), "unmatched", {})
        if kind < 0.08:
            return Written(self._body(source, event_id, "noise", "paid", ["u1"]), "filtered", {})
        detail_type = self._dice.weighted(("paid", "asked", "held", "double"), (6, 3, 1, 1))
        count = self._dice.weighted((1, 2, 5, 24), (90, 6, 3, 1))
        users = list(dict.fromkeys(self._dice.one_of(self._population.users) for _ in range(count)))
        body = self._body(source, event_id, "shop", detail_type, users)
        due = {
            (event_id, user, type_name): self._population.due(user)
            for user in users
            for type_name in TYPES_OF[detail_type]
        }
        return Written(body, "expanded", due)

    def _body(self, source: int, event_id: str, producer: str, detail_type: str, users: list[str]) -> bytes:
        if source == 0:
            return msgspec.json.encode(
                {
                    "id": event_id,
                    "source": producer,
                    "detail-type": detail_type,
                    "detail": {"users": users, "amount": 5},
                }
            )
        image = {
            "id": {"S": event_id},
            "source": {"S": producer},
            "detail-type": {"S": detail_type},
            "detail": {"M": {"users": {"L": [{"S": user} for user in users]}, "amount": {"N": "5"}}},
        }
        change = {"Keys": {"id": {"S": event_id}}, "NewImage": image}
        return msgspec.json.encode({"eventName": "INSERT", "dynamodb": change})
