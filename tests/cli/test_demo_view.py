from __future__ import annotations

import io

import pytest
from rich.console import Console

from notifyd.cli.demo.figures import Figures
from notifyd.cli.demo.report import Report
from notifyd.cli.demo.view import View
from notifyd.sandbox.inbox import Mail
from tests.fakes.system import FakeClock

REPORT = Report(
    events_in=10,
    before_start=0,
    filtered=1,
    unmatched=2,
    malformed=1,
    duplicate=0,
    expanded=6,
    planned=7,
    accepted=4,
    suppressed={"no_address": 1, "opted_out": 2},
    rejected=0,
    expired=0,
    waiting=0,
    dead=0,
    in_doubt=0,
    residue=0,
    lost=0,
    duplicates=0,
    events_per_s=123.4,
    p50_ms=45.6,
    p99_ms=78.9,
)
_FIGURES = Figures(read=9, accepted=4, suppressed={"opted_out": 2}, waiting=1, dead=1, p50_ms=50, p99_ms=100)


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def console(request: pytest.FixtureRequest) -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=request.param, color_system=None)


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_figures_of_a_look_are_all_there(console: Console, clock: FakeClock) -> None:
    view = View(console, clock, events=10)
    view.note_written(10)
    view.say(view.line(_FIGURES, rate_per_s=33.3))
    console.print(view.table(_FIGURES, rate_per_s=33.3))
    shown = _shown(console)
    line, table = shown.splitlines()[0], "".join(shown.splitlines()[1:])
    for word in ("10", "read", "9", "accepted", "opted_out", "waiting", "dead", "33", "50 ms", "100 ms"):
        assert word in line
        assert word in table


def test_the_account_shows_every_term_and_each_fault(console: Console, clock: FakeClock) -> None:
    View(console, clock, events=10).show_account(REPORT, ["lost is 1, not 0"])
    shown = _shown(console)
    for term in (
        "filtered",
        "unmatched",
        "malformed",
        "expanded",
        "accepted",
        "opted_out",
        "no_address",
        "waiting",
    ):
        assert term in shown
    assert "residue, lost, duplicates" in shown
    assert "wrong: lost is 1, not 0" in shown


def test_a_mail_is_shown_as_it_was_sent(console: Console, clock: FakeClock) -> None:
    mail = Mail(
        delivery_id="D1",
        address="ada@example.com",
        sender="Shop <shop@example.com>",
        subject="[bold]You have been paid",
        text="10 EUR [red]today",
        html=None,
        headers={"X-Kind": "payment"},
        tags={"delivery_id": "D1"},
        message_id="m1",
    )
    View(console, clock, events=1).show_mail(mail)
    shown = _shown(console)
    for line in ("From: Shop <shop@example.com>", "To: ada@example.com", "Subject: [bold]You have been paid"):
        assert line in shown
    assert "10 EUR [red]today" in shown
    assert "X-Kind: payment" in shown
