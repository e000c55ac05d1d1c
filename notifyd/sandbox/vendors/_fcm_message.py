"""The message of FCM's HTTP v1, as its reference lists it. JSON may name fields in either case of protobuf."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")
# Maps whose keys are the sender's own.
_MAPS = frozenset({"data", "headers", "payload"})
# Up to 28 days.
_Ttl = Annotated[str, Meta(pattern=r"^\d{1,7}(\.\d{1,9})?s$")]


class _Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    pass


class Notification(_Part):
    title: str = ""
    body: str = ""
    image: str = ""


class AndroidNotification(_Part):
    title: str = ""
    body: str = ""
    icon: str = ""
    color: Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""
    sound: str = ""
    tag: str = ""
    click_action: str = ""
    body_loc_key: str = ""
    body_loc_args: list[str] = []
    title_loc_key: str = ""
    title_loc_args: list[str] = []
    channel_id: str = ""
    ticker: str = ""
    sticky: bool = False
    event_time: str = ""
    local_only: bool = False
    notification_priority: str = ""
    default_sound: bool = False
    default_vibrate_timings: bool = False
    default_light_settings: bool = False
    vibrate_timings: list[str] = []
    visibility: str = ""
    notification_count: int = 0
    light_settings: dict[str, Any] = {}
    image: str = ""
    proxy: str = ""


class FcmOptions(_Part):
    analytics_label: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9\-_.~%]{0,50}$")] = ""
    link: str = ""


class Android(_Part):
    collapse_key: str = ""
    priority: Literal["NORMAL", "HIGH", "normal", "high"] = "NORMAL"
    ttl: _Ttl = "2419200s"
    restricted_package_name: str = ""
    data: dict[str, str] = {}
    notification: AndroidNotification | None = None
    fcm_options: FcmOptions | None = None
    direct_boot_ok: bool = False


class OtherPlatform(_Part):
    """Web push and APNs by way of FCM: taken, not looked into."""

    headers: dict[str, str] = {}
    data: dict[str, str] = {}
    notification: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    fcm_options: dict[str, Any] = {}


class FcmMessage(_Part):
    name: str = ""
    data: dict[str, str] = {}
    notification: Notification | None = None
    android: Android | None = None
    webpush: OtherPlatform | None = None
    apns: OtherPlatform | None = None
    fcm_options: FcmOptions | None = None
    token: str = ""
    topic: str = ""
    condition: str = ""

    def all_data(self) -> dict[str, str]:
        """As the device gets it: Android's before the common one."""
        return self.data | (self.android.data if self.android else {})


class Send(_Part):
    message: FcmMessage
    validate_only: bool = False


def in_snake_case(value: Any) -> Any:
    """The names of fields, not of the sender's own keys."""
    match value:
        case dict():
            return {
                _UPPER.sub(lambda upper: "_" + upper[1].lower(), name): (
                    inner if name in _MAPS else in_snake_case(inner)
                )
                for name, inner in value.items()
            }
        case list():
            return [in_snake_case(inner) for inner in value]
        case _:
            return value
