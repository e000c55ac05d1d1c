"""The push providers, each beside its vendor of the sandbox, over TLS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from pydantic import SecretStr

from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.message import Delivery, Push
from notifyd.ports import Provider
from notifyd.providers import PROVIDERS, ProviderContext
from notifyd.sandbox.desk import Desk
from notifyd.sandbox.inbox import Message
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.system import SystemClock
from notifyd.wire.credentials import Credentials
from tests.fakes.system import FakeEntropy
from tests.support.deliveries import push_delivery

PUSH = Push(title="Payment", body="12,50 € is there 🎉", data=(("order", "7"),))
_AWS = Credentials("AKIDTEST", "secret")


class PushStand(msgspec.Struct, frozen=True):
    """`vendors`: of the sandbox, the one that takes messages first. `addresses`: so many that it knows.
    `shown`: an address as it names it. `away`: config under which nobody listens.
    """

    provider: str
    vendors: tuple[str, ...]
    config: Callable[[Sandbox], dict[str, Any]]
    addresses: Callable[[Sandbox, int], Sequence[str]]
    malformed: tuple[str, ...]
    away: dict[str, Any]
    shown: Callable[[str], str] = str


def _apns(sandbox: Sandbox) -> dict[str, Any]:
    known = sandbox.credentials
    return {
        "topic": known.apns_topic,
        "key": "env:APNS",
        "key_id": known.apns_key_id,
        "team_id": known.apns_team_id,
        "base_url": sandbox.urls["apns"],
    }


def _subscriptions(sandbox: Sandbox, count: int) -> list[str]:
    return [json.dumps(msgspec.to_builtins(one)) for one in sandbox.web_push_subscriptions(count)]


_NOBODY = "https://127.0.0.1:9"
_APNS = PushStand(
    provider="apns",
    vendors=("apns",),
    config=_apns,
    addresses=lambda sandbox, count: sandbox.device_tokens(count),
    malformed=("", "abc", "g" * 64, "a" * 65, f"{'a' * 64}/../x"),
    away={"base_url": _NOBODY},
)
STANDS = {
    "apns": _APNS,
    "apns by aioapns": msgspec.structs.replace(
        _APNS, config=lambda sandbox: _apns(sandbox) | {"client": "aioapns"}
    ),
    "fcm": PushStand(
        provider="fcm",
        vendors=("fcm", "google_oauth"),
        config=lambda sandbox: {"service_account": "env:FCM", "base_url": sandbox.urls["fcm"]},
        addresses=lambda sandbox, count: sandbox.registration_tokens(count),
        malformed=("", "abc", f"{'a' * 64} b", "é" * 64),
        away={"base_url": _NOBODY},
    ),
    "web_push": PushStand(
        provider="web_push",
        vendors=("web_push",),
        config=lambda _: {"vapid_key": "env:VAPID", "contact": "mailto:ops@example.com", "allow_private": True},
        addresses=_subscriptions,
        malformed=("", "https://push.example.com/x", "{}"),
        away={"base_url": _NOBODY},
        shown=lambda address: str(json.loads(address)["endpoint"]),
    ),
}


class PushRig:
    def __init__(self, stand: PushStand, sandbox: Sandbox, provider: Provider) -> None:
        self.stand = stand
        self.sandbox = sandbox
        self.provider = provider

    @property
    def desk(self) -> Desk:
        return self.sandbox[self.stand.vendors[0]]

    @property
    def messages(self) -> list[Message]:
        return list(self.desk.inbox.messages)

    def deliveries(self, count: int = 1, message: Push = PUSH) -> list[Delivery]:
        """To so many addresses."""
        known = self.stand.addresses(self.sandbox, count)
        return [self.delivery(address, message) for address in known]

    def delivery(self, address: str, message: Push = PUSH) -> Delivery:
        deadline_at_s = SystemClock().now_s() + 3_600
        return push_delivery(message, self.channel, address, deadline_at_s=deadline_at_s)

    @property
    def channel(self) -> Channel:
        return PROVIDERS[self.stand.provider].channel


@asynccontextmanager
async def push_provider(stand: PushStand, sandbox: Sandbox, **config: Any) -> AsyncIterator[Provider]:
    """`timeout_s` among `config`: how long a send may take."""
    timeout_s = config.pop("timeout_s", 10.0)
    known, clock, entropy = sandbox.credentials, SystemClock(), FakeEntropy()
    secrets = {
        "APNS": known.apns_key_p8,
        "VAPID": known.vapid_private_key,
        "FCM": json.dumps(sandbox.service_account) if "google_oauth" in sandbox.urls else "",
    }
    line = PROVIDERS[stand.provider]
    async with AsyncExitStack() as stack:
        session = AwsSession("eu-west-1", clock=clock, entropy=entropy, static=_AWS)
        context = ProviderContext(
            clock=clock,
            entropy=entropy,
            send_timeout_s=timeout_s,
            open_aws=(await stack.enter_async_context(session)).lean,
            secret=lambda ref: SecretStr(secrets[ref.name]),
        )
        merged = {"ca_file": sandbox.ca_file, **stand.config(sandbox), **config}
        provider = await line.build(line.config_model.model_validate(merged), context)
        stack.push_async_callback(provider.close)
        yield provider


def push_rig(name: str, **config: Any) -> AbstractAsyncContextManager[PushRig]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[PushRig]:
        stand = STANDS[name]
        async with Sandbox(*stand.vendors) as sandbox, push_provider(stand, sandbox, **config) as provider:
            yield PushRig(stand, sandbox, provider)

    return opened()
