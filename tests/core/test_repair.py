"""An item made anew: nothing accepted is sent again, nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.lease import StreamItem
from notifyd.core.repair import Left, horizon, made_anew, resume_at
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Standing, Window

HORIZON = TrimHorizon()


def position(number: int) -> Position:
    return Position(str(number))


def anew(left: Left, resume: Checkpoint, tip: Position | None) -> Window:
    item = made_anew(left, source="s", shard_id="shard", parents=(), resume=resume, tip=tip, commit_id="new")
    return Window.recovered(item.progress)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 7))
def test_all_behind_the_checkpoint_is_looked_up_once_and_what_arrives_later_is_fresh(
    settled: int, unsettled: int, later: int, part: int
) -> None:
    left = Left(checkpoint=After(position(settled)) if settled else None)
    resume = resume_at(left, HORIZON)
    assert resume == (After(position(settled)) if settled else HORIZON)
    last = settled + unsettled
    window = anew(left, resume, position(last) if unsettled else None)
    places = [position(number) for number in range(settled + 1, last + later + 1)]
    standings: list[Standing] = []
    for start in range(0, len(places), part):
        chunk = places[start : start + part]
        standings += window.append(chunk, [1.0] * len(chunk))[1]
    assert standings == [Standing.IN_DOUBT] * unsettled + [Standing.FRESH] * later


@given(st.integers(0, 100))
def test_no_earlier_owner_can_write_to_it(epoch: int) -> None:
    left = Left(writer="old", epoch=epoch)
    item = made_anew(left, source="s", shard_id="shard", parents=(), resume=HORIZON, tip=None, commit_id="new")
    assert (item.lease_owner, item.commit_id) == ("", "new")
    assert item.epoch > epoch


def test_a_shard_that_was_read_out_stays_so() -> None:
    left = Left(checkpoint=ShardEnd(), children=("child",))
    item = made_anew(
        left,
        source="s",
        shard_id="shard",
        parents=("parent",),
        resume=resume_at(left, HORIZON),
        tip=None,
        commit_id="new",
    )
    assert item.is_finished
    assert (item.parents, item.children) == (("parent",), ("child",))


def test_reading_begins_no_earlier_than_the_stream_did_for_us_nor_than_the_log_can_tell() -> None:
    started = StreamItem("s", AtTimestamp(500.0))
    assert horizon(started, knows_time=True, oldest_row_s=100.0) == AtTimestamp(500.0)
    assert horizon(started, knows_time=True, oldest_row_s=900.0) == AtTimestamp(900.0)
    assert horizon(StreamItem("s", HORIZON), knows_time=False, oldest_row_s=900.0) == HORIZON
