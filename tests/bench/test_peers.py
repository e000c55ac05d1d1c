"""The peers do the daemon's work: each event's mail once, its row in the log, a checkpoint."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from bench.contestants import SourceKind, start
from bench.measure import Run
from bench.options import Load, Options, choose_cores
from bench.peer.batched_aiobotocore import POLL_S, Peer
from bench.peer.notice import TYPE_NAME, Notice
from bench.peer.notifier import Notifier
from bench.peer.people import CACHE_TTL_S, USERS_A_CALL_MAX, Known
from bench.peer.record import Recorder
from bench.peer.sources import Arrived, Read
from bench.peers import PEERS, USUAL, peers_named, takes_part
from bench.setup import surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant
from notifyd.aws.log_items import item_of
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.log_rows import RowMaker
from notifyd.core.message import Delivery, Email
from notifyd.core.outcome import Accepted
from tests.support.virtual_time import in_virtual_time

EMAIL, PUSH, HANGS = (WORKLOADS[name] for name in ("email", "push", "push-hangs"))


@pytest.mark.slow
@pytest.mark.parametrize("source", SourceKind)
@pytest.mark.parametrize("peer", PEERS)
def test_every_event_is_sent_once_and_written_down(peer: Contestant, source: SourceKind, tmp_path: Path) -> None:
    if not takes_part(peer, EMAIL, source):
        pytest.skip("its client cannot read this source")
    cores, options = choose_cores(), Options(shards=3, latency_ms=5)
    with (
        surroundings(EMAIL, options, cores, tmp_path) as around,
        start(peer, source, around, cores) as process,
    ):
        seen = Run(process, around, source).measure(Load(10, 300, 0.0, 0.0))
    assert (seen.produced, seen.lost, seen.duplicates, seen.bad_ids, seen.log_rows_missing) == (310, 0, 0, 0, 0)
    assert seen.exit_code == 0
    assert seen.saturated.calls["PutItem"] > 0


class _OneEventAPage:
    """Of a shard to which something comes all the time."""

    def __init__(self) -> None:
        self.reads_s: list[float] = []

    async def shard_ids(self) -> list[str]:
        return ["shard"]

    async def iterator(self, shard_id: str) -> str:
        return shard_id

    async def read(self, shard_id: str, iterator: str) -> Read:
        self.reads_s.append(asyncio.get_running_loop().time())
        if len(self.reads_s) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return Read([Arrived({}, shard_id)], "1", iterator)


class _Quick(Notifier):
    def __init__(self) -> None:
        pass

    async def notify(self, events: Sequence[Arrived]) -> None:
        await asyncio.sleep(len(events) * POLL_S / 4)  # noqa: TID251 - of the loop's own time

    async def checkpoint(self, shard_id: str, sequence: str) -> None:
        pass


@in_virtual_time
async def test_the_batched_peer_keeps_to_kinesis_five_reads_a_second_of_a_shard() -> None:
    source = _OneEventAPage()
    await Peer(source, _Quick()).run()
    assert source.reads_s == pytest.approx([number * POLL_S for number in range(6)])


def test_each_runs_where_its_client_can() -> None:
    parts = {
        (name, source): [peer for peer in PEERS if takes_part(peer, workload, source)]
        for name, workload in (("email", EMAIL), ("push", PUSH))
        for source in SourceKind
    }
    assert parts == {
        ("email", "kinesis"): [Contestant.PEER, Contestant.PLAIN, Contestant.ASYNC_KINESIS, Contestant.BOTO3],
        ("email", "dynamodb"): [Contestant.PEER, Contestant.PLAIN, Contestant.BOTO3],
        ("push", "kinesis"): [Contestant.PEER, Contestant.PLAIN, Contestant.ASYNC_KINESIS],
        ("push", "dynamodb"): [Contestant.PEER, Contestant.PLAIN],
    }


def test_where_the_batched_peer_has_no_part_neither_have_the_others() -> None:
    assert not [peer for peer in PEERS if takes_part(peer, HANGS, SourceKind.KINESIS)]
    assert takes_part(Contestant.DAEMON, HANGS, SourceKind.KINESIS)


def test_peers_are_chosen_by_name_and_a_wrong_name_is_told() -> None:
    assert peers_named(USUAL) == [Contestant.PEER, Contestant.PLAIN, Contestant.DAEMON_ON_AIOAPNS]
    assert peers_named("none") == []
    assert set(PEERS) < set(peers_named("all"))
    with pytest.raises(argparse.ArgumentTypeError, match="no peer lambda"):
        peers_named("boto3,lambda")


def _item(user_id: str) -> dict[str, object]:
    return {"user_id": {"S": user_id}}


def test_a_user_is_read_once_in_the_daemons_cache_time() -> None:
    now_s = 100.0
    known = Known("bench", lambda: now_s)
    users = {f"u{number}" for number in range(USERS_A_CALL_MAX + 1)}
    parts = known.parts_to_read(users)
    assert [len(part) for part in parts] == [USERS_A_CALL_MAX, 1]
    for part in parts:
        items = [_item(user) for user in part]
        known.learn(part, {"Responses": {"bench-contacts": items, "bench-settings": items}})
    assert known.parts_to_read(users) == []
    now_s += CACHE_TTL_S + 0.1
    assert sum(map(len, known.parts_to_read(users))) == len(users)


def test_a_peers_row_has_the_attributes_of_the_daemons() -> None:
    position = "bench/shardId-000000000000/49:0"
    event = Arrived({"id": "e1", "detail": {"user_id": "u1"}}, position)
    [write] = Recorder("email", "ses", "bench").log_writes([(Notice(event, "u1@b.example", "D1", ""), "p1")], 1.0)
    [request] = write["RequestItems"]["bench-log"]
    delivery = Delivery(
        delivery_id="D1",
        event_id="e1",
        user_id="u1",
        type_name=TYPE_NAME,
        channel=Channel.EMAIL,
        address="u1@b.example",
        lane=Lane.TRANSACTIONAL,
        in_doubt=InDoubt.RESEND,
        arrival_s=0.0,
        deadline_at_s=9.0,
        message=Email(subject="", text=""),
    )
    row = RowMaker(9.0).outcome_row(delivery, Accepted("p1"), position=position, at_s=1.0, provider="ses")
    own = msgspec.to_builtins(item_of(row, row.row))
    assert request["PutRequest"]["Item"].keys() == own.keys()
    assert {name for name, value in request["PutRequest"]["Item"].items() if value != own[name]} <= {
        *("at", "expires_at", "address_hint")
    }
