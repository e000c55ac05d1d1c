"""Every provider's API on loopback, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from aiohttp import web

from notifyd.sandbox.authority import Authority, make_authority
from notifyd.sandbox.clients import Clock
from notifyd.sandbox.control import Control
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.desk import Desk
from notifyd.sandbox.exchange import Vendor
from notifyd.sandbox.http1_server import Http1Server
from notifyd.sandbox.vendors.mailchimp import Mailchimp
from notifyd.sandbox.vendors.sendgrid import SendGrid
from notifyd.sandbox.vendors.slack import Slack, SlackWebhook
from notifyd.sandbox.vendors.sns import Sns
from notifyd.sandbox.vendors.twilio import Twilio
from notifyd.sandbox.vendors.vonage import Vonage
from notifyd.sandbox.vendors.web_push import Subscription, WebPush
from notifyd.sandbox.vendors.webhook import WebhookReceiver
from notifyd.system import SystemClock

_HOST = "127.0.0.1"


class Sandbox:
    """`urls` and `desks`: by provider. `url`: of the control API (control.py). `ca_file`: for clients to trust.

    `port_base`: the control API's port, the providers' follow in order; 0: whichever are free.
    """

    def __init__(
        self,
        *providers: str,
        port_base: int = 0,
        journal: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.credentials = Credentials()
        self.url = ""
        self.urls: dict[str, str] = {}
        self.desks: dict[str, Desk] = {}
        self._clock = clock or SystemClock()
        self.web_push = WebPush(application_server_key=self.credentials.vapid_public_key, clock=self._clock)
        self._wanted: Collection[str] = providers
        self._journal = journal
        self._port_base = port_base
        self._authority: Authority | None = None
        self._exit = AsyncExitStack()

    @property
    def ca_file(self) -> Path:
        if self._authority is None:
            raise RuntimeError("the sandbox has no authority before it is entered")
        return self._authority.ca_file

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exit_stack:
            folder = await asyncio.to_thread(TemporaryDirectory, prefix="notifyd-sandbox-")
            exit_stack.push_async_callback(asyncio.to_thread, folder.cleanup)
            authority = await asyncio.to_thread(make_authority, Path(folder.name), self._clock)
            self._authority = authority
            tls = await asyncio.to_thread(authority.context)
            for position, vendor in enumerate(self._vendors(), start=1):
                desk = Desk(vendor, clock=self._clock, journal=self._journal)
                server = Http1Server(desk, clock=self._clock, port=self._port(position), tls=tls)
                await exit_stack.enter_async_context(server)
                self.desks[desk.name] = desk
                self.urls[desk.name] = server.url
            self.url = await self._start_control(exit_stack)
            self._exit = exit_stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    def __getitem__(self, provider: str) -> Desk:
        return self.desks[provider]

    def endpoints(self) -> Mapping[str, str]:
        return self.urls

    def subscribe(self, count: int = 1) -> list[Subscription]:
        """New browsers that wait for web pushes; this sandbox can read what they get."""
        return [self.web_push.subscribe(self.urls[self.web_push.name]) for _ in range(count)]

    def _vendors(self) -> list[Vendor]:
        known = self.credentials
        vendors: list[Vendor] = [
            SendGrid(api_key=known.sendgrid_api_key),
            Twilio(account_sid=known.twilio_account_sid, auth_token=known.twilio_auth_token, clock=self._clock),
            Mailchimp(api_key=known.mailchimp_api_key),
            Sns(),
            Vonage(api_key=known.vonage_api_key, api_secret=known.vonage_api_secret),
            self.web_push,
            Slack(token=known.slack_token, clock=self._clock),
            SlackWebhook(paths={known.slack_hook_path}, clock=self._clock),
            WebhookReceiver(secrets=[known.webhook_secret]),
        ]
        return [vendor for vendor in vendors if not self._wanted or vendor.name in self._wanted]

    def _port(self, position: int) -> int:
        return self._port_base + position if self._port_base else 0

    async def _start_control(self, exit_stack: AsyncExitStack) -> str:
        runner = web.AppRunner(Control(self.desks, self.endpoints).app(), access_log=None)
        await runner.setup()
        exit_stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _HOST, self._port(0)).start()
        return f"http://{_HOST}:{runner.addresses[0][1]}"
