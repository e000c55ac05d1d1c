"""Where a KCL application's leases say that reading goes on."""

from __future__ import annotations

import pytest

from notifyd.core.kcl import Imports, KclLease, Unusable, imports, of_stream
from notifyd.core.lineage import note, plan
from notifyd.core.sequence import AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Standing, Window
from notifyd.ports import ShardInfo

NOW = AtTimestamp(1000.0)
ONE = [ShardInfo("s-1")]


def lease(shard: str, checkpoint: str, sub_sequence: int = 0) -> KclLease:
    return KclLease(shard, 7, checkpoint, sub_sequence=sub_sequence)


def imported(*leases: KclLease, listed: list[ShardInfo], timestamp_s: float | None = None) -> Imports:
    return imports(leases, listed, source="kinesis:s", latest=NOW, timestamp_s=timestamp_s)


@pytest.mark.parametrize(
    ("checkpoint", "start"),
    [
        ("TRIM_HORIZON", TrimHorizon()),
        ("LATEST", NOW),
        ("AT_TIMESTAMP", AtTimestamp(5.0)),
        ("SHARD_END", ShardEnd()),
    ],
)
def test_each_of_kcls_words_is_one_of_ours(checkpoint: str, start: Checkpoint) -> None:
    [item] = imported(lease("s-1", checkpoint), listed=ONE, timestamp_s=5.0).items
    assert (item.start, item.progress.checkpoint) == (start, None)
    assert item.is_finished is isinstance(start, ShardEnd)


def test_reading_goes_on_behind_the_checkpoint_inside_its_aggregate_and_nothing_is_in_doubt() -> None:
    [item] = imported(lease("s-1", "0042", 3), listed=ONE).items
    assert item.progress.checkpoint == Position("0042", 3)
    window = Window.recovered(item.progress)
    assert window.append([Position("0042", 4), Position("43")], [1.0, 1.0])[1] == [Standing.FRESH] * 2


@pytest.mark.parametrize(
    ("checkpoint", "says"), [("AT_TIMESTAMP", "--timestamp"), ("soon", "'soon' is none of KCL's")]
)
def test_a_lease_that_says_nothing_of_use_ends_the_import(checkpoint: str, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        imported(lease("s-1", checkpoint), listed=ONE)


def test_latest_of_a_service_that_knows_no_time_ends_the_import() -> None:
    with pytest.raises(Unusable, match="LATEST"):
        imports([lease("s-1", "LATEST")], ONE, source="dynamodb:t", latest=TrimHorizon(), timestamp_s=None)


def test_a_parent_that_kcl_cleaned_up_is_finished_and_a_child_it_has_not_met_starts_at_its_first_record() -> None:
    listed = [ShardInfo("old"), ShardInfo("s-1", ("old",)), ShardInfo("child", ("s-1",))]
    found = imported(lease("s-1", "SHARD_END"), listed=listed)
    assert [(item.shard_id, item.is_finished) for item in found.items] == [("old", True), ("s-1", True)]
    assert found.untold == ("child",)
    items = {item.shard_id: item for item in found.items}
    told = [shard for shard in listed if shard.shard_id in items]
    outcome = plan(listed, items, seen=note(b"", told), first_start=TrimHorizon())
    assert [(shard.shard_id, shard.start) for shard in outcome.new] == [("child", TrimHorizon())]
    assert outcome.missing == ()
    assert outcome.startable == {"child"}


def test_a_shard_without_a_lease_or_a_leased_relative_ends_the_import() -> None:
    with pytest.raises(Unusable, match="s-2"):
        imported(lease("s-1", "7"), listed=[*ONE, ShardInfo("s-2")])


def test_leases_of_other_streams_are_left_out() -> None:
    leases = [lease("123:mine:99:s-1", "7"), lease("123:other:99:s-1", "8"), lease("s-2", "9")]
    assert [one.shard_id for one in of_stream(leases, "mine")] == ["s-1", "s-2"]
