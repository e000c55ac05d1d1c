"""Hand-written AWS requests held against botocore's own service models."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from functools import cache
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

_SERVICE_OF_TARGET = {
    "AmazonSQS": "sqs",
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "Kinesis_20131202": "kinesis",
}
_SERVICE_OF_PATH = {"/v2/email/": "sesv2"}


class Refused(Exception):
    """The request is not what AWS's model says; the text is what is wrong."""


class Named:
    """A request's service and operation, and those parameters that stand in its path."""

    def __init__(self, service: Any, operation: Any, path_parameters: dict[str, str]) -> None:
        self.service = service
        self.operation = operation
        self.path_parameters = path_parameters


def name_request(method: str, path: str, target: str | None) -> Named:
    if target is not None:
        prefix, _, name = target.rpartition(".")
        if prefix not in _SERVICE_OF_TARGET:
            raise Refused(f"X-Amz-Target {target!r}: no such service")
        service = _service(_SERVICE_OF_TARGET[prefix])
        if (method, path) != ("POST", "/") or name not in service.operation_names:
            raise Refused(f"{method} {path} with X-Amz-Target {target!r}: no such operation")
        return Named(service, service.operation_model(name), {})
    for prefix, service_name in _SERVICE_OF_PATH.items():
        if path.startswith(prefix):
            return _rest_operation(_service(service_name), method, path)
    raise Refused(f"{method} {path}: neither an X-Amz-Target nor the path of a known service")


def check_body(named: Named, content_type: str | None, body: bytes) -> None:
    """Members, types, bounds, enums and base64, all of them, against the operation's input shape."""
    metadata = named.service.metadata
    rest = metadata["protocol"] == "rest-json"
    expected = "application/json" if rest else f"application/x-amz-json-{metadata['jsonVersion']}"
    if body and content_type != expected:
        raise Refused(f"content-type is {content_type!r}, the service takes {expected!r}")
    try:
        members = json.loads(body) if body else {}
    except ValueError as error:
        raise Refused(f"the body is no JSON: {error}") from error
    shape = named.operation.input_shape
    if not isinstance(members, dict):
        raise Refused(f"the body is a {type(members).__name__}, not an object")
    faults: list[str] = []
    members = _strict({**members, **named.path_parameters}, shape, "body", faults)
    report = ParamValidator().validate(members, shape)
    if report.has_errors():
        faults.append(report.generate_report())
    if faults:
        raise Refused("; ".join(faults))


@cache
def _service(name: str) -> Any:
    return Session().get_service_model(name)


def _rest_operation(service: Any, method: str, path: str) -> Named:
    for name in service.operation_names:
        operation = service.operation_model(name)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
        match = re.fullmatch(pattern, path)
        if match and operation.http["method"] == method:
            return Named(service, operation, match.groupdict())
    raise Refused(f"{method} {path}: no such operation of {service.service_name}")


def _strict(value: Any, shape: Any, where: str, faults: list[str]) -> Any:
    """The value as botocore's validator wants it, with faults that the validator lets pass."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        # DynamoDB's model does not say that it is a union.
        if shape.name == "AttributeValue" and len(value) != 1:
            faults.append(f"{where}: an attribute value has exactly one type, not {sorted(value)}")
        return {
            name: _strict(part, shape.members[name], f"{where}.{name}", faults) if name in shape.members else part
            for name, part in value.items()
        }
    if kind == "map" and isinstance(value, dict):
        return {
            _strict(name, shape.key, f"{where} key", faults): _strict(part, shape.value, f"{where}.{name}", faults)
            for name, part in value.items()
        }
    if kind == "list" and isinstance(value, list):
        _check_most(len(value), shape, where, faults)
        return [_strict(part, shape.member, f"{where}[{number}]", faults) for number, part in enumerate(value)]
    return _strict_scalar(value, shape, where, faults)


def _strict_scalar(value: Any, shape: Any, where: str, faults: list[str]) -> Any:
    match shape.type_name:
        case "blob":
            try:
                return b64decode(value, validate=True)
            except (binascii.Error, TypeError, ValueError):
                faults.append(f"{where}: a blob is base64, not {value!r}")
                return b""
        case "string" if isinstance(value, str):
            _check_most(len(value), shape, where, faults)
            if shape.enum and value not in shape.enum:
                faults.append(f"{where}: {value!r} is none of {shape.enum}")
        case "integer" | "long" if isinstance(value, bool):
            faults.append(f"{where}: {value!r} is no number")
        case "integer" | "long" if isinstance(value, int):
            _check_most(value, shape, where, faults)
    return value


def _check_most(measure: int, shape: Any, where: str, faults: list[str]) -> None:
    most = shape.metadata.get("max")
    if most is not None and measure > most:
        faults.append(f"{where}: {measure}, at most {most}")
