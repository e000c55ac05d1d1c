"""What is put into the streams, and what has to come of it: written down without the daemon's code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tests.simulation.dice import Dice
from tests.simulation.world.meaning import Meaning, meanings


class Written(msgspec.Struct):
    """One user record. `account`: its place in the first equation. `due`: what has to come to an end by it."""

    body: bytes
    account: str
    due: tuple[Meaning, ...] = ()


class Burst(msgspec.Struct):
    """Records that arrive together."""

    at_s: float
    source: int
    records: list[Written]


class Load:
    """`records` over `lasts_s`, in bursts over both sources, some of all that a stream can bring."""

    def __init__(self, dice: Dice, users: Sequence[str], *, records: int, lasts_s: float, sources: int) -> None:
        self._dice = dice
        self._users = users
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
            return Written(b"{broken", "malformed")
        if kind < 0.05:
            return Written(self._body(source, event_id, "elsewhere", "paid", ["u1"]), "unmatched")
        if kind < 0.08:
            return Written(self._body(source, event_id, "noise", "paid", ["u1"]), "filtered")
        detail_type = self._dice.weighted(("paid", "asked", "held", "double", "both"), (6, 3, 1, 1, 2))
        count = self._dice.weighted((1, 2, 5, 24), (90, 6, 3, 1))
        users = list(dict.fromkeys(self._dice.one_of(self._users) for _ in range(count)))
        body = self._body(source, event_id, "shop", detail_type, users)
        return Written(body, "expanded", tuple(meanings(event_id, users, detail_type)))

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
