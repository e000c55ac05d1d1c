"""Writes aggregates as the KPL does, for tests; shares no code with what takes them apart."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5

import msgspec


class Put(msgspec.Struct, frozen=True):
    """One user record as a producer hands it to the KPL."""

    partition_key: str
    data: bytes
    explicit_hash_key: str | None = None


def aggregate(puts: Sequence[Put]) -> bytes:
    keys = sorted({put.partition_key for put in puts})
    explicit_keys = sorted({put.explicit_hash_key for put in puts if put.explicit_hash_key is not None})
    message = b"".join(
        [
            *(_bytes_field(1, key.encode()) for key in keys),
            *(_bytes_field(2, key.encode()) for key in explicit_keys),
            *(_bytes_field(3, _user_record(put, keys, explicit_keys)) for put in puts),
        ]
    )
    return sealed(message)


def sealed(message: bytes) -> bytes:
    """Magic and digest around any bytes."""
    return b"\xf3\x89\x9a\xc2" + message + md5(message, usedforsecurity=False).digest()


def _user_record(put: Put, keys: list[str], explicit_keys: list[str]) -> bytes:
    fields = [b"\x08", _number(keys.index(put.partition_key))]
    if put.explicit_hash_key is not None:
        fields += [b"\x10", _number(explicit_keys.index(put.explicit_hash_key))]
    return b"".join([*fields, _bytes_field(3, put.data)])


def _bytes_field(number: int, value: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(value)) + value


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
