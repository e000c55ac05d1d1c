"""The peers do the daemon's work: each event's mail once, its row in the log, a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench.contestants import SourceKind, start
from bench.measure import Run
from bench.options import Load, Options, choose_cores
from bench.peer.people import CACHE_TTL_S, USERS_A_CALL_MAX, Known
from bench.peers import PEERS, USUAL, peers_named, takes_part
from bench.setup import surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant

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
