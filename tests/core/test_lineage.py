from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core import lineage
from notifyd.core.lease import ShardItem
from notifyd.core.lineage import NewShard, Plan
from notifyd.core.sequence import AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Window

HORIZON = TrimHorizon()
LATEST = AtTimestamp(1_700_000_000.0)


class Listed(msgspec.Struct, frozen=True):
    shard_id: str
    parents: tuple[str, ...] = ()


def fresh(shard_id: str, start: Checkpoint = HORIZON) -> ShardItem:
    return ShardItem("kinesis:orders", shard_id, start, Window().progress())


def begun(shard_id: str) -> ShardItem:
    progress = msgspec.structs.replace(Window().progress(), checkpoint=Position("7"))
    return ShardItem("kinesis:orders", shard_id, HORIZON, progress)


def finished(shard_id: str) -> ShardItem:
    return fresh(shard_id, ShardEnd())


def plan(listed: list[Listed], *items: ShardItem, seen: list[Listed] | None = None) -> Plan:
    """As after a listing of `seen`, or else of all that has an item."""
    before = [Listed(item.shard_id) for item in items] if seen is None else seen
    return lineage.plan(
        listed, {item.shard_id: item for item in items}, seen=lineage.note(b"", before), first_start=LATEST
    )


def test_the_first_listing_begins_every_shard_at_the_starting_position() -> None:
    tree = [Listed("root"), Listed("child", ("root",))]

    first = lineage.plan(tree, {}, seen=b"", first_start=LATEST)

    assert first.new == (NewShard("root", (), LATEST), NewShard("child", ("root",), LATEST))
    assert first.startable == {"root"}


def test_a_first_listing_that_was_cut_short_goes_on_at_the_same_position() -> None:
    tree = [Listed("made"), Listed("not-made")]

    again = lineage.plan(tree, {"made": fresh("made", LATEST)}, seen=b"", first_start=LATEST)

    assert again.new == (NewShard("not-made", (), LATEST),)
    assert again.startable == {"made", "not-made"}


def test_a_child_begins_at_the_horizon_and_waits_for_its_parent() -> None:
    tree = [Listed("parent"), Listed("left", ("parent",)), Listed("right", ("parent",))]

    split = plan(tree, begun("parent"))

    assert split.new == (NewShard("left", ("parent",), HORIZON), NewShard("right", ("parent",), HORIZON))
    assert split.startable == {"parent"}


def test_children_start_when_their_parent_is_finished() -> None:
    tree = [Listed("parent"), Listed("left", ("parent",)), Listed("right", ("parent",))]

    assert plan(tree, finished("parent"), fresh("left"), fresh("right")).startable == {"left", "right"}


@pytest.mark.parametrize("open_parent", ["a", "b"])
def test_the_child_of_a_merge_waits_for_both_parents(open_parent: str) -> None:
    tree = [Listed("a"), Listed("b"), Listed("merged", ("a", "b"))]
    parents = [begun(name) if name == open_parent else finished(name) for name in ("a", "b")]

    assert plan(tree, *parents, fresh("merged")).startable == {open_parent}
    assert plan(tree, finished("a"), finished("b"), fresh("merged")).startable == {"merged"}


def test_a_worker_with_nothing_but_a_finished_shard_finds_the_generations_behind_it() -> None:
    """A worker idled for ever: one lease at SHARD_END, child and grandchild listed without leases."""
    tree = [Listed("done"), Listed("child", ("done",)), Listed("grandchild", ("child",))]

    woken = plan(tree, finished("done"))

    assert [new.shard_id for new in woken.new] == ["child", "grandchild"]
    assert woken.startable == {"child"}


def test_a_parent_that_ended_without_a_record_frees_its_children() -> None:
    """Children of an empty closed parent were never read: nothing had been checkpointed to mark its end."""
    assert finished("empty").progress.checkpoint is None

    assert plan([Listed("empty"), Listed("child", ("empty",))], finished("empty")).startable == {"child"}


def test_a_parent_that_left_the_stream_holds_nobody_up() -> None:
    """A whole subtree was never read, because its expired parent was not among the listed shards."""
    tree = [Listed("child", ("expired",)), Listed("merged", ("expired", "also-expired"))]

    assert lineage.plan(tree, {}, seen=b"", first_start=HORIZON).startable == {"child", "merged"}
    assert plan(tree, begun("expired"), fresh("child"), fresh("merged")).startable == {"child", "merged"}


def test_a_parent_without_an_item_holds_its_children_up() -> None:
    """A child was read before its parent, because the parent had no lease yet."""
    assert plan([Listed("child", ("parent",)), Listed("parent")], fresh("child")).startable == {"parent"}


def test_a_cleaned_up_parent_is_not_read_again() -> None:
    """An old shard was replayed: its lease was cleaned up, and a listing still had it."""
    tree = [Listed("old"), Listed("left", ("old",)), Listed("right", ("old",))]

    for reader in (begun("left"), finished("left")):
        late = plan(tree, reader, fresh("right"), seen=tree)
        assert late.new == ()
        assert late.missing == ()
        assert late.startable == {"left", "right"} - ({"left"} if reader.is_finished else set())


def test_an_unfinished_parent_comes_first_even_where_its_child_was_begun() -> None:
    """No worker does so, but a hand in the lease table can."""
    assert plan([Listed("parent"), Listed("child", ("parent",))], begun("parent"), begun("child")).startable == {
        "parent"
    }


def test_a_shard_that_lost_its_item_waits_for_repair_and_its_children_with_it() -> None:
    tree = [Listed("lost"), Listed("child", ("lost",)), Listed("other")]

    damaged = plan(tree, fresh("child"), begun("other"), seen=tree)

    assert damaged.missing == ("lost",)
    assert damaged.new == ()
    assert damaged.startable == {"other"}


def test_a_child_that_lost_its_item_is_not_taken_for_a_new_one() -> None:
    tree = [Listed("parent"), Listed("child", ("parent",))]

    assert plan(tree, finished("parent"), seen=tree) == Plan((), frozenset(), ("child",), ())


def test_a_finished_item_goes_only_when_its_shard_has_left_the_stream() -> None:
    child = Listed("child", ("parent",))

    assert plan([Listed("parent"), child], finished("parent"), begun("child")).outlived == ()
    assert plan([child], finished("parent"), begun("child")).outlived == ("parent",)


def test_an_unfinished_item_stays_though_its_shard_has_left_the_stream() -> None:
    assert plan([Listed("child", ("parent",))], begun("parent"), fresh("child")).outlived == ()


def test_a_shard_that_one_listing_missed_is_no_new_shard() -> None:
    seen = lineage.note(lineage.note(b"", [Listed("a"), Listed("b")]), [Listed("a")])

    again = lineage.plan([Listed("a"), Listed("b")], {"a": begun("a")}, seen=seen, first_start=LATEST)

    assert again.missing == ("b",)


def test_a_listing_noted_twice_takes_no_more_room() -> None:
    shards = [Listed("a"), Listed("b")]
    once = lineage.note(b"", shards)

    assert lineage.note(once, shards) == once


def test_shards_that_are_still_listed_are_never_the_ones_forgotten() -> None:
    old = Listed("old")
    seen = lineage.note(b"", [old])
    for start in range(0, 40_000, 10_000):
        seen = lineage.note(seen, [old, *(Listed(f"s{number}") for number in range(start, start + 10_000))])

    assert len(seen) <= 200_000
    assert lineage.plan([old], {}, seen=seen, first_start=LATEST).missing == ("old",)


@given(
    st.lists(st.tuples(st.sampled_from(["split", "merge", "finish", "expire"]), st.integers(0, 99)), max_size=60)
)
def test_every_shard_is_read_once_after_its_parents_whatever_the_stream_does(steps: list[tuple[str, int]]) -> None:
    stream = Stream()
    for verb, choice in [*steps, *[("finish", 0)] * 200]:
        stream.step(verb, choice)
        stream.follow()

    assert stream.read == {shard.shard_id for shard in stream.ever}


class Stream:
    """A stream that is resharded and expires, and a worker that does what the plans say."""

    def __init__(self) -> None:
        self.ever = [Listed("s0"), Listed("s1")]
        self.listed = list(self.ever)
        self.open = ["s0", "s1"]
        self.items: dict[str, ShardItem] = {}
        self.seen = b""
        self.read: set[str] = set()
        self.startable: list[str] = []
        self.follow()

    def step(self, verb: str, choice: int) -> None:
        match verb:
            case "split" if self.open:
                parent = self.open.pop(choice % len(self.open))
                self._open((parent,))
                self._open((parent,))
            case "merge" if len(self.open) > 1:
                self._open((self.open.pop(choice % len(self.open)), self.open.pop(choice % len(self.open))))
            case "finish" if self.startable:
                self._finish(self.startable[choice % len(self.startable)])
            case "expire":
                self.listed = [shard for shard in self.listed if shard.shard_id not in self.read]

    def follow(self) -> None:
        made = lineage.plan(self.listed, self.items, seen=self.seen, first_start=HORIZON)
        assert made.missing == ()
        for new in made.new:
            assert new.shard_id not in self.items
            self.items[new.shard_id] = fresh(new.shard_id)
        for shard_id in made.outlived:
            del self.items[shard_id]
        self.seen = lineage.note(self.seen, self.listed)
        self.startable = sorted(made.startable)

    def _open(self, parents: tuple[str, ...]) -> None:
        shard = Listed(f"s{len(self.ever)}", parents)
        self.ever.append(shard)
        self.listed.append(shard)
        self.open.append(shard.shard_id)

    def _finish(self, shard_id: str) -> None:
        (shard,) = [shard for shard in self.ever if shard.shard_id == shard_id]
        assert set(shard.parents) <= self.read
        assert shard_id not in self.read
        self.read.add(shard_id)
        self.items[shard_id] = finished(shard_id)
