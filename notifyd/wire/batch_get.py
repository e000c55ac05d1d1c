"""BatchGetItem over several tables: what one answer leaves over is asked for again, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from notifyd.core.dynamodb_json import AttributeValue
from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import AwsError, NoAnswer, NotifydError, Throttled, TransportError
from notifyd.ports import Clock, Entropy
from notifyd.wire.aws_error import may_pass

# The service's quotas: keys in one call, bytes of a partition key.
KEYS_MAX = 100
KEY_BYTES_MAX = 2048

T = TypeVar("T")

_BACKOFF_BASE_S = 0.05
_BACKOFF_MAX_S = 1.0


class AwsCaller(Protocol):
    async def call(
        self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
    ) -> bytes: ...


class Table(msgspec.Struct, frozen=True):
    """`attributes`: what is wanted of an item beside its key; none named: the whole item."""

    name: str
    key: str
    attributes: tuple[str, ...] = ()


class Got(msgspec.Struct, Generic[T]):
    """Items by table; `unread` are the keys that nothing is known of, by `failure`."""

    items: dict[str, list[T]]
    unread: dict[str, set[str]] = {}
    failure: NotifydError | None = None


class _Keys(msgspec.Struct, rename="pascal"):
    keys: list[dict[str, AttributeValue]]


class _Answer(msgspec.Struct, Generic[T], rename="pascal"):
    responses: dict[str, list[T]]
    unprocessed_keys: dict[str, msgspec.Raw] = {}


class BatchGet(Generic[T]):
    """`call_timeout_s` bounds a call, `deadline_s` and `rounds_max` all that one `get` makes.

    `item_type`: as what items are decoded.
    """

    def __init__(
        self,
        caller: AwsCaller,
        tables: Collection[Table],
        item_type: type[T],
        *,
        clock: Clock,
        entropy: Entropy,
        call_timeout_s: float = 2.0,
        deadline_s: float = 5.0,
        rounds_max: int = 6,
    ) -> None:
        self._caller = caller
        self._decode = msgspec.json.Decoder(_Answer[item_type]).decode  # type: ignore[valid-type]
        self._tables = {table.name: table for table in tables}
        self._projections = {table.name: _projection(table) for table in tables}
        self._clock = clock
        self._entropy = entropy
        self._call_timeout_s = call_timeout_s
        self._deadline_s = deadline_s
        self._rounds_max = rounds_max

    async def get(self, keys: Mapping[str, Collection[str]], *, consistent: bool = False) -> Got[T]:
        """`keys`: by table, at most KEYS_MAX in all, none twice, each one `askable`."""
        got: Got[T] = Got({name: [] for name in keys})
        pending = self._wanted(keys, consistent=consistent)
        if not pending:
            return got
        deadline_at_s = self._clock.elapsed_s() + self._deadline_s
        for made in range(self._rounds_max):
            if made:
                # Full jitter: those who were refused together must not come back together.
                doubled_s = _BACKOFF_BASE_S * 2.0 ** (made - 1)
                await self._clock.sleep(self._entropy.fraction() * min(_BACKOFF_MAX_S, doubled_s))
            left_s = deadline_at_s - self._clock.elapsed_s()
            if left_s <= 0:
                break
            try:
                answer = await self._ask(pending, min(left_s, self._call_timeout_s))
            except (AwsError, TransportError) as failure:
                got.failure = failure
                if not may_pass(failure):
                    break
                continue
            for name, items in answer.responses.items():
                got.items[name].extend(items)
            pending = answer.unprocessed_keys
            if not pending:
                got.failure = None
                return got
            got.failure = Throttled("BatchGetItem", "UnprocessedKeys", f"left over: {len(pending)}", status=200)
        got.unread = {name: self._keys_of(name, left) for name, left in pending.items()}
        return got

    def _wanted(self, keys: Mapping[str, Collection[str]], *, consistent: bool) -> dict[str, msgspec.Raw]:
        wanted: dict[str, msgspec.Raw] = {}
        for name, of_table in keys.items():
            if of_table:
                key = self._tables[name].key
                asked = {"Keys": [{key: {"S": value}} for value in of_table], **self._projections[name]}
                if consistent:
                    asked["ConsistentRead"] = True
                wanted[name] = msgspec.Raw(msgspec.json.encode(asked))
        return wanted

    async def _ask(self, pending: dict[str, msgspec.Raw], timeout_s: float) -> _Answer[T]:
        body = msgspec.json.encode({"RequestItems": pending})
        answer = await self._caller.call("DynamoDB_20120810.BatchGetItem", body, timeout_s=timeout_s)
        try:
            return self._decode(answer)
        except UNREADABLE as unreadable:
            raise NoAnswer(f"BatchGetItem: unreadable answer of {len(answer)} bytes") from unreadable

    def _keys_of(self, name: str, left: msgspec.Raw) -> set[str]:
        key = self._tables[name].key
        return {str(entry[key].S) for entry in msgspec.json.decode(left, type=_Keys).keys}


def askable(key: str) -> bool:
    """Whether DynamoDB would look for such a key. One that it refuses fails the whole call."""
    try:
        return 0 < len(key.encode()) <= KEY_BYTES_MAX
    except UnicodeEncodeError:
        return False


def _projection(table: Table) -> dict[str, Any]:
    if not table.attributes:
        return {}
    # By placeholders: half of the everyday names (status, name, data, …) are reserved words.
    names = {f"#{number}": name for number, name in enumerate((table.key, *table.attributes))}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
