"""What texts are billed by: segments of those that a provider took."""

from __future__ import annotations

from notifyd.core.channel import Channel
from notifyd.core.message import Sms, message_of
from notifyd.core.outcome import Outcome, Reason, Rejected
from notifyd.core.user import Contact
from tests.fakes.provider import accept
from tests.support.flow_rig import World, paid
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_segments_of_accepted_texts_are_counted_by_provider() -> None:
    world = World([paid(channels=(Channel.SMS,))], channel=Channel.SMS)
    refused: Outcome = Rejected(Reason.ADDRESS_INVALID)
    world.provider.answer = lambda delivery: (
        accept(delivery) if message_of(delivery, Sms).text != "no" else refused
    )
    for number, words in enumerate(("x" * 160, "x" * 161, "ü€" * 160, "я" * 71, "no")):
        user_id = f"u{number}"
        world.directory.contacts[user_id] = Contact(user_id, None, f"+3069{number:08}")
        world.event(user_id, words=words)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 4, "rejected": 1}
    # 1 + 2 + 4 (€ is two septets) + 2.
    assert 'notifyd_sms_segments_total{provider="fake"} 9.0' in worker.metrics.text().decode()
