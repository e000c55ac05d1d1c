"""A web push decrypted as a browser does: RFC 8188 (aes128gcm, one record) with the keys of RFC 8291."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_HEADER = struct.Struct(">16sIB")
_POINT_BYTES = 65
_TAG_BYTES = 16


class Undecipherable(Exception):
    """Its text says what of the body is wrong."""


def decrypted(body: bytes, private_key: ec.EllipticCurvePrivateKey, auth_secret: bytes) -> bytes:
    """Raises Undecipherable."""
    if len(body) < _HEADER.size + _POINT_BYTES + _TAG_BYTES + 1:
        raise Undecipherable(f"{len(body)} bytes hold no header and record of aes128gcm")
    salt, record_bytes, key_id_bytes = _HEADER.unpack_from(body)
    if key_id_bytes != _POINT_BYTES:
        raise Undecipherable(f"the key id has {key_id_bytes} bytes; it is an uncompressed P-256 point of 65")
    point = body[_HEADER.size : _HEADER.size + _POINT_BYTES]
    record = body[_HEADER.size + _POINT_BYTES :]
    if record_bytes < len(record):
        raise Undecipherable(f"the record size {record_bytes} asks for several records; a push has one")
    try:
        sender_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise Undecipherable(f"the key id is no point of P-256: {error}") from error
    shared = private_key.exchange(ec.ECDH(), sender_key)
    info = b"WebPush: info\0" + point_of(private_key.public_key()) + point
    secret = _derived(shared, auth_secret, info, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    try:
        padded = AESGCM(key).decrypt(nonce, record, None)
    except InvalidTag as error:
        raise Undecipherable("the record was not encrypted for this subscription") from error
    text, delimiter, padding = padded.rpartition(b"\x02")
    if not delimiter or padding.strip(b"\0"):
        raise Undecipherable("the last record does not end with 0x02 and zeros")
    return text


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Uncompressed."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def base64url(data: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With padding or without. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
