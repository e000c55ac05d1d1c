"""The bench's users: contacts and settings are a function of a user's number, so that a million cost nothing."""

from __future__ import annotations

import msgspec

# Of one user, at most: a device's number tells whose it is and which of theirs.
DEVICES_MAX = 8


class People(msgspec.Struct, frozen=True):
    """`devices`: how many each has, in turns. `opted_out_every`: the last of so many wants nothing; 0: nobody."""

    devices: tuple[int, ...] = (0,)
    opted_out_every: int = 0

    def tokens(self, user_number: int) -> list[str]:
        """No two users share one."""
        count = self.devices[user_number % len(self.devices)]
        return [device_token(user_number * DEVICES_MAX + place) for place in range(count)]

    def has_opted_out(self, user_number: int) -> bool:
        return bool(self.opted_out_every) and (user_number + 1) % self.opted_out_every == 0

    def contact_item(self, user: str) -> bytes:
        number = _user_number(user)
        tokens = ",".join(
            f'{{"M":{{"platform":{{"S":"apns"}},"deviceToken":{{"S":"{token}"}}}}}}'
            for token in self.tokens(number)
        )
        return (
            f'{{"user_id":{{"S":"{user}"}},"email":{{"S":"{user}@bench.example"}},'
            f'"phone":{{"S":"+49151{number:08d}"}},'
            f'"device_tokens":{{"L":[{tokens}]}},"external_channels":{{"L":[]}}}}'
        ).encode()

    def settings_item(self, user: str) -> bytes:
        opted_out = "true" if self.has_opted_out(_user_number(user)) else "false"
        return (
            f'{{"user_id":{{"S":"{user}"}},"opted_out":{{"BOOL":{opted_out}}},'
            f'"categories":{{"M":{{"payments":{{"BOOL":true}}}}}}}}'
        ).encode()


def device_token(number: int) -> str:
    """As APNs gives them out: 32 bytes in hex."""
    return f"{number:064x}"


def device_place(token: str) -> int:
    """Which of its user's devices it is."""
    return int(token, 16) % DEVICES_MAX


def _user_number(user: str) -> int:
    return int(user.removeprefix("user-"))
