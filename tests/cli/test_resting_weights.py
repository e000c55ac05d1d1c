from __future__ import annotations

from notifyd.cli.providers import resting_weights
from notifyd.config_sections import ChannelSection
from notifyd.core.channel import Channel


def test_a_provider_rests_at_its_share_of_what_it_can_deliver() -> None:
    channels = {
        Channel.EMAIL: ChannelSection(providers={"ses": 70, "sendgrid": 30}),
        # Nobody but Slack delivers to Slack.
        Channel.CHAT: ChannelSection(providers={"slack": 1, "webhook": 1}),
        Channel.SMS: ChannelSection(provider="twilio"),
    }
    assert resting_weights(channels) == {
        (Channel.EMAIL, "ses"): 0.7,
        (Channel.EMAIL, "sendgrid"): 0.3,
        (Channel.CHAT, "slack"): 1.0,
        (Channel.CHAT, "webhook"): 1.0,
        (Channel.SMS, "twilio"): 1.0,
    }
