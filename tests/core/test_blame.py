from __future__ import annotations

from notifyd.core.blame import Blame, blame_of, may_move
from notifyd.core.outcome import Deferred, Reason


def test_a_connection_that_is_ended_in_order_is_no_outage_and_another_provider_may_be_asked() -> None:
    """A GOAWAY turns away up to a thousand pushes at once: as failures they would open the breaker."""
    turned_away = Deferred(Reason.TURNED_AWAY)
    assert blame_of(turned_away) is Blame.LOAD
    assert may_move(turned_away)
    assert blame_of(Deferred(Reason.NO_CONNECTION)) is Blame.PROVIDER
