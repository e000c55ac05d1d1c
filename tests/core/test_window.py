"""The window against a model that only knows sets: what was settled, what was claimed, what was written."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.account import Account, Accounted
from notifyd.core.sequence import After, Position, TrimHorizon
from notifyd.core.window import Progress, Standing, Window

RECORDS = 60
# The first numbers have one digit less than the last: as text they would stand in another order.
PLACES = [Position(str(10**20 - 30 + number // 2), number % 2) for number in range(RECORDS)]
NOTHING = Progress(None, 0.0, None, b"", "", Accounted().as_dict())
MOVES = st.lists(
    st.tuples(st.sampled_from(["read", "claim", "settle", "settle", "write", "crash"]), st.integers(0, 20)),
    max_size=120,
)


class Shard:
    """Owner after owner on one shard's item. Records go by their place in the stream."""

    def __init__(self) -> None:
        self.item = NOTHING
        self.written_settled: set[int] = set()
        self.written_claim = 0
        self.take()

    def take(self) -> None:
        """A new owner, from the item alone."""
        self.window = Window.recovered(self.item)
        start = self.window.resume_from(TrimHorizon())
        self.first = PLACES.index(start.position) + 1 if isinstance(start, After) else 0
        self.read_end = self.first
        self.settled, self.settled_at_take = set(self.written_settled), set(self.written_settled)
        self.claim_end = self.claim_at_take = self.written_claim

    def read(self, count: int) -> None:
        part = range(self.read_end, min(RECORDS, self.read_end + count))
        first, standings = self.window.append([PLACES[at] for at in part], [float(at) for at in part])
        assert first == self.read_end - self.first
        assert standings == [self._expected(at) for at in part]
        self.read_end = part.stop

    def _expected(self, at: int) -> Standing:
        if at in self.settled_at_take:
            return Standing.SETTLED
        return Standing.IN_DOUBT if at < self.claim_at_take else Standing.FRESH

    def claim(self, count: int) -> None:
        self.claim_end = max(self.claim_end, min(self.read_end, self.claim_end + count))
        self.window.claim(min(self.claim_end, self.read_end) - self.first)

    def settle(self, pick: int) -> None:
        open_ones = [at for at in range(self.first, min(self.read_end, self.claim_end)) if at not in self.settled]
        if open_ones:
            at = open_ones[pick % len(open_ones)]
            self.window.settle(at - self.first, Account.EXPANDED)
            self.settled.add(at)

    def write(self) -> None:
        self.window.advance()
        self.item = self.window.progress()
        self.written_settled, self.written_claim = set(self.settled), self.claim_end
        behind = PLACES.index(self.item.checkpoint) + 1 if self.item.checkpoint is not None else 0
        assert set(range(behind)) <= self.settled, "the checkpoint passed an unsettled record"
        assert self.item.accounted["read"] == len(self.settled)
        assert self.item.accounted["expanded"] == len(self.settled)

    def crash(self) -> None:
        self.take()


def _play(moves: list[tuple[str, int]]) -> Shard:
    shard = Shard()
    for move, number in moves:
        match move:
            case "read":
                shard.read(number)
            case "claim":
                shard.claim(number)
            case "settle":
                shard.settle(number)
            case "write":
                shard.write()
            case "crash":
                shard.crash()
    return shard


@given(MOVES)
def test_a_new_owner_knows_of_each_record_exactly_what_was_written(moves: list[tuple[str, int]]) -> None:
    shard = _play(moves)
    shard.crash()
    shard.read(RECORDS)


@given(MOVES)
def test_whatever_came_before_everything_settles_in_the_end_and_is_counted_once(
    moves: list[tuple[str, int]],
) -> None:
    shard = _play(moves)
    shard.crash()
    shard.read(RECORDS)
    shard.window.read_to_end()
    shard.claim(RECORDS)
    for _ in range(RECORDS):
        shard.settle(0)
    shard.write()
    assert shard.item.checkpoint == PLACES[-1]
    assert shard.item.accounted["read"] == RECORDS
    assert shard.window.is_empty


@given(MOVES)
def test_where_the_first_record_is_another_all_that_was_claimed_is_in_doubt(moves: list[tuple[str, int]]) -> None:
    shard = _play(moves)
    shard.write()
    window = Window.recovered(shard.item)
    start = window.resume_from(TrimHorizon())
    first = PLACES.index(start.position) + 1 if isinstance(start, After) else 0
    if not shard.item.first_sequence or first + 1 >= RECORDS:
        return
    places = PLACES[first + 1 :]
    _, standings = window.append(places, [0.0] * len(places))
    for place, standing in zip(places, standings, strict=True):
        claimed = shard.item.claimed is not None and not place.is_after(shard.item.claimed)
        assert standing is (Standing.IN_DOUBT if claimed else Standing.FRESH)


def _claimed_and_partly_settled() -> Progress:
    """Ten claimed, all but the first and the fifth settled."""
    window = Window()
    window.append(PLACES[:10], [0.0] * 10)
    window.claim(10)
    for index in range(10):
        if index not in (0, 4):
            window.settle(index, Account.EXPANDED)
    window.advance()
    return window.progress()


def test_after_a_gap_no_position_of_a_predecessor_is_believed() -> None:
    window = Window.recovered(_claimed_and_partly_settled())
    window.append(PLACES[:2], [0.0] * 2)
    window.skip_gap()
    _, standings = window.append(PLACES[4:12], [0.0] * 8)
    assert standings == [Standing.IN_DOUBT] * 6 + [Standing.FRESH] * 2


def test_a_shard_whose_rest_is_gone_still_comes_to_its_end() -> None:
    window = Window.recovered(_claimed_and_partly_settled())
    window.append(PLACES[:3], [0.0] * 3)
    assert not window.is_empty
    window.settle(0, Account.EXPANDED)
    window.read_to_end()
    window.advance()
    assert window.is_empty
    assert window.progress().claimed == window.progress().checkpoint == PLACES[2]


def test_nothing_is_left_to_recover_where_everything_claimed_was_settled() -> None:
    window = Window()
    window.append(PLACES[:5], [0.0] * 5)
    window.claim(5)
    for index in range(5):
        window.settle(index, Account.FILTERED)
    window.advance()
    successor = Window.recovered(window.progress())
    assert not successor.is_recovering
    assert successor.is_empty


def test_what_is_not_claimed_cannot_be_settled_and_nothing_twice() -> None:
    window = Window()
    window.append(PLACES[:2], [0.0] * 2)
    with pytest.raises(ValueError, match="only up to 0"):
        window.settle(0, Account.EXPANDED)
    window.claim(1)
    window.settle(0, Account.EXPANDED)
    with pytest.raises(ValueError, match="settled twice"):
        window.settle(0, Account.EXPANDED)


def test_what_is_not_read_cannot_be_claimed() -> None:
    with pytest.raises(ValueError, match="0 records are read"):
        Window().claim(1)


def test_a_quiet_shard_tells_when_its_end_was_reached_and_that_outlives_what_comes_later() -> None:
    window = Window()
    window.at_tip(1_000.0)
    window.append(PLACES[:1], [2_000.0])
    window.at_tip(3_000.0)
    window.claim(1)
    assert window.progress().tip_at_s == 1_000.0, "the record that was read is not behind the checkpoint yet"
    window.settle(0, Account.FILTERED)
    window.advance()
    window.at_tip(4_000.0)
    assert Window.recovered(window.progress()).progress().tip_at_s == 4_000.0


def test_the_end_is_news_an_hour_after_it_was_told() -> None:
    window = Window.recovered(msgspec.structs.replace(NOTHING, tip_at_s=1_000.0))
    window.at_tip(4_599.0)
    assert not window.tip_is_news
    window.at_tip(4_600.0)
    assert window.tip_is_news
    window.progress()
    assert not window.tip_is_news


def test_an_end_that_is_reached_while_a_predecessors_records_are_missing_tells_nothing() -> None:
    window = Window.recovered(_claimed_and_partly_settled())
    window.at_tip(1_000.0)
    assert window.progress().tip_at_s == 0.0
