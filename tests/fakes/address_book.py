"""An address book over the directory in memory."""

from __future__ import annotations

from msgspec.structs import replace

from notifyd.core.dead_address import DeadAddress, Removal, mark_of
from notifyd.core.user import DEVICE_PLATFORMS, Contact, DeviceToken
from tests.fakes.directory import FakeDirectory


class FakeAddressBook:
    """`asked` holds what was to be removed. While `failure` is set, every removal raises it."""

    def __init__(self, directory: FakeDirectory) -> None:
        self._directory = directory
        self.asked: list[DeadAddress] = []
        self.failure: Exception | None = None

    async def remove(self, dead: DeadAddress) -> Removal:
        self.asked.append(dead)
        if self.failure is not None:
            raise self.failure
        contact = self._directory.contacts.get(dead.user_id)
        if contact is None:
            return Removal.KEPT
        if dead.channel in DEVICE_PLATFORMS:
            left = tuple(device for device in contact.device_tokens if not _is_dead(device, dead))
            self._directory.contacts[dead.user_id] = replace(contact, device_tokens=left)
            return Removal.REMOVED if len(left) < len(contact.device_tokens) else Removal.KEPT
        if not _has(contact, dead):
            return Removal.KEPT
        marks = dict.fromkeys((*contact.suppressed, mark_of(dead.channel, dead.address)))
        self._directory.contacts[dead.user_id] = replace(contact, suppressed=tuple(marks))
        return Removal.SUPPRESSED


def _is_dead(device: DeviceToken, dead: DeadAddress) -> bool:
    if (device.token, device.platform) != (dead.address, DEVICE_PLATFORMS.get(dead.channel)):
        return False
    registered_s = device.registered_at_s
    if registered_s is None:
        return True
    return registered_s + (1.0 if registered_s.is_integer() else 0.0) <= dead.since_s


def _has(contact: Contact, dead: DeadAddress) -> bool:
    hooks = {external.url for external in contact.external_channels}
    return dead.address in {contact.email, contact.phone, *hooks}
