from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.dynamodb_json import Item, plain_item
from notifyd.errors import AwsError, NoAnswer, NotifydError, Throttled
from notifyd.wire.batch_get import BatchGet, Table, askable
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables

IDS = [f"u{number}" for number in range(50)]
BOTH = {"contacts": IDS, "settings": IDS}


def _tables(clock: FakeClock, **more: float) -> FakeTables:
    items = [{"user_id": user_id, "email": f"{user_id}@example.com", "status": 7} for user_id in IDS]
    return FakeTables({"contacts": items, "settings": items}, key="user_id", clock=clock, **more)


def _batch_get(tables: FakeTables, clock: FakeClock, *, rounds_max: int = 6) -> BatchGet[Item]:
    return BatchGet(
        tables,
        (Table("contacts", "user_id", ("email",)), Table("settings", "user_id")),
        Item,
        clock=clock,
        entropy=FakeEntropy(),
        rounds_max=rounds_max,
    )


async def test_only_the_attributes_named_are_asked_for(clock: FakeClock) -> None:
    got = await _batch_get(_tables(clock), clock).get({"contacts": ["u1"], "settings": ["u1"]})

    assert [plain_item(item) for item in got.items["contacts"]] == [{"user_id": "u1", "email": "u1@example.com"}]
    assert [plain_item(item) for item in got.items["settings"]] == [
        {"user_id": "u1", "email": "u1@example.com", "status": 7}
    ]


@given(st.lists(st.sets(st.sampled_from(IDS)), max_size=5))
async def test_keys_left_over_are_asked_for_again_and_no_others(leftovers: list[set[str]]) -> None:
    clock = FakeClock()
    tables = _tables(clock)
    tables.leaves = lambda key: len(tables.asked) <= len(leftovers) and key in leftovers[len(tables.asked) - 1]

    got = await _batch_get(tables, clock).get(BOTH)

    assert got.failure is None
    assert not got.unread
    for name in BOTH:
        read = [plain_item(item)["user_id"] for item in got.items[name]]
        assert sorted(read) == sorted(IDS), "each item once"
    wanted = set(IDS)
    for asked, left in zip(tables.asked, [*leftovers, set()], strict=False):
        assert asked == [(name, key) for name in BOTH for key in IDS if key in wanted]
        wanted &= left


async def test_what_is_left_over_after_the_last_round_is_named_and_the_rest_is_used(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.leaves = lambda key: key == "u3"

    got = await _batch_get(tables, clock, rounds_max=3).get(BOTH)

    assert got.unread == {"contacts": {"u3"}, "settings": {"u3"}}
    assert isinstance(got.failure, Throttled)
    assert len(got.items["contacts"]) == len(IDS) - 1
    assert len(tables.asked) == 3


@pytest.mark.parametrize(
    "failure",
    [
        Throttled("BatchGetItem", "ThrottlingException", "", status=400),
        AwsError("BatchGetItem", "InternalServerError", "", status=500),
        NoAnswer("cut"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_failure_that_may_pass_is_asked_again_with_growing_jittered_pauses(
    clock: FakeClock, failure: NotifydError
) -> None:
    tables = _tables(clock)
    tables.failures = [failure] * 3

    got = await _batch_get(tables, clock).get(BOTH)

    assert got.failure is None
    assert len(got.items["settings"]) == len(IDS)
    entropy = FakeEntropy()
    pauses_s = [pause_s for pause_s in clock.slept_s if pause_s]
    assert pauses_s == [entropy.fraction() * cap_s for cap_s in (0.05, 0.1, 0.2)]


async def test_a_refusal_is_not_repeated(clock: FakeClock) -> None:
    tables = _tables(clock)
    refusal = AwsError("BatchGetItem", "AccessDeniedException", "no", status=400)
    tables.failures = [refusal]

    got = await _batch_get(tables, clock).get(BOTH)

    assert got.failure is refusal
    assert got.unread == {name: set(IDS) for name in BOTH}
    assert len(tables.asked) == 1


async def test_the_deadline_holds_over_all_rounds(clock: FakeClock) -> None:
    tables = _tables(clock, latency_s=2.0)
    tables.failures = [NoAnswer("late")] * 10

    got = await _batch_get(tables, clock).get(BOTH)

    assert isinstance(got.failure, NoAnswer)
    assert clock.elapsed_s() <= 5.0 + 2.0
    assert tables.timeouts_s[0] == 2.0
    assert tables.timeouts_s[-1] < 2.0, "the last call gets what is left of the deadline"


@pytest.mark.parametrize(
    ("key", "is_askable"), [("", False), ("u", True), ("ü" * 1024, True), ("ü" * 1025, False)]
)
def test_a_key_that_dynamodb_refuses_is_known_before(key: str, is_askable: bool) -> None:
    assert askable(key) is is_askable


def test_half_a_surrogate_pair_is_no_key() -> None:
    assert not askable("\ud83d")
