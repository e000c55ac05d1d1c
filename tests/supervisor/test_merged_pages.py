"""What the supervisor's admin port says of its workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from notifyd.errors import NoAnswer
from notifyd.http.admin import HealthPage
from notifyd.http.health import DependencyHealth, ShardHealth
from notifyd.http.members import Member, MemberPages
from notifyd.http.merged import MergedPages
from notifyd.wire.transport import Request, Response

_WELL = HealthPage(
    "1.2.3", "running", live=True, ready=True, why_not_ready=[], dependencies=[], shards_total=0, shards=[]
)


class FakeCrew:
    version = "1.2.3"

    def __init__(self, members: Sequence[Member]) -> None:
        self.draining = False
        self._members = members

    def members(self) -> Sequence[Member]:
        return self._members


class Answers:
    """A transport; a URL without an answer is silent."""

    def __init__(self, answers: Mapping[str, Response]) -> None:
        self._answers = answers

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        assert timeout_s > 0
        if request.url not in self._answers:
            raise NoAnswer(f"{request.url}: silent")
        return self._answers[request.url]

    async def close(self) -> None: ...


def _pages(answers: Mapping[str, Response], *members: Member) -> tuple[MergedPages, FakeCrew]:
    crew = FakeCrew(members or [Member(0, 0, 100, "http://zero"), Member(1, 2, 101, "http://one")])
    return MergedPages(crew, MemberPages(Answers(answers))), crew


def _text(status: int, text: str) -> Response:
    return Response(status, {}, text.encode())


def _page(page: HealthPage) -> Response:
    return Response(200, {}, msgspec.json.encode(page))


class LateFirst:
    """A transport to a worker that counts on; the first answer arrives late."""

    def __init__(self) -> None:
        self._asked = 0

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 - the port's
        self._asked += 1
        asked = self._asked
        for _ in range(1000 if asked == 1 else 0):
            await asyncio.sleep(0)  # noqa: TID251 - lets the second scrape overtake, if it can
        return _text(200, f"# TYPE a_total counter\na_total {asked}\n")

    async def close(self) -> None: ...


async def test_it_is_ready_when_every_worker_is() -> None:
    pages, crew = _pages({"http://zero/readyz": _text(200, "ok\n"), "http://one/readyz": _text(200, "ok\n")})
    assert await pages.why_not_ready() == []
    crew.draining = True
    assert await pages.why_not_ready() == ["draining"]


async def test_why_it_is_not_ready_is_told_by_worker() -> None:
    pages, _ = _pages(
        {"http://one/readyz": _text(503, "the heartbeat is not acknowledged\nx waits\n")},
        Member(0, 0, 100, "http://zero"),
        Member(1, 0, 101, "http://one"),
        Member(2, 7),
    )
    assert await pages.why_not_ready() == [
        "worker 0: is silent",
        "worker 1: the heartbeat is not acknowledged",
        "worker 1: x waits",
        "worker 2: is down",
    ]


async def test_it_is_alive_as_long_as_one_worker_has_a_process() -> None:
    one_left, _ = _pages({}, Member(0, 1), Member(1, 0, 101, "http://one"))
    none_left, _ = _pages({}, Member(0, 1), Member(1, 1))
    assert await one_left.why_not_live() == []
    assert await none_left.why_not_live() == ["no worker has a process"]


async def test_of_each_dependency_the_worst_is_shown_and_the_shards_of_all() -> None:
    zero = msgspec.structs.replace(
        _WELL,
        dependencies=[
            DependencyHealth("ses", ok=True),
            DependencyHealth("log", ok=False, last_error="a", last_error_age_s=1.0),
        ],
        shards=[ShardHealth("orders", "1", "reading", iterator_age_s=1.0), ShardHealth("", "3", "damaged")],
        shards_total=2,
    )
    one = msgspec.structs.replace(
        _WELL,
        state="standing by",
        ready=False,
        why_not_ready=["3 waits for a person"],
        dependencies=[
            DependencyHealth("ses", ok=False, last_error="no", last_error_age_s=0.5),
            DependencyHealth("log", ok=False, last_error="b", last_error_age_s=9.0),
        ],
        shards=[ShardHealth("orders", "2", "reading", iterator_age_s=7.0), ShardHealth("", "3", "damaged")],
        shards_total=302,
    )
    pages, _ = _pages({"http://zero/healthz": _page(zero), "http://one/healthz": _page(one)})
    page = await pages.health()
    assert [(dependency.name, dependency.last_error) for dependency in page.dependencies] == [
        ("ses", "no"),
        ("log", "b"),
    ]
    assert [shard.shard for shard in page.shards] == ["3", "2", "1"]
    assert page.shards_total == 303
    assert (page.state, page.live, page.ready) == ("running", True, False)
    assert page.why_not_ready == ["worker 1: 3 waits for a person"]
    assert [(worker.state, worker.shards, worker.restarts) for worker in page.workers] == [
        ("running", 2, 0),
        ("standing by", 302, 2),
    ]


@pytest.mark.parametrize("body", ["", "no JSON", '{"version": 1}'], ids=["empty", "text", "another shape"])
async def test_a_page_that_cannot_be_read_counts_as_silence(body: str) -> None:
    pages, _ = _pages({"http://zero/healthz": _text(200, body), "http://one/healthz": _page(_WELL)})
    page = await pages.health()
    assert [worker.state for worker in page.workers] == ["silent", "running"]
    assert page.why_not_ready == ["worker 0: is silent"]


@pytest.mark.parametrize(
    "answer",
    [_text(500, ""), _text(200, '# TYPE a counter\na{b="'), Response(200, {}, b"\xff")],
    ids=["an error", "cut off", "no text"],
)
async def test_a_worker_whose_metrics_cannot_be_read_is_counted_as_silent(answer: Response) -> None:
    pages, _ = _pages(
        {"http://zero/metrics": answer, "http://one/metrics": _text(200, "# TYPE a_total counter\na_total 3\n")},
        Member(0, 0, 100, "http://zero"),
        Member(1, 2, 101, "http://one"),
        Member(2, 1),
    )
    lines = (await pages.metrics()).decode().splitlines()
    assert "a_total 3.0" in lines
    assert [line for line in lines if line.startswith(("notifyd_workers{", "notifyd_worker_restarts_total{"))] == [
        'notifyd_workers{state="answering"} 1.0',
        'notifyd_workers{state="silent"} 1.0',
        'notifyd_workers{state="down"} 1.0',
        'notifyd_worker_restarts_total{worker="0"} 0.0',
        'notifyd_worker_restarts_total{worker="1"} 2.0',
        'notifyd_worker_restarts_total{worker="2"} 1.0',
    ]


async def test_a_scrape_that_was_overtaken_does_not_make_a_counter_fall() -> None:
    pages = MergedPages(FakeCrew([Member(0, 0, 100, "http://zero")]), MemberPages(LateFirst()))
    ended: list[bytes] = []
    await asyncio.gather(*(_scraped(pages, ended) for _ in range(2)))
    assert [b"a_total 1.0" in ended[0], b"a_total 2.0" in ended[1]] == [True, True]


async def _scraped(pages: MergedPages, ended: list[bytes]) -> None:
    ended.append(await pages.metrics())
