"""Which numbers and texts an SMS provider is asked to take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from notifyd.core.channel import Channel
from notifyd.core.message import Sms
from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._sms import SmsSender, number_of, seconds_left, text_of
from tests.support.deliveries import delivery_of


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+4915123456789", "+4915123456789"),
        ("+49 (151) 234-567-89", "+4915123456789"),
        ("+1 500.555.0006", "+15005550006"),
        ("+44/7911/123456", "+447911123456"),
    ],
)
def test_a_number_goes_out_in_e164_however_it_is_written(written: str, number: str) -> None:
    assert number_of(written) == number


@pytest.mark.parametrize(
    "written",
    ["004915123456789", "15005550006", "+49", "+1 800 FLOWERS", "+0 151 23456789", "+4915123456789x1", "+1555"],
)
def test_what_is_no_number_of_any_network_is_refused(written: str) -> None:
    refused = number_of(written)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.ADDRESS_INVALID
    assert written not in refused.answer


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_refused(written: str) -> None:
    number = number_of(written)
    if isinstance(number, str):
        assert number_of(number) == number


def test_a_long_text_is_cut_or_refused() -> None:
    def sent(*, shorten: bool) -> str | Rejected:
        return text_of(delivery_of(Sms("ж" * 200, shorten=shorten), Channel.SMS, "+4915123456789"), 2)

    assert sent(shorten=True) == "ж" * 133 + "…"
    assert sent(shorten=False) == Rejected(Reason.PAYLOAD_TOO_LARGE, "3 segments; at most 2 are sent")


@pytest.mark.parametrize(("now_s", "left_s"), [(0.0, 600), (86_300.5, 99), (86_395.0, 20), (90_000.0, 20)])
def test_the_time_that_is_left_stays_within_what_a_vendor_takes(now_s: float, left_s: int) -> None:
    sent = delivery_of(Sms("x"), Channel.SMS, "+4915123456789", deadline_at_s=86_400.0)
    assert seconds_left(sent, now_s, least_s=20, most_s=600) == left_s


@pytest.mark.parametrize("sender", ["+15005550006", "12345", "Shop", "My Shop 24"])
def test_a_sender_is_a_number_a_short_code_or_a_name(sender: str) -> None:
    assert TypeAdapter(SmsSender).validate_python(sender) == sender


@pytest.mark.parametrize("sender", ["", "A name that is too long", "1234567890123456", "Shöp", "+0123456"])
def test_no_other_sender_is_taken(sender: str) -> None:
    with pytest.raises(ValidationError, match="is '"):
        TypeAdapter(SmsSender).validate_python(sender)
