"""Every channel on the demo's stage: which providers deliver it, and the sandbox that stands in for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from notifyd.core.channel import Channel
from notifyd.sandbox.config_fragment import write_fragment
from notifyd.sandbox.provider_sandbox import Sandbox

# By weight; in chat it is the address that says by whom.
WEIGHTS: Final = {
    Channel.EMAIL: {"ses": 70, "sendgrid": 30},
    Channel.SMS: {"twilio": 60, "vonage": 40},
    Channel.PUSH_IOS: {"apns": 1},
    Channel.PUSH_ANDROID: {"fcm": 1},
    Channel.WEB_PUSH: {"web_push": 1},
    Channel.CHAT: {"slack": 1, "webhook": 1},
}
PROVIDERS: Final = tuple(name for weights in WEIGHTS.values() for name in weights)
# What the sandbox serves beside them: a provider's second API.
_SECOND_APIS: Final = {"fcm": "google_oauth", "slack": "slack_webhook"}


@asynccontextmanager
async def open_sandbox(journal: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(*PROVIDERS, *_SECOND_APIS.values(), journal=journal) as sandbox:
        yield sandbox


async def settings_of_all(sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    """The sections `channels` and `providers`; secrets are written below `folder`."""
    fragment = folder / "sandbox.yaml"
    await asyncio.to_thread(write_fragment, sandbox, fragment)
    providers = yaml.safe_load(fragment.read_text(encoding="utf-8"))["providers"]
    channels = {channel.value: {"providers": dict(weights)} for channel, weights in WEIGHTS.items()}
    return {"channels": channels, "providers": providers}


def apis_of(provider: str) -> list[str]:
    """The sandbox's names of what a provider's messages go through."""
    return [provider, "slack_webhook"] if provider == "slack" else [provider]
