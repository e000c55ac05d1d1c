"""Any SMTP relay, for those without SES: one mail a request, over kept connections.

A relay may take minutes to answer the end of DATA (RFC 5321, 4.5.3.2.6, asks to wait for ten): where one does,
`delivery.send_timeout_s` has to grow, or its mails become unknown.
"""

from __future__ import annotations

import asyncio
from asyncio import LifoQueue
from collections.abc import Hashable, Sequence
from contextlib import suppress
from email.utils import parseaddr
from ssl import SSLContext

import msgspec
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery, Email, message_of
from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected
from notifyd.errors import Fault
from notifyd.ports import Clock, Limits, Tell, tell_nobody
from notifyd.providers._base import NO_UNICODE, ProviderContext, Unasked
from notifyd.providers._mail import flaw, from_header, headers_of, mailbox, own_reply_to, short
from notifyd.providers._smtp_answer import Stage, no_reply, refused
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers._smtp_message import message_bytes
from notifyd.wire.tls import client_context

# What relays commonly take at least; EHLO's SIZE tells the relay's own, and MAIL FROM asks it.
_PAYLOAD_BYTES_MAX = 10_000_000
# Connection, greeting, login, MAIL and RCPT get this part of the time: what fails by then was not sent.
_BEFORE_DATA_SHARE = 0.5
_QUIT_TIMEOUT_S = 1.0


class _Mail(msgspec.Struct):
    """As the envelope names both ends, and the bytes between them."""

    sender: str
    to: str
    content: bytes


class SmtpProvider(Unasked):
    """Before DATA the relay has nothing: lost connections there are deferred. From DATA on an answer that does
    not come is unknown, and nothing is sent again here.
    """

    name = "smtp"
    channel = Channel.EMAIL

    def __init__(
        self, config: SmtpConfig, *, password: str | None, tls: SSLContext, clock: Clock, timeout_s: float
    ) -> None:
        self.limits = Limits(
            batch_max=1,
            in_flight_max=config.connections_max,
            payload_bytes_max=_PAYLOAD_BYTES_MAX,
            rate_per_s=config.rate_per_s,
        )
        self._config = config
        self._password = password
        self._tls = tls
        self._clock = clock
        self._timeout_s = timeout_s
        self._reply_to = ", ".join(headers_of(config.reply_to))
        # The one used last first: what is idle for long is closed by the relay.
        self._clients: LifoQueue[SMTP] = LifoQueue()
        for _ in range(config.connections_max):
            self._clients.put_nowait(self._client())

    def group_key(self, delivery: Delivery) -> Hashable:
        return delivery.delivery_id

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:  # noqa: ARG002 - one mail, one answer
        return [await self._send_one(delivery) for delivery in batch]

    async def refresh_limits(self) -> None:
        """SMTP tells of no limits but by refusing."""

    async def problems(self) -> list[Fault]:
        client = self._client()
        try:
            await client.connect()
        except (SMTPException, OSError) as error:
            what = f"cannot begin a session with {self._config.base_url}: {error}"
            mend = "mend base_url, starttls, ca_file, username or password"
            return [Fault("providers.smtp", what, mend, is_outage=isinstance(error, OSError))]
        await _quit(client)
        return []

    async def close(self) -> None:
        await asyncio.gather(*(_quit(self._clients.get_nowait()) for _ in range(self._clients.qsize())))

    async def _send_one(self, delivery: Delivery) -> Outcome:
        try:
            mail = self._mail(delivery)
        except UnicodeEncodeError:
            return NO_UNICODE
        if isinstance(mail, Rejected):
            return mail
        client = await self._clients.get()
        try:
            return await self._exchange(client, mail)
        except BaseException:
            client.close()  # somewhere in the middle of a mail: of no use to the next one
            raise
        finally:
            self._clients.put_nowait(client)

    def _mail(self, delivery: Delivery) -> _Mail | Rejected:
        email = message_of(delivery, Email)
        sender = from_header(email.sender or self._config.sender)
        if isinstance(sender, Rejected):
            return sender
        if wrong := flaw(email):
            return Rejected(Reason.MESSAGE_REFUSED, wrong)
        to = mailbox(delivery.address)
        if isinstance(to, Rejected):
            return to
        address = parseaddr(sender)[1]
        content = message_bytes(
            delivery,
            sender=sender,
            domain=address.rpartition("@")[2],
            to=to,
            reply_to="" if own_reply_to(email) else self._reply_to,
            now_s=self._clock.now_s(),
        )
        return _Mail(address, to, content)

    async def _exchange(self, client: SMTP, mail: _Mail) -> Outcome:
        stage = Stage.CONNECT
        try:
            async with asyncio.timeout(self._timeout_s * _BEFORE_DATA_SHARE):
                await _begin_session(client)
                stage = Stage.MAIL
                size = [f"SIZE={len(mail.content)}"] if client.supports_extension("size") else []
                await client.mail(mail.sender, options=size)
                stage = Stage.RCPT
                await client.rcpt(mail.to)
            stage = Stage.DATA
            reply = await client.data(mail.content)
        except SMTPResponseException as error:
            if error.code < 0:
                client.close()  # no reply code: what comes after it cannot be told apart either
            return refused(stage, error.code, error.message)
        except (SMTPException, OSError) as error:
            client.close()
            return no_reply(stage, str(error))
        return Accepted(short(reply.message))

    def _client(self) -> SMTP:
        config = self._config
        return SMTP(
            hostname=config.host,
            port=config.port,
            username=config.username,
            password=self._password,
            local_hostname=config.ehlo_name or parseaddr(config.sender)[1].rpartition("@")[2],
            timeout=self._timeout_s,
            use_tls=config.tls_from_start,
            start_tls=not config.tls_from_start and config.starttls,
            tls_context=self._tls,
        )


async def _begin_session(client: SMTP) -> None:
    """A kept connection that still answers stands at the start of a mail; else a new one."""
    if client.is_connected:
        with suppress(SMTPException, OSError):
            await client.rset()
            return
        client.close()
    await client.connect()


async def build_smtp(config: SmtpConfig, context: ProviderContext) -> SmtpProvider:
    password = None if config.password is None else context.secret(config.password).get_secret_value()
    return SmtpProvider(
        config,
        password=password,
        tls=client_context(config.ca_file),
        clock=context.clock,
        timeout_s=context.send_timeout_s,
    )


async def _quit(client: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await client.quit(timeout=_QUIT_TIMEOUT_S)
    client.close()
