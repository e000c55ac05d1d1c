"""The admin port, over a real socket."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from notifyd.errors import ConfigError
from notifyd.http.admin import OwnPages, admin_app, serve_admin
from notifyd.http.health import DependencyHealth, ShardHealth


class FakeHealth:
    """A process that is well until a test says otherwise."""

    version = "1.2.3"
    state = "running"

    def __init__(self) -> None:
        self.not_live: list[str] = []
        self.not_ready: list[str] = []
        self.known_dependencies: list[DependencyHealth] = []
        self.known_shards: list[ShardHealth] = []

    def why_not_live(self) -> Sequence[str]:
        return self.not_live

    def why_not_ready(self) -> Sequence[str]:
        return self.not_ready

    def dependencies(self) -> Sequence[DependencyHealth]:
        return self.known_dependencies

    def shards(self) -> Sequence[ShardHealth]:
        return self.known_shards


@pytest.fixture
def health() -> FakeHealth:
    return FakeHealth()


@pytest.fixture
async def client(health: FakeHealth) -> AsyncIterator[aiohttp.ClientSession]:
    app = admin_app(
        OwnPages(health, lambda: b"notifyd_records_total 7.0\n", lambda text: text.replace("a@b.c", "#hash"))
    )
    async with (
        serve_admin(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        yield client


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with client.get(path) as response:
        return response.status, await response.text()


async def page(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/healthz") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        body: dict[str, Any] = await response.json()
        return body


async def test_a_process_that_is_well_says_so(client: aiohttp.ClientSession) -> None:
    assert await get(client, "/livez") == (200, "ok\n")
    assert await get(client, "/readyz") == (200, "ok\n")
    assert (await page(client))["ready"] is True


async def test_a_process_that_is_not_ready_is_alive_and_says_why(
    client: aiohttp.ClientSession, health: FakeHealth
) -> None:
    health.not_ready = ["the lease table has not answered for 12 s", "SES refused a@b.c"]
    assert (await get(client, "/livez"))[0] == 200
    text = "the lease table has not answered for 12 s\nSES refused #hash\n"
    assert await get(client, "/readyz") == (503, text)
    assert (await page(client))["why_not_ready"] == text.splitlines()


async def test_only_a_root_task_that_ended_takes_the_life_probe_down(
    client: aiohttp.ClientSession, health: FakeHealth
) -> None:
    health.not_live = ["the root task ended: ValueError"]
    assert await get(client, "/livez") == (503, "the root task ended: ValueError\n")
    assert (await page(client))["live"] is False


async def test_what_a_dependency_said_is_shown_without_addresses_and_cut(
    client: aiohttp.ClientSession, health: FakeHealth
) -> None:
    health.known_dependencies = [
        DependencyHealth("SES", ok=False, last_error=f"refused a@b.c {'x' * 5000}", last_error_age_s=3.0),
        DependencyHealth("table notifyd-log", ok=True),
    ]
    ses, log = (await page(client))["dependencies"]
    assert ses["last_error"].startswith("refused #hash x")
    assert len(ses["last_error"]) < 600
    assert log == {"name": "table notifyd-log", "ok": True, "last_error": None, "last_error_age_s": None}


async def test_of_many_shards_the_worst_are_shown_and_all_are_counted(
    client: aiohttp.ClientSession, health: FakeHealth
) -> None:
    health.known_shards = [
        ShardHealth("orders", "ended", "ended"),
        *(ShardHealth("orders", f"shard-{n}", "reading", iterator_age_s=float(n)) for n in range(1000)),
        ShardHealth("orders", "not-read-yet", "recovering"),
    ]
    shown = await page(client)
    assert shown["shards_total"] == 1002
    assert [shard["shard"] for shard in shown["shards"][:3]] == ["not-read-yet", "shard-999", "shard-998"]
    assert len(shown["shards"]) == 200


async def test_a_scrape_is_prometheus_text(client: aiohttp.ClientSession) -> None:
    async with client.get("/metrics") as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await response.text() == "notifyd_records_total 7.0\n"


@pytest.mark.parametrize("path", ["/", "/healthz/x", "/metrics/../etc"])
async def test_nothing_else_is_served(client: aiohttp.ClientSession, path: str) -> None:
    assert (await get(client, path))[0] == 404


async def test_the_port_is_free_again_afterwards(health: FakeHealth) -> None:
    app = admin_app(OwnPages(health, lambda: b"", str))
    async with serve_admin(app, "127.0.0.1", 0) as port:
        pass
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_a_port_that_is_taken_is_named_with_its_mend(health: FakeHealth) -> None:
    app = admin_app(OwnPages(health, lambda: b"", str))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"admin.port: 127.0.0.1:{port} cannot be bound: .*free the port"):
            async with serve_admin(app, "127.0.0.1", port):
                pass


async def test_a_host_that_is_no_name_is_named_with_its_mend(health: FakeHealth) -> None:
    with pytest.raises(ConfigError, match=r"a\.\.b:0 cannot be bound: "):
        async with serve_admin(admin_app(OwnPages(health, lambda: b"", str)), "a..b", 0):
            pass
