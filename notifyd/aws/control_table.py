"""The control table: one item of switches, and what each worker reports of its providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from notifyd.aws.blueprint import TTL_ATTRIBUTE
from notifyd.aws.operation import read_answer
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import ProviderSwitch, Switches
from notifyd.wire.aws_call import AwsService

_TARGET: Final = "DynamoDB_20120810."
_SWITCHES: Final = {"key": {"S": "switches"}}
_WORKER: Final = "worker#"
# Of a worker that is gone; nobody reads it long before.
_REPORT_KEPT_S: Final = 3600
_ATTEMPTS_MAX: Final = 2
# Every change is one write on sets, so that two people at once never undo each other.
_CHANGES: Final[dict[ProviderSwitch, str]] = {
    ProviderSwitch.ENABLED: "DELETE disabled :name, draining :name",
    ProviderSwitch.DISABLED: "ADD disabled :name DELETE draining :name",
    ProviderSwitch.DRAINING: "ADD draining :name DELETE disabled :name",
}


class _Names(msgspec.Struct, frozen=True):
    SS: list[str] = []


class _SwitchItem(msgspec.Struct, frozen=True):
    disabled: _Names = _Names()
    draining: _Names = _Names()
    paused: _Names = _Names()


class _Got(msgspec.Struct):
    Item: _SwitchItem = _SwitchItem()


class _Text(msgspec.Struct, frozen=True):
    S: str = ""


class _Number(msgspec.Struct, frozen=True):
    N: str = "0"


class _ReportItem(msgspec.Struct):
    key: _Text
    at: _Number = _Number()
    report: _Text = _Text("[]")


class _Scanned(msgspec.Struct):
    Items: list[_ReportItem] = []
    LastEvaluatedKey: dict[str, dict[str, Any]] | None = None


class WorkerReport(msgspec.Struct, frozen=True):
    worker_id: str
    at_s: float
    providers: list[Seen]


_GOT = msgspec.json.Decoder(_Got)
_SCANNED = msgspec.json.Decoder(_Scanned)


class DynamoDbControlTable:
    """Every call raises AwsError or TransportError."""

    def __init__(self, table: str, service: AwsService, *, timeout_s: float) -> None:
        self._table = table
        self._service = service
        self._timeout_s = timeout_s

    async def switches(self) -> Switches:
        body = {"TableName": self._table, "Key": _SWITCHES, "ConsistentRead": True}
        item = read_answer("GetItem", await self._call("GetItem", body), _GOT).Item
        off = dict.fromkeys(item.disabled.SS, ProviderSwitch.DISABLED)
        draining = dict.fromkeys(item.draining.SS, ProviderSwitch.DRAINING)
        return Switches(draining | off, frozenset(item.paused.SS))

    async def switch(self, provider: str, to: ProviderSwitch) -> None:
        await self._change(_CHANGES[to], provider)

    async def pause(self, type_name: str) -> None:
        await self._change("ADD paused :name", type_name)

    async def resume(self, type_name: str) -> None:
        await self._change("DELETE paused :name", type_name)

    async def report(self, worker_id: str, at_s: float, providers: Sequence[Seen]) -> None:
        item = {
            "key": {"S": _WORKER + worker_id},
            "at": {"N": f"{at_s:.3f}"},
            "report": {"S": msgspec.json.encode(providers).decode()},
            TTL_ATTRIBUTE: {"N": str(int(at_s) + _REPORT_KEPT_S)},
        }
        await self._call("PutItem", {"TableName": self._table, "Item": item})

    async def reports(self) -> list[WorkerReport]:
        """Of every worker that reported within the last hour."""
        found = []
        body: dict[str, Any] = {"TableName": self._table}
        while True:
            page = read_answer("Scan", await self._call("Scan", body), _SCANNED)
            found += [
                WorkerReport(
                    item.key.S.removeprefix(_WORKER),
                    float(item.at.N),
                    msgspec.json.decode(item.report.S, type=list[Seen]),
                )
                for item in page.Items
                if item.key.S.startswith(_WORKER)
            ]
            if page.LastEvaluatedKey is None:
                return found
            body["ExclusiveStartKey"] = page.LastEvaluatedKey

    async def _change(self, expression: str, name: str) -> None:
        values = {":name": {"SS": [name]}}
        body = {"TableName": self._table, "Key": _SWITCHES, "UpdateExpression": expression}
        await self._call("UpdateItem", body | {"ExpressionAttributeValues": values})

    async def _call(self, operation: str, body: dict[str, Any]) -> bytes:
        return await self._service.call(
            _TARGET + operation, msgspec.json.encode(body), timeout_s=self._timeout_s, attempts_max=_ATTEMPTS_MAX
        )
