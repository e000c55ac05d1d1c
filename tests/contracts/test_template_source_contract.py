"""One suite over the folder, and the S3 store on S3's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from notifyd.aws.session import AwsSession
from notifyd.aws.template_store import S3TemplateStore
from notifyd.errors import ConfigError
from notifyd.ports import TemplateSource
from notifyd.template_folder import TemplateFolder

TEXTS = {"paid/email.subject": "é {{ data.x }}\n", "paid/email.text": "two\r\nlines", "_layout/x.html": ""}


class Place(Protocol):
    """Where the templates lie, for whoever writes them."""

    source: TemplateSource

    async def write(self, name: str, data: bytes) -> None: ...
    async def remove(self, name: str) -> None: ...


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.source: TemplateSource = TemplateFolder(folder)

    async def write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def remove(self, name: str) -> None:
        (self._folder / name).unlink()


class S3Place:
    def __init__(self, client: Any, bucket: str, session: AwsSession) -> None:
        self._client = client
        self._bucket = bucket
        self.source: TemplateSource = S3TemplateStore(f"s3://{bucket}/mails/v1", session)

    async def write(self, name: str, data: bytes) -> None:
        await self._client.put_object(Bucket=self._bucket, Key=f"mails/v1/{name}", Body=data)

    async def remove(self, name: str) -> None:
        await self._client.delete_object(Bucket=self._bucket, Key=f"mails/v1/{name}")


@pytest.fixture(params=["folder", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | FolderPlace:
    answers: AwsSession | FolderPlace = (
        request.getfixturevalue("aws")
        if request.param == "aws"
        else FolderPlace(request.getfixturevalue("tmp_path"))
    )
    return answers


@pytest.fixture
async def place(behind: AwsSession | FolderPlace, prefix: str) -> AsyncIterator[Place]:
    if isinstance(behind, FolderPlace):
        yield behind
        return
    async with behind.client("s3") as s3:
        await s3.create_bucket(Bucket=prefix)
        await s3.put_object(Bucket=prefix, Key="mails/v10/paid/email.text", Body=b"beside the prefix")
        yield S3Place(s3, prefix, behind)


async def test_a_byte_order_mark_is_no_part_of_a_text(place: Place) -> None:
    """Some editors write one; of an SMS it would make UCS-2, and of a field's name another name."""
    await place.write("paid/sms.text", "\ufeffé {{ data.x }}".encode())

    fetched = await place.source.fetch(None)

    assert fetched is not None
    assert fetched[1] == {"paid/sms.text": "é {{ data.x }}"}


async def test_texts_come_by_their_names_below_the_place(place: Place) -> None:
    for name, text in TEXTS.items():
        await place.write(name, text.encode())
    fetched = await place.source.fetch(None)

    assert fetched is not None
    assert fetched[1] == TEXTS


async def test_nothing_comes_while_the_version_stands(place: Place) -> None:
    await place.write("paid/email.text", b"one")
    fetched = await place.source.fetch(None)

    assert fetched is not None
    assert await place.source.fetch(fetched[0]) is None
    assert await place.source.fetch(None) == fetched
    assert await place.source.fetch("another") == fetched


async def test_a_change_an_addition_and_a_removal_each_make_a_new_version(place: Place) -> None:
    versions = set()
    await place.write("paid/email.text", b"one")
    texts: dict[str, str] = {}
    for step in ("as it is", "change", "add", "remove"):
        match step:
            case "change":
                await place.write("paid/email.text", b"two")
            case "add":
                await place.write("paid/email.html", b"three")
            case "remove":
                await place.remove("paid/email.text")
            case _:
                pass
        fetched = await place.source.fetch(None)
        assert fetched is not None
        version, texts = fetched
        versions.add(version)

    assert len(versions) == 4
    assert texts == {"paid/email.html": "three"}


async def test_hidden_files_are_left_out(place: Place) -> None:
    await place.write("paid/email.text", b"x")
    await place.write(".git/config", b"\xff")
    await place.write("paid/.email.text.swp", b"\xff")
    fetched = await place.source.fetch(None)

    assert fetched is not None
    assert fetched[1] == {"paid/email.text": "x"}


async def test_what_is_no_text_is_the_operators_fault_by_its_name(place: Place) -> None:
    await place.write("paid/email.text", b"x")
    await place.write("paid/email.html", b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"paid/email\.html.*UTF-8"):
        await place.source.fetch(None)


async def test_a_folder_is_read_as_kubernetes_mounts_a_config_map(tmp_path: Path) -> None:
    # `items` with a path below the mount: the folder of each type is a link into the hidden data.
    (tmp_path / "..2026_01_31" / "paid").mkdir(parents=True)
    (tmp_path / "..2026_01_31" / "paid" / "email.text").write_text("paid")
    (tmp_path / "..data").symlink_to("..2026_01_31")
    (tmp_path / "paid").symlink_to("..data/paid")
    fetched = await TemplateFolder(tmp_path).fetch(None)
    assert fetched is not None
    assert fetched[1] == {"paid/email.text": "paid"}


async def test_a_folder_that_holds_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "paid").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="holds itself"):
        await TemplateFolder(tmp_path).fetch(None)
