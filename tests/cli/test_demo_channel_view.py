"""What the demo shows of channels, an outage and a provider that is down."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from notifyd.cli.demo.channel_view import channels_table, channels_text, show_channels
from notifyd.cli.demo.figures import ChannelFigures, Figures
from notifyd.cli.demo.outage import OutageReport, ProviderReport
from notifyd.sandbox.account import ChannelAccount
from notifyd.sandbox.oracle import Finding
from notifyd.sandbox.world import Mail
from tests.cli.test_demo_view import REPORT

_TWO = Figures(channels={"email": ChannelFigures(accepted=41), "sms": ChannelFigures(waiting=7)}, down=["twilio"])
_LOST = Mail("event-0000001", "ada", "new_sign_in", "sms", "+4915100000001")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100, color_system=None)


def _shown(console: Console) -> list[list[str]]:
    """The words of each line."""
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_one_channel_has_no_table_of_channels() -> None:
    one = Figures(channels={"email": ChannelFigures()})
    assert (channels_text(one), list(channels_table(one))) == ("", [])


def test_a_look_shows_each_channel_and_who_is_down(console: Console) -> None:
    assert channels_text(_TWO) == "  email=41 sms=0  breaker open: twilio"
    console.print(*channels_table(_TWO))
    assert ["email", "41", "0", "0", "0"] in _shown(console)
    assert ["sms", "0", "0", "7", "0"] in _shown(console)


def test_the_account_has_a_row_a_channel_with_what_its_mailboxes_lack_or_have_twice(console: Console) -> None:
    channels = {"email": ChannelAccount(accepted=3), "sms": ChannelAccount(rejected=2, dead=1)}
    report = msgspec.structs.replace(REPORT, channels=channels)
    show_channels(console, report, Finding([_LOST], [], {}, {"email": 4}))
    assert ["email", "3", "0", "0", "0", "0", "0", "4"] in _shown(console)
    assert ["sms", "0", "0", "2", "0", "1", "1", "0"] in _shown(console)


def test_an_outage_shows_who_took_over_with_breakers_and_weights(console: Console) -> None:
    outage = OutageReport(
        "ses",
        14.0,
        6,
        [ProviderReport("ses", 0, {"open": 1}, 0.6, 0.7), ProviderReport("sendgrid", 99, {"closed": 1}, 0.4, 0.3)],
    )
    report = msgspec.structs.replace(REPORT, channels={}, outage=outage, in_doubt=5)
    show_channels(console, report, Finding([], [], {}, {}))
    assert isinstance(console.file, io.StringIO)
    assert "ses was down for 14 s and refused 6 requests; 5 deliveries" in console.file.getvalue()
    assert ["ses", "0", "open", "60%", "70%"] in _shown(console)
    assert ["sendgrid", "99", "closed", "40%", "30%"] in _shown(console)
