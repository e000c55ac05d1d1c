"""Templates out of S3: everything below a prefix. What changed since the last time is known by its ETag."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
from aiohttp import ClientPayloadError
from botocore.exceptions import BotoCoreError, ClientError

from notifyd.errors import AwsError, ConfigError, Fault, NoAnswer

OBJECTS_MAX: Final = 2000
BYTES_MAX: Final = 16 * 1024 * 1024
_READS_MAX: Final = 16
# Objects that are replaced between listing and reading make the listing stale; the next refresh comes anyway.
_LISTINGS_MAX: Final = 3
_STALE: Final = frozenset({"PreconditionFailed", "NoSuchKey"})
_CONFIG: Final = {
    "NoSuchBucket": "create the bucket or name another one",
    "AccessDenied": "allow s3:ListBucket on the bucket and s3:GetObject on what is below the prefix",
}


class _Text(msgspec.Struct, frozen=True):
    etag: str
    text: str


class _Stale(Exception):
    """An object is no longer what was listed."""


class Clients(Protocol):
    """What it needs of an AwsSession."""

    def client(self, service: str) -> AbstractAsyncContextManager[Any]: ...


class S3TemplateStore:
    """`place`: `s3://bucket/prefix`. Only objects that changed are read.

    It opens a client for each fetch: 6 ms once a minute, and nothing that would have to be closed.
    """

    def __init__(self, place: str, session: Clients) -> None:
        self._session = session
        self._bucket, _, prefix = place.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._texts: dict[str, _Text] = {}

    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        """Of notifyd.ports.TemplateSource.

        Raises:
            ConfigError: the bucket is not there or not ours, or what it holds cannot be templates.
            AwsError, TransportError: it could not be read this time.
        """
        try:
            async with self._session.client("s3") as s3:
                return await self._fetch(s3, known_version)
        except ClientError as error:
            raise self._failure(error) from error
        except (BotoCoreError, ClientPayloadError, OSError) as error:
            # aiobotocore passes on what aiohttp says of an object that was cut off in the middle.
            raise NoAnswer(f"{self._where()}: {error}") from error

    async def _fetch(self, s3: Any, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        for _ in range(_LISTINGS_MAX):
            etags = await self._list(s3)
            version = _version(etags)
            if version == known_version:
                return None
            try:
                self._texts = await self._read(s3, etags)
            except _Stale:
                continue
            return version, {name: text.text for name, text in self._texts.items()}
        raise NoAnswer(f"{self._where()}: the templates were replaced again and again while they were read")

    async def _list(self, s3: Any) -> dict[str, str]:
        etags: dict[str, str] = {}
        bytes_listed = 0
        # Page by page: botocore's paginator reads its model from disk at every use.
        more: dict[str, str] = {}
        while True:
            page = await s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **more)
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(self._prefix)
                if name and not name.endswith("/") and not any(part.startswith(".") for part in name.split("/")):
                    etags[name] = entry["ETag"]
                    bytes_listed += entry["Size"]
            if len(etags) > OBJECTS_MAX or bytes_listed > BYTES_MAX:
                what = f"holds over {OBJECTS_MAX} objects or {BYTES_MAX} bytes"
                raise ConfigError([Fault(self._where(), what, "name a prefix that holds templates alone")])
            if not page.get("IsTruncated"):
                return etags
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def _read(self, s3: Any, etags: Mapping[str, str]) -> dict[str, _Text]:
        texts = {name: text for name, text in self._texts.items() if etags.get(name) == text.etag}
        changed = [name for name in etags if name not in texts]
        for start in range(0, len(changed), _READS_MAX):
            names = changed[start : start + _READS_MAX]
            read = await asyncio.gather(
                *(self._get(s3, name, etags[name]) for name in names), return_exceptions=True
            )
            for name, text in zip(names, read, strict=True):
                if isinstance(text, BaseException):
                    raise text
                texts[name] = text
        return texts

    async def _get(self, s3: Any, name: str, etag: str) -> _Text:
        try:
            answer = await s3.get_object(Bucket=self._bucket, Key=self._prefix + name, IfMatch=etag)
            async with answer["Body"] as body:
                data = await body.read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _STALE:
                raise _Stale from error
            raise
        try:
            return _Text(etag, data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            mend = "make it UTF-8 text, or take it away"
            raise ConfigError([Fault(f"{self._where()}{name}", str(error), mend)]) from error

    def _failure(self, error: ClientError) -> AwsError | ConfigError:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _CONFIG:
            return ConfigError([Fault(self._where(), f"{code}: {message}", _CONFIG[code])])
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return AwsError(error.operation_name, code, message, status=status)

    def _where(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"


def _version(etags: Mapping[str, str]) -> str:
    digest = sha256()
    for name in sorted(etags):
        digest.update(msgspec.json.encode((name, etags[name])))
    return digest.hexdigest()[:16]
