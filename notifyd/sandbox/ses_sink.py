"""SES v2 on loopback: takes mails as SES would, refuses what SES's model does not allow, misbehaves when told to.

    async with SesSink() as sink:
        sink.url, sink.requests, sink.inbox.messages
        sink.misbehave(Silence())

As a process: `python -m notifyd.sandbox.ses_sink --port 4580 --journal FILE --latency-ms 50`; it then is told and
asked over HTTP: POST /_sink/faults (a list of faults), GET /_sink/mails, GET /_sink/counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from typing import Self, TypeVar

import click
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from notifyd.sandbox.faults import Cut, Garbage, Silence
from notifyd.sandbox.inbox import Inbox, Mail
from notifyd.sandbox.ses_account import Account, SesError
from notifyd.sandbox.ses_faults import Fault, OneShort, Order, Refuse, Statuses, as_ses_says
from notifyd.sandbox.ses_mails import Refused, bulk_mails, single_mails
from notifyd.sandbox.ses_model import SendBulkEmail, SendEmail
from notifyd.sandbox.sink import Sink
from notifyd.system import SystemClock

_HOST = "127.0.0.1"
_SENDING = "/v2/email/outbound-"
_BODY_BYTES_MAX = 64 * 1024 * 1024
_orders = msgspec.json.Decoder(list[Order])
S = TypeVar("S", SendBulkEmail, SendEmail)


class SesSink(Sink[Mail, Order, Fault]):
    """`requests`: how many that send have arrived, whatever became of them; `refused`: as a whole."""

    def __init__(
        self,
        *,
        port: int = 0,
        journal: Path | None = None,
        fsync: bool = False,
        latency_s: float = 0.0,
        tls: SSLContext | None = None,
    ) -> None:
        inbox: Inbox[Mail] = Inbox(journal, fsync=fsync)
        super().__init__(inbox, clock=SystemClock(), orders=_orders, as_told=as_ses_says)
        self.account = Account()
        self.latency_s = latency_s
        self.url = ""
        self._closing = asyncio.Event()
        self._port = port
        self._tls = tls
        app = web.Application(client_max_size=_BODY_BYTES_MAX, middlewares=[self._as_ses_says_it])
        app.router.add_post("/v2/email/outbound-bulk-emails", self._send_bulk)
        app.router.add_post("/v2/email/outbound-emails", self._send_single)
        app.router.add_get("/v2/email/account", self._get_account)
        app.router.add_get("/v2/email/identities/{name}", self._get_identity)
        app.router.add_get("/v2/email/configuration-sets/{name}", self._get_configuration_set)
        app.router.add_post("/_sink/faults", self._add_faults)
        app.router.add_get("/_sink/mails", self._show_mails)
        app.router.add_get("/_sink/counts", self._show_counts)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port, ssl_context=self._tls).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'http' if self._tls is None else 'https'}://{_HOST}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()
        self.inbox.close()

    # --- sending -------------------------------------------------------------------------------------------

    async def _send_bulk(self, request: web.Request) -> web.StreamResponse:
        sending = await self._begin(request, SendBulkEmail)
        fault = self._faults.next()
        statuses = fault.statuses if isinstance(fault, Statuses) else []
        taken: list[Mail] = []
        results: list[dict[str, str]] = []
        for position, entry in enumerate(sending.bulk_email_entries):
            status = statuses[position] if position < len(statuses) else "SUCCESS"
            try:
                mails = bulk_mails(sending, entry)
            except Refused as refused:
                results.append({"Status": "INVALID_PARAMETER", "Error": str(refused)})
                continue
            if status == "SUCCESS":
                taken += mails
                results.append({"Status": status, "MessageId": mails[0].message_id})
            else:
                results.append({"Status": status, "Error": f"told to answer {status}"})
        if isinstance(fault, OneShort):
            results.pop()
        return await self._end(request, fault, taken, {"BulkEmailEntryResults": results})

    async def _send_single(self, request: web.Request) -> web.StreamResponse:
        sending = await self._begin(request, SendEmail)
        fault = self._faults.next()
        try:
            mails = single_mails(sending)
        except Refused as refused:
            raise SesError(400, "BadRequestException", str(refused)) from refused
        answer = {} if isinstance(fault, OneShort) else {"MessageId": mails[0].message_id}
        return await self._end(request, fault, mails, answer)

    async def _begin(self, request: web.Request, kind: type[S]) -> S:
        self.requests += 1
        if "/ses/aws4_request" not in request.headers.get("Authorization", ""):
            raise SesError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        try:
            sending = msgspec.json.decode(await request.read(), type=kind)
        except msgspec.DecodeError as error:
            raise SesError(400, "BadRequestException", str(error)) from error
        self.account.let_send(sending)
        return sending

    async def _end(
        self, request: web.Request, fault: Fault | None, mails: list[Mail], answer: Mapping[str, object]
    ) -> web.StreamResponse:
        """What is taken is in the journal before the answer is on its way."""
        if isinstance(fault, Refuse):
            raise SesError(fault.status, fault.code, fault.message)
        if not (isinstance(fault, Silence | Cut) and not fault.taken):
            await self.inbox.accept(mails)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)  # noqa: TID251 - a stand-in lives on the machine's clock
        match fault:
            case Silence():
                await self._closing.wait()
            case Cut():
                if request.transport is not None:
                    request.transport.abort()
            case Garbage():
                return web.Response(body=b"<html>It works!</html>")
        return _json(answer)

    @web.middleware
    async def _as_ses_says_it(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except SesError as error:
            self.refused += request.path.startswith(_SENDING)
            answer = _json({"message": str(error)}, status=error.status)
            answer.headers["x-amzn-ErrorType"] = error.code
            return answer

    async def _get_account(self, _: web.Request) -> web.Response:
        return _json(self.account.answer(self.inbox.accepted))

    async def _get_identity(self, request: web.Request) -> web.Response:
        return _json(self.account.identity_answer(request.match_info["name"]))

    async def _get_configuration_set(self, request: web.Request) -> web.Response:
        return _json(self.account.configuration_set_answer(request.match_info["name"]))

    # --- told and asked from another process ---------------------------------------------------------------

    async def _add_faults(self, request: web.Request) -> web.Response:
        try:
            self.order(await request.read())
        except msgspec.DecodeError as error:
            raise SesError(400, "BadRequestException", str(error)) from error
        return web.Response(status=204)

    async def _show_mails(self, _: web.Request) -> web.Response:
        return _json(list(self.inbox.messages))

    async def _show_counts(self, _: web.Request) -> web.Response:
        return _json({"requests": self.requests, "accepted": self.inbox.accepted})


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


@click.command()
@click.option("--port", default=0, help="0: a free one.")
@click.option("--journal", type=click.Path(path_type=Path), help="A line for each mail, before its answer.")
@click.option("--fsync", is_flag=True, help="The journal survives the machine, not only the process.")
@click.option("--latency-ms", default=0.0, help="How long an answer takes.")
@click.option("--send-rate-max", default=1000.0, help="Mails a second that the account says it may send.")
def main(port: int, journal: Path | None, *, fsync: bool, latency_ms: float, send_rate_max: float) -> None:
    """Prints {"url": …} on a line when it listens."""

    async def serve() -> None:
        async with SesSink(port=port, journal=journal, fsync=fsync, latency_s=latency_ms / 1000) as sink:
            sink.account.send_rate_max = send_rate_max
            click.echo(msgspec.json.encode({"url": sink.url}).decode())
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
