"""A mail relay on loopback: takes mails, keeps them to read, misbehaves when told to.

    async with SmtpSink() as sink:
        sink.url, sink.requests, sink.inbox.messages
        sink.misbehave(Reply("RCPT", "550 5.1.1 no such user"))

As a process: `python -m notifyd.sandbox.smtp_sink --port 4525 --journal FILE`. It stands on aiosmtpd, so it needs
the development extra.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractServer, get_running_loop
from contextlib import suppress
from email import message_from_bytes
from email.message import MIMEPart
from email.policy import default as modern
from pathlib import Path
from ssl import SSLContext
from typing import Any, Self

import click
import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from notifyd.sandbox.faults import BaseFault, Cut, Refusal, Refuse, Silence, UnknownFault
from notifyd.sandbox.inbox import Inbox, Mail
from notifyd.sandbox.sink import Sink
from notifyd.system import SystemClock

_HOST = "127.0.0.1"
_BODY_BYTES_MAX = 32 * 1024 * 1024


class Reply(BaseFault, tag=True, frozen=True):
    """To the next `command` (MAIL, RCPT, or DATA: then to the end of the mail), instead of taking it."""

    command: str
    text: str


Fault = Reply | Silence | Cut
_orders = msgspec.json.Decoder(list[Fault | Refuse])

REFUSALS = {
    Refusal.ADDRESS: Reply("RCPT", "550 5.1.1 no such user"),
    Refusal.GONE: Reply("RCPT", "550 5.1.6 the mailbox has moved, and left no address"),
    Refusal.MESSAGE: Reply("DATA", "554 5.6.0 it holds a virus"),
    Refusal.TOO_LARGE: Reply("DATA", "552 5.3.4 the mail is too big"),
    Refusal.CREDENTIALS: Reply("MAIL", "530 5.7.0 authentication required"),
    Refusal.SENDER: Reply("MAIL", "550 5.7.1 not yours"),
    Refusal.THROTTLED: Reply("RCPT", "450 4.7.1 too fast"),
    Refusal.QUOTA: Reply("MAIL", "452 4.5.3 too many mails today"),
    Refusal.UNAVAILABLE: Reply("MAIL", "421 4.3.2 shutting down"),
}


class SmtpSink(Sink[Mail, Fault | Refuse, Fault]):
    """`requests`: how many mails have arrived whole, whatever became of them. `connections`: opened so far.
    `refused`: commands.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        journal: Path | None = None,
        tls: SSLContext | None = None,
        starttls: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        inbox: Inbox[Mail] = Inbox(journal)
        super().__init__(inbox, clock=SystemClock(), orders=_orders, as_told=_as_smtp_says)
        self.connections = 0
        self.url = ""
        self._sessions: list[Any] = []
        self._arrival = asyncio.Event()
        self._closing = asyncio.Event()
        self._port = port
        self._tls = tls
        self._starttls = starttls
        self._login = login
        self._server: AbstractServer | None = None

    async def arrived(self) -> None:
        """Returns when the next mail has arrived whole."""
        self._arrival.clear()
        await self._arrival.wait()

    def drop_connections(self) -> None:
        """As a relay does with those that were idle for long."""
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()
        self._sessions.clear()

    async def __aenter__(self) -> Self:
        from_start = None if self._starttls else self._tls
        server = await get_running_loop().create_server(self._session, _HOST, self._port, ssl=from_start)
        self._server = server
        scheme = "smtp" if from_start is None else "smtps"
        self.url = f"{scheme}://{_HOST}:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self.drop_connections()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self.inbox.close()

    def _session(self) -> Any:
        self.connections += 1
        session = SMTP(
            self,
            loop=get_running_loop(),
            hostname="sink.example",
            data_size_limit=_BODY_BYTES_MAX,
            tls_context=self._tls if self._starttls else None,
            require_starttls=self._starttls,
            authenticator=self._authenticate,
            auth_required=self._login is not None,
            auth_require_tls=self._tls is not None,
        )
        self._sessions.append(session)
        return session

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        good = mechanism in {"LOGIN", "PLAIN"} and self._login == (given.login.decode(), given.password.decode())
        return AuthResult(success=good, handled=False)

    # aiosmtpd finds its hooks by these names.

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if refusal := self._reply_to("MAIL"):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if refusal := self._reply_to("RCPT"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.requests += 1
        self._arrival.set()
        if refusal := self._reply_to("DATA"):
            return refusal
        fault = self._faults.next(lambda fault: not isinstance(fault, Reply))
        if not (isinstance(fault, Silence | Cut) and not fault.taken):
            await self.inbox.accept([_mail(envelope, address) for address in envelope.rcpt_tos])
        if self.latency_s:
            await self._clock.sleep(self.latency_s)
        if isinstance(fault, Silence):
            await self._closing.wait()
        if isinstance(fault, Cut):
            server.transport.abort()
        return f"250 2.0.0 OK: queued as {self.requests}"

    def _reply_to(self, command: str) -> str:
        fault = self._faults.next(lambda fault: isinstance(fault, Reply) and fault.command == command)
        if not isinstance(fault, Reply):
            return ""
        self.refused += 1
        return fault.text


def _as_smtp_says(fault: Fault | Refuse) -> Fault:
    if not isinstance(fault, Refuse):
        return fault
    if fault.refusal not in REFUSALS:
        raise UnknownFault(f"smtp has no refusal {fault.refusal}; it has {', '.join(REFUSALS)}")
    return fault.befalling_as(REFUSALS[fault.refusal])


def _mail(envelope: Any, address: str) -> Mail:
    message = message_from_bytes(envelope.content, policy=modern)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    tags = [str(tag).partition("=") for tag in message.get_all("X-Notifyd-Tag", [])]
    return Mail(
        provider="smtp",
        delivery_id=str(message.get("X-Notifyd-Delivery-Id", "")),
        address=address,
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        text=_lf(text),
        html=_lf(html) if html is not None else None,
        headers={name: str(value) for name, value in message.items()},
        tags={name: value for name, _, value in tags},
        message_id=str(message["Message-ID"]),
    )


def _lf(part: MIMEPart | None) -> str:
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


@click.command()
@click.option("--port", default=0, help="0: a free one.")
@click.option("--journal", type=click.Path(path_type=Path), help="A line for each mail, before its answer.")
def main(port: int, journal: Path | None) -> None:
    """Prints {"url": …} on a line when it listens."""

    async def serve() -> None:
        async with SmtpSink(port=port, journal=journal) as sink:
            click.echo(msgspec.json.encode({"url": sink.url}).decode())
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
