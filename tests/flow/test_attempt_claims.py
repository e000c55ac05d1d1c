"""What a message of the retry queue learns from the log before its attempt."""

from __future__ import annotations

from typing import cast

import pytest

from notifyd.core.kept_event import Known
from notifyd.core.log_row import RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Unknown
from notifyd.flow.attempt import AttemptClaims, EndedByCopy, Verdict
from notifyd.flow.ticket import Ticket, TicketOwner
from tests.fakes.delivery_log import FakeDeliveryLog
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.deliveries import delivery

ROWS = RowMaker(86_400.0)
POSITION = "fake:events/shard-0/1:0"


async def _verdict_on_a_late_copy(outcome: Outcome) -> tuple[Verdict | EndedByCopy, Ticket]:
    """The message of attempt 1 comes once more when the attempt has been made and ended so."""
    log, clock, entropy = FakeDeliveryLog(), FakeClock(), FakeEntropy()
    made = delivery()
    row = ROWS.row(made, RowKind.CLAIM, position=POSITION, at_s=clock.now_s())
    assert await log.claim_attempt(row, clock.now_s()) is None
    await log.append([ROWS.outcome_row(made, outcome, position=POSITION, at_s=clock.now_s(), provider="fake")])
    ticket = Ticket(made, cast(TicketOwner, None), 0, POSITION, Known({}), 0.0)
    claims = AttemptClaims(log, ROWS, clock, entropy)
    return await claims.claim(ticket, until_s=clock.now_s() + 60.0), ticket


async def test_a_late_copy_of_an_unanswered_attempt_goes_on_as_a_possible_duplicate() -> None:
    verdict, ticket = await _verdict_on_a_late_copy(Unknown(Reason.NO_ANSWER))
    assert verdict is Verdict.HAND_OVER
    assert ticket.again
    assert [attempted.reason for attempted in ticket.story] == [Reason.NO_ANSWER]


async def test_a_late_copy_of_a_refused_attempt_goes_on_with_its_story_alone() -> None:
    verdict, ticket = await _verdict_on_a_late_copy(Deferred(Reason.THROTTLED))
    assert verdict is Verdict.HAND_OVER
    assert not ticket.again
    assert len(ticket.story) == 1


async def test_a_late_copy_of_an_accepted_attempt_is_over() -> None:
    verdict, _ = await _verdict_on_a_late_copy(Accepted("id"))
    assert verdict is Verdict.ENDED


@pytest.mark.parametrize(("kind", "verdict"), [(RowKind.DEAD, Verdict.BURIED), (RowKind.EXPIRED, Verdict.EXPIRED)])
async def test_what_a_row_sends_to_the_dlq_goes_there_again_as_nobody_knows_whether_it_arrived(
    kind: RowKind, verdict: Verdict
) -> None:
    log, clock = FakeDeliveryLog(), FakeClock()
    made = delivery()
    for earlier in (RowKind.CLAIM, kind):
        row = ROWS.row(made, earlier, position=POSITION, at_s=clock.now_s(), reason="attempts")
        if earlier is RowKind.CLAIM:
            assert await log.claim_attempt(row, clock.now_s()) is None
        else:
            await log.append([row])
    ticket = Ticket(made, cast(TicketOwner, None), 0, POSITION, Known({}), 0.0)
    claims = AttemptClaims(log, ROWS, clock, FakeEntropy())
    assert await claims.claim(ticket, until_s=clock.now_s() + 60.0) is verdict
    assert verdict is not Verdict.BURIED or ticket.dead_for == "attempts"


async def test_what_was_redriven_since_its_burial_is_tried_again() -> None:
    log, clock = FakeDeliveryLog(), FakeClock()
    made = delivery()
    await log.append([ROWS.row(made, RowKind.DEAD, position=POSITION, at_s=clock.now_s(), reason="attempts")])
    made.attempt = 2
    row = ROWS.row(made, RowKind.CLAIM, position=POSITION, at_s=clock.now_s())
    assert await log.claim_attempt(row, clock.now_s()) is None
    ticket = Ticket(made, cast(TicketOwner, None), 0, POSITION, Known({}), 0.0)
    claims = AttemptClaims(log, ROWS, clock, FakeEntropy())
    clock.advance(60.0)
    assert await claims.claim(ticket, until_s=clock.now_s() + 60.0) is Verdict.OURS
