"""`python -m bench.servers.dynamodb`: the tables that the daemon asks and writes, in memory.

Contacts and settings are a pure function of the user's number; leases, log and control are real small tables.
Projections are not applied: an answer holds whole items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from bench.servers.capacity import batch_read_units
from bench.servers.dynamodb_streams import with_stream
from bench.servers.events import user_id
from bench.servers.http import Answer, Asked, Refused, Request, refusal
from bench.servers.log import Log
from bench.servers.people import People
from bench.servers.plan import plan_of
from bench.servers.process import Counted, arguments, now_s, serve, target_operation
from bench.servers.table import ConditionFailed, Table
from notifyd.aws.blueprint import Table as PlannedTable
from notifyd.aws.blueprint import attribute_definitions, key_schema, secondary_index

BATCH_GET_MAX = 100
# Beforehand; a million would take seconds and be looked up once each.
_RENDERED_MAX = 100_000


class _Text(msgspec.Struct, gc=False):
    S: str


class _UserKey(msgspec.Struct, gc=False):
    user_id: _Text


class _UserKeys(msgspec.Struct, gc=False):
    Keys: list[_UserKey]
    ConsistentRead: bool = False


class _BatchGet(msgspec.Struct, gc=False):
    RequestItems: dict[str, _UserKeys]


_BATCH_GET = msgspec.json.Decoder(_BatchGet)


class Dynamodb:
    """`users`: how many will be asked for."""

    def __init__(
        self, prefix: str, latency_s: float, people: People, users: int = 0, *, now_s: Callable[[], float] = now_s
    ) -> None:
        self._latency_s = latency_s
        self._now_s = now_s
        self._people = {
            f"{prefix}-contacts": lru_cache(maxsize=None)(people.contact_item),
            f"{prefix}-settings": lru_cache(maxsize=None)(people.settings_item),
        }
        for item_of in self._people.values():
            for number in range(min(users, _RENDERED_MAX)):
                item_of(user_id(number))
        plan = plan_of(prefix).tables
        self._described = {table.name: _described(table) for table in plan}
        copies = sum(1 + len(table.indexes) for table in plan if table.name == f"{prefix}-log")
        self._log = Log(f"{prefix}-log", copies)
        self._leases = Table(f"{prefix}-leases", "key")
        self._tables = {
            table.name: table for table in (self._log, self._leases, Table(f"{prefix}-control", "key"))
        }
        self._users_read = 0.0
        self._written_s = 0.0

    def answer(self, request: Request) -> Answer:
        try:
            body = self._call(target_operation(request), request.body)
        except Refused as refused:
            answer = refusal(refused.code, str(refused))
        except ConditionFailed as failed:
            extra = b"" if failed.old is None else b',"Item":' + failed.old
            answer = refusal("ConditionalCheckFailedException", str(failed), extra=extra)
        else:
            answer = Answer(body)
        answer.crc32 = True
        answer.delay_s = self._latency_s
        return answer

    def control(self, path: str, _body: bytes) -> dict[str, Any]:
        """`rows`: of the log, by kind. `leases`: what their table was billed; `units`: that and what log and users
        were, and of how many bytes a row is. The rest as the log's rows have it: a sink that cannot count is
        believed what was written down of its answers.

        `owners`: each shard's owner and epoch, asked for by that path alone.
        """
        if path == "owners":
            return {"owners": _owners(self._leases)}
        if path == "window":
            self._log.clear()
            self._users_read = 0.0
            self._leases.meter.clear()
        if path == "progress":
            accepted = self._log.kinds_ever("accepted")
            return {"unique": accepted, "rows": accepted + self._log.kinds_ever("suppressed")}
        return {
            "accepted": self._log.kinds["accepted"],
            **accepted_of(self._log.keys()),
            "last_accepted_s": self._written_s,
            "rows": dict(self._log.kinds),
            "leases": self._leases.meter.said(),
            "units": {**self._log.units(), "users read": self._users_read, **self._lease_units()},
        }

    def _lease_units(self) -> dict[str, float]:
        said = self._leases.meter.said()
        return {
            "leases written": sum(said["write_units"].values()),
            "leases read": sum(said["read_units"].values()),
        }

    def _call(self, operation: str, body: bytes) -> bytes:
        match operation:
            case "BatchGetItem":
                return self._batch_get(_BATCH_GET.decode(body))
            case "BatchWriteItem":
                self._log.write(body)
                self._written_s = self._now_s()
                return b'{"UnprocessedItems":{}}'
            case "DescribeTable":
                return self._describe(msgspec.json.decode(body))
            case "DescribeTimeToLive":
                return b'{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires_at"}}'
            case _:
                return self._on_table(operation, msgspec.json.decode(body))

    def _on_table(self, operation: str, asked: Asked) -> bytes:
        table = self._tables.get(asked["TableName"])
        if table is None:
            raise Refused("ResourceNotFoundException", f"no table {asked['TableName']}")
        match operation:
            case "GetItem":
                item = table.get(asked["Key"])
                return b"{}" if item is None else b'{"Item":%b}' % item
            case "PutItem":
                table.put(asked)
                return b"{}"
            case "UpdateItem":
                after = table.update(asked)
                return msgspec.json.encode({"Attributes": after} if asked.get("ReturnValues") == "ALL_NEW" else {})
            case "DeleteItem":
                table.delete(asked)
                return b"{}"
            case "Scan":
                return _items(table.scan())
            case "Query":
                return _items(list(table.query(asked)))
            case _:
                raise Refused("UnknownOperationException", f"no {operation} here")

    def _batch_get(self, asked: _BatchGet) -> bytes:
        if sum(len(keys.Keys) for keys in asked.RequestItems.values()) > BATCH_GET_MAX:
            raise Refused("ValidationException", "Too many items requested for the BatchGetItem call")
        answers = []
        for name, keys in asked.RequestItems.items():
            item_of = self._people.get(name)
            if item_of is None:
                raise Refused("ResourceNotFoundException", f"no table {name}")
            users = [key.user_id.S for key in keys.Keys]
            if len(set(users)) < len(users):
                raise Refused("ValidationException", "Provided list of item keys contains duplicates")
            items = [item_of(user) for user in users]
            self._users_read += batch_read_units(items, consistent=keys.ConsistentRead)
            answers.append(b'"%b":[%b]' % (name.encode(), b",".join(items)))
        return b'{"Responses":{%b},"UnprocessedKeys":{}}' % b",".join(answers)

    def _describe(self, asked: Asked) -> bytes:
        described = self._described.get(asked["TableName"])
        if described is None:
            raise Refused("ResourceNotFoundException", f"no table {asked['TableName']}")
        return msgspec.json.encode({"Table": described})


def accepted_of(keys: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Of all rows of the log, by (event, row)."""
    unique: set[tuple[str, str]] = set()
    ids: set[str] = set()
    accepted = suppressed = 0
    for event, row in keys:
        delivery_id, _, kind, *_ = row.split("#")
        if kind == "accepted":
            accepted += 1
            unique.add((event, delivery_id))
            ids.add(delivery_id)
        elif kind == "suppressed":
            suppressed += 1
    return {
        "unique": len(unique),
        "duplicates": accepted - len(unique),
        "bad_ids": len(unique) - len(ids),
        "suppressed": suppressed,
    }


def _owners(leases: Table) -> dict[str, tuple[str, int]]:
    items = [msgspec.json.decode(item) for item in leases.items()]
    shards = [item for item in items if item["key"]["S"].startswith("shard#")]
    return {item["key"]["S"]: (item["lease_owner"]["S"], int(item["epoch"]["N"])) for item in shards}


def _described(table: PlannedTable) -> dict[str, Any]:
    indexes = [secondary_index(index) | {"IndexStatus": "ACTIVE"} for index in table.indexes]
    return {
        "TableName": table.name,
        "TableStatus": "ACTIVE",
        "TableArn": f"arn:aws:dynamodb:eu-central-1:123456789012:table/{table.name}",
        "KeySchema": key_schema(table.key),
        "AttributeDefinitions": attribute_definitions(table),
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        **(with_stream(table.name) if table.streamed else {}),
    }


def _items(items: list[bytes]) -> bytes:
    return b'{"Items":[%b],"Count":%d,"ScannedCount":%d}' % (b",".join(items), len(items), len(items))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--prefix", default="bench")
    parser.add_argument("--latency-ms", type=float, default=5.0)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--people", default="{}", help="what of them is not as usual, in JSON")
    options = parser.parse_args()
    people = msgspec.json.decode(options.people, type=People)
    tables = Dynamodb(options.prefix, options.latency_ms / 1000, people, options.users)
    serve(Counted(tables, target_operation), options)


if __name__ == "__main__":
    main()
