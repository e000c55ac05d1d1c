"""Values of config that are more than a number or a word."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from notifyd.core.sequence import AtTimestamp, Latest, StartingPosition, TrimHorizon
from notifyd.wire.tls import client_context


def wrong(what: str, mend: str, key: str = "") -> PydanticCustomError:
    """A fault with its mend. `key`: dotted, where a section as a whole is checked."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "mend": mend, "key": key})


def parse_start(value: object) -> StartingPosition:
    """LATEST, TRIM_HORIZON or an ISO 8601 time with its zone (YAML hands times over as datetime)."""
    if isinstance(value, Latest | TrimHorizon | AtTimestamp):
        return value
    if value == "LATEST":
        return Latest()
    if value == "TRIM_HORIZON":
        return TrimHorizon()
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise wrong(
            f"is {str(value)!r}", "write LATEST, TRIM_HORIZON or a time with its zone: 2026-01-31T00:00:00Z"
        )
    return AtTimestamp(moment.timestamp())


def start_text(start: StartingPosition) -> str:
    match start:
        case Latest():
            return "LATEST"
        case TrimHorizon():
            return "TRIM_HORIZON"
        case AtTimestamp(timestamp_s):
            return f"AT_TIMESTAMP:{timestamp_s}"


Start = Annotated[
    StartingPosition,
    PlainValidator(parse_start),
    PlainSerializer(start_text),
    WithJsonSchema({"anyOf": [{"enum": ["LATEST", "TRIM_HORIZON"]}, {"type": "string", "format": "date-time"}]}),
]


def parse_filter_criteria(value: object) -> object:
    """Takes a list of patterns, one pattern, or Lambda's own `{Filters: [{Pattern: <JSON text>}]}` as pasted."""
    if isinstance(value, dict) and "Filters" in value:
        value = [entry.get("Pattern") if isinstance(entry, dict) else entry for entry in value["Filters"]]
    if isinstance(value, dict | str):
        value = [value]
    if not isinstance(value, list):
        return value
    try:
        return [json.loads(entry) if isinstance(entry, str) else entry for entry in value]
    except json.JSONDecodeError as error:
        raise wrong(f"holds a pattern that is no JSON: {error}", "mend the pattern's JSON text") from None


FilterCriteria = Annotated[tuple[dict[str, Any], ...], BeforeValidator(parse_filter_criteria)]

Bytes = Annotated[
    ByteSize,
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "examples": ["64 MiB"]}]}),
]


def check_ca_file(path: Path) -> Path:
    """One that cannot be trusted would be found by the first connection."""
    try:
        client_context(path)
    except OSError as error:  # ssl's are of this kind
        raise wrong(f"is {str(path)!r}: {error.strerror}", "name a PEM file of certificates") from None
    return path


CaFile = Annotated[Path, AfterValidator(check_ca_file)]


class Dedupe(StrEnum):
    """Whether what a producer sent twice is sent once."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


def parse_dedupe(value: object) -> object:
    """YAML reads on and off as true and false."""
    return {True: Dedupe.ON, False: Dedupe.OFF}[value] if isinstance(value, bool) else value


DedupeChoice = Annotated[Dedupe, BeforeValidator(parse_dedupe)]

# More is a slip of the pen: no machine that one would rent for this has so many cores.
WORKERS_MAX = 256


def parse_workers(value: object) -> object:
    """auto, or a number (from the environment: its digits)."""
    if value == "auto":
        return value
    count = int(value) if isinstance(value, str) and value.isdecimal() else value
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= WORKERS_MAX:
        raise wrong(f"is {value!r}", f"write auto, or how many processes: 1 to {WORKERS_MAX}")
    return count


Workers = Annotated[
    int | Literal["auto"],
    BeforeValidator(parse_workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": WORKERS_MAX}]}),
]
