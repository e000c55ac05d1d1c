"""Who waits for slots is called when some are free for it."""

from __future__ import annotations

from functools import partial

from notifyd.flow.slot_desk import SlotDesk


def test_who_leaves_while_it_waits_lets_those_behind_it_be_called() -> None:
    desk = SlotDesk(1)
    called: list[str] = []
    for holder in ("first", "leaver", "last"):
        desk.join(holder, partial(called.append, holder))
        desk.take(holder, 1)
    desk.free("first", 1)
    assert called[-1:] == ["leaver"]
    desk.leave("leaver")
    assert called[-1:] == ["last"]
    assert desk.take("last", 1) == 1
