from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from notifyd.aws.session import AwsSession
from notifyd.aws.template_store import OBJECTS_MAX, S3TemplateStore
from notifyd.errors import ConfigError, NoAnswer
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.hostile_server import Exchange, answer, hostile_server

pytestmark = pytest.mark.aws


class Session:
    """Gives the same client every time."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @asynccontextmanager
    async def client(self, service: str) -> AsyncIterator[Any]:
        assert service == "s3"
        yield self._client


class Watched:
    """S3's client, counting the objects that are read; those in `replace` change just before."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.read: list[str] = []
        self.replace: set[str] = set()

    async def list_objects_v2(self, **asked: Any) -> Any:
        return await self._client.list_objects_v2(**asked)

    async def get_object(self, **asked: Any) -> Any:
        self.read.append(asked["Key"])
        if asked["Key"] in self.replace:
            body = f"replaced {len(self.read)}".encode()
            await self._client.put_object(Bucket=asked["Bucket"], Key=asked["Key"], Body=body)
        return await self._client.get_object(**asked)


@pytest.fixture
async def s3(aws: AwsSession, prefix: str) -> AsyncIterator[Any]:
    async with aws.client("s3") as client:
        await client.create_bucket(Bucket=prefix)
        for name in ("a", "b", "c"):
            await client.put_object(Bucket=prefix, Key=f"t/paid/{name}", Body=name.encode())
        yield client


async def test_only_what_changed_is_read_again(s3: Any, prefix: str) -> None:
    watched = Watched(s3)
    store = S3TemplateStore(f"s3://{prefix}/t/", Session(watched))
    await store.fetch(None)
    assert sorted(watched.read) == ["t/paid/a", "t/paid/b", "t/paid/c"]

    watched.read.clear()
    await s3.put_object(Bucket=prefix, Key="t/paid/b", Body=b"new")
    fetched = await store.fetch("old")

    assert fetched is not None
    assert fetched[1] == {"paid/a": "a", "paid/b": "new", "paid/c": "c"}
    assert watched.read == ["t/paid/b"]


async def test_an_object_replaced_while_it_is_read_is_listed_again(s3: Any, prefix: str) -> None:
    watched = Watched(s3)
    store = S3TemplateStore(f"s3://{prefix}/t/", Session(watched))
    watched.replace = {"t/paid/b"}
    with pytest.raises(NoAnswer, match="replaced"):
        await store.fetch(None)

    watched.replace = set()
    fetched = await store.fetch(None)
    assert fetched is not None
    assert fetched[1]["paid/b"].startswith("replaced")


async def test_a_bucket_that_is_not_there_is_the_operators_fault(s3: Any, prefix: str) -> None:
    with pytest.raises(ConfigError, match="NoSuchBucket"):
        await S3TemplateStore(f"s3://{prefix}-no/t", Session(s3)).fetch(None)


async def test_a_prefix_that_holds_far_more_than_templates_is_refused(prefix: str) -> None:
    class Endless:
        """A page of 1,000 objects after the other."""

        pages = 0

        async def list_objects_v2(self, **asked: str) -> dict[str, Any]:
            assert asked.get("ContinuationToken", "0") == str(self.pages)
            self.pages += 1
            entries = [{"Key": f"t/{self.pages}/{number}", "ETag": "e", "Size": 1} for number in range(1000)]
            return {"Contents": entries, "IsTruncated": True, "NextContinuationToken": str(self.pages)}

    endless = Endless()
    with pytest.raises(ConfigError, match=str(OBJECTS_MAX)):
        await S3TemplateStore(f"s3://{prefix}/t", Session(endless)).fetch(None)
    assert endless.pages == OBJECTS_MAX // 1000 + 1


async def test_an_s3_that_is_not_there_is_no_answer() -> None:
    class Down:
        async def list_objects_v2(self, **_: str) -> None:
            raise EndpointConnectionError(endpoint_url="https://s3.example.com")

    with pytest.raises(NoAnswer, match="s3://b/t/"):
        await S3TemplateStore("s3://b/t", Session(Down())).fetch(None)


@pytest.mark.parametrize("ending", [Exchange.close, Exchange.reset])
async def test_an_object_that_is_cut_off_is_no_answer(ending: Callable[[Exchange], None]) -> None:
    """What is none of our errors would end the daemon at its next refresh."""
    entry = b"<Contents><Key>t/paid</Key><ETag>e</ETag><Size>10</Size></Contents>"
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated>" + entry + b"</ListBucketResult>"

    async def behave(exchange: Exchange) -> None:
        if "list-type=2" in exchange.head:
            await exchange.write(answer(body=listing))
            return
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nDear")
        ending(exchange)

    async with hostile_server(behave) as server:
        session = AwsSession(
            "eu-central-1",
            clock=FakeClock(),
            entropy=FakeEntropy(),
            endpoint_url=server.url,
            static=Credentials("key", "secret"),
        )
        with pytest.raises(NoAnswer, match="s3://b/t/"):
            await S3TemplateStore("s3://b/t", session).fetch(None)
