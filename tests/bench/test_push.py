from __future__ import annotations

import msgspec
import pytest

from bench.peer.push import ApnsSender
from bench.peer.sources import Arrived
from bench.servers.apns import Apns
from bench.servers.events import Shape, Stamp, envelope, user_id
from bench.servers.people import People, device_token
from notifyd.core.channel import Channel
from notifyd.core.dynamodb_json import decode_item
from notifyd.core.user import DEVICE_PLATFORMS
from notifyd.core.user_items import Damage, read_contact
from notifyd.sandbox.config_fragment import provider_settings
from notifyd.sandbox.inbox import Message
from notifyd.sandbox.provider_sandbox import Sandbox

ID_1, ID_2 = "A" * 26, "B" * 26
SHAPE = Shape(users=10, event_bytes=600)


def push(number: int, delivery_id: str) -> Message:
    return Message(
        address=device_token(1), delivery_id=delivery_id, text=f"bench-mark:{number}:1700000000000;", time_s=1.0
    )


async def test_what_the_sandbox_accepts_is_counted_once_and_duplicates_are_told() -> None:
    async with Sandbox("apns") as sandbox:
        apns = Apns(sandbox, latency_s=0.0)
        sandbox["apns"].inbox.keep([push(0, ID_1), push(1, ID_2)])
        sandbox["apns"].inbox.keep([push(0, ID_1)])
        stats = apns.control("stats", b"")
        assert (stats["accepted"], stats["unique"], stats["duplicates"], stats["bad_ids"]) == (3, 2, 1, 0)
        apns.control("window", b"")
        assert apns.control("progress", b"") == {"accepted": 0, "unique": 2}


async def test_the_peers_pushes_are_accepted_each_once_whatever_room_the_connections_have() -> None:
    """300 of them are more than fits in a connection's first window."""
    async with Sandbox("apns") as sandbox:
        apns = Apns(sandbox, latency_s=0.0)
        settings = provider_settings(sandbox, lambda _, value: value, sandbox.ca_file)["apns"]
        sender = await ApnsSender.connect(settings, settings["key"])
        notices = []
        for number in range(300):
            event = Arrived(msgspec.json.decode(envelope(SHAPE, Stamp(number, 1_700_000_000.0))))
            contact = {"device_tokens": [{"platform": "apns", "deviceToken": device_token(number)}]}
            notices += sender.notices(event, contact)
        accepted = await sender.send(notices)
        sender.close()
        stats = apns.control("stats", b"")
    assert len(accepted) == 300
    assert (stats["unique"], stats["duplicates"], stats["bad_ids"]) == (300, 0, 0)


@pytest.mark.parametrize("devices", [0, 1, 3])
def test_the_daemon_reads_as_many_devices_as_a_user_has_and_no_two_users_share_one(devices: int) -> None:
    damages: list[Damage] = []
    people = People(devices=(devices,))
    tokens = [
        device
        for number in range(3)
        for device in read_contact(
            user_id(number), decode_item(people.contact_item(user_id(number))), damages
        ).device_tokens
    ]
    assert not damages
    assert len({device.token for device in tokens}) == len(tokens) == 3 * devices
    assert {device.platform for device in tokens} <= {DEVICE_PLATFORMS[Channel.PUSH_IOS]}
