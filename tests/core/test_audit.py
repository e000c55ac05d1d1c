"""What an audit says of an event, by its rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.account import Account
from notifyd.core.audit import EventFound, Tally, check_event, residue
from notifyd.core.channel import Channel
from notifyd.core.log_row import FEEDBACK, LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.outcome import Reason
from notifyd.core.path import compile_path
from notifyd.core.standing import Standing, deliveries, original_of
from tests.support.catalog_examples import event, notification_type

POSITION = "kinesis:s/shard-1/10:0"
ELSEWHERE = "kinesis:s/shard-1/11:0"
PAID = notification_type(users=compile_path("detail.users"))
BY_TWO = notification_type(channels=(Channel.EMAIL, Channel.SMS))
_ANY_KIND = st.sampled_from(sorted(set(RowKind) - {RowKind.EVENT, RowKind.GAP, RowKind.DUPLICATE} - FEEDBACK))


def row(
    user_id: str,
    kind: RowKind = RowKind.ACCEPTED,
    *,
    attempt: int = 1,
    channel: Channel | None = Channel.EMAIL,
    position: str = POSITION,
    reason: str = "",
    type_name: str = "paid",
) -> LogRow:
    delivery_id = f"{user_id}-{channel}"
    return LogRow(
        "evt-1", delivery_id, attempt, kind, position, 1.0, 2, user_id, type_name, channel, reason=reason
    )


def checked(users: list[str], rows: list[LogRow]) -> EventFound:
    return check_event(event(users=users), (PAID,), rows, POSITION)


@given(
    st.lists(st.sampled_from("abcdef"), unique=True, min_size=1),
    st.lists(st.tuples(st.sampled_from("abcdef"), _ANY_KIND, st.integers(1, 4)), min_size=1),
    st.booleans(),
)
def test_both_equations_hold_but_for_what_has_no_row_and_is_settled(
    users: list[str], told: list[tuple[str, RowKind, int]], settled: bool
) -> None:
    rows = [row(user, kind, attempt=attempt) for user, kind, attempt in told]
    tally = Tally()
    tally.add(checked(users, rows), settled=settled)
    without = set(users) - {user for user, _, _ in told}
    assert residue(tally.events_equation()) == 0
    assert tally.planned == len({user for user, _, _ in told} | set(users))
    assert residue(tally.deliveries_equation(stranded=0)) == (len(without) if settled else 0)
    assert {one.user_id for one in tally.missing} == (without if settled else set())
    assert tally.in_flight == (0 if settled else len(without))


@given(st.lists(st.tuples(_ANY_KIND, st.integers(1, 4)), min_size=1).flatmap(st.permutations))
def test_the_order_in_which_rows_came_says_nothing(told: list[tuple[RowKind, int]]) -> None:
    def standing(order: list[tuple[RowKind, int]]) -> list[Standing]:
        return [one.standing for one in deliveries(row("a", kind, attempt=attempt) for kind, attempt in order)]

    assert standing(told) == standing(sorted(told))


def test_a_redrive_that_was_accepted_makes_dead_accepted() -> None:
    [found] = deliveries([row("a", RowKind.DEAD), row("a", RowKind.ACCEPTED, attempt=2)])
    assert found.standing is Standing.ACCEPTED


def test_a_channel_without_a_row_is_missing_unless_a_row_speaks_for_all_channels() -> None:
    by_mail = check_event(event(user_id="a"), (BY_TWO,), [row("a")], POSITION)
    assert [missing.channel for missing in by_mail.missing] == [Channel.SMS]
    opted_out = row("a", RowKind.SUPPRESSED, channel=None, reason="opted_out")
    assert check_event(event(user_id="a"), (BY_TWO,), [opted_out], POSITION).missing == []
    raised = row("a", RowKind.DEAD, attempt=0, reason=Reason.FILTER_RAISED)
    assert check_event(event(user_id="a"), (BY_TWO,), [raised], POSITION).missing == []
    raised_later = row("a", RowKind.DEAD, attempt=1, reason=Reason.FILTER_RAISED)
    by_mail = check_event(event(user_id="a"), (BY_TWO,), [raised_later], POSITION)
    assert [missing.channel for missing in by_mail.missing] == [Channel.SMS]


def test_an_event_that_expired_whole_misses_nobody() -> None:
    expired = row("", RowKind.EXPIRED, channel=None, type_name="")
    found = checked(["a", "b"], [expired])
    assert (found.missing, [one.standing for one in found.deliveries]) == ([], [Standing.EXPIRED])


def test_an_event_told_at_another_position_alone_came_twice() -> None:
    assert checked(["a"], [row("a", position=ELSEWHERE)]).account is Account.DUPLICATE


def test_a_record_decided_to_be_a_duplicate_is_one_before_the_other_is_logged() -> None:
    decided = RowMaker(60.0).duplicate_row("evt-1", position=POSITION, original=ELSEWHERE, at_s=1.0)
    assert checked(["a"], [decided]).account is Account.DUPLICATE
    assert checked(["a"], [decided, row("a")]).account is Account.EXPANDED


def test_a_duplicate_that_may_have_been_sent_is_listed_and_is_no_delivery() -> None:
    tally = Tally()
    tally.add(checked(["a"], [row("a", RowKind.POSSIBLE_DUPLICATE), row("a", position=ELSEWHERE)]), settled=True)
    assert tally.events == {Account.DUPLICATE: 1}
    assert tally.planned == 0
    assert [one.row.user_id for one in tally.duplicates] == ["a"]


@given(
    st.lists(st.tuples(_ANY_KIND, st.sampled_from("123"))),
    st.dictionaries(st.sampled_from("1234"), st.sampled_from("1234")),
)
def test_a_duplicate_leads_to_a_copy_that_keeps_the_event(
    told: list[tuple[RowKind, str]], decided: dict[str, str]
) -> None:
    rows = [row("a", kind, position=position) for kind, position in told]
    rows += [
        RowMaker(60.0).duplicate_row("evt-1", position=position, original=original, at_s=1.0)
        for position, original in decided.items()
    ]
    for position in "1234":
        original = original_of(rows, position)
        assert original is None or original_of(rows, original) is None


def test_an_event_that_no_type_matches_is_unmatched() -> None:
    assert check_event(event(), (), [], POSITION).account is Account.UNMATCHED


def test_what_nobody_knew_for_a_while_is_in_doubt_and_what_was_sent_again_a_possible_duplicate() -> None:
    tally = Tally()
    rows = [row("a", RowKind.UNKNOWN), row("a", RowKind.ACCEPTED, attempt=2)]
    again = [row("b"), row("b", RowKind.POSSIBLE_DUPLICATE)]
    held = [row("c", RowKind.DEAD, reason=Reason.IN_DOUBT_HELD)]
    tally.add(checked(["a", "b", "c", "d"], [*rows, *again, *held, row("d")]), settled=True)
    assert [one.row.user_id for one in tally.doubts] == ["a", "b", "c"]
    assert [one.row.user_id for one in tally.duplicates] == ["b"]


def test_what_a_look_up_found_to_be_taken_was_in_doubt_and_is_no_possible_duplicate() -> None:
    rows = [row("ann", RowKind.UNKNOWN, reason=Reason.CRASH), row("ann", attempt=2), row("bob", RowKind.UNKNOWN)]
    tally = Tally()
    tally.add(checked(["ann", "bob"], rows), settled=True)
    assert {(found.row.user_id, found.standing) for found in tally.doubts} == {
        ("ann", Standing.ACCEPTED),
        ("bob", Standing.WAITING),
    }
    assert tally.duplicates_count == 0
