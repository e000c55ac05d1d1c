"""Any receiver of webhooks that are signed by the Standard Webhooks scheme, at whatever path."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import content_type, text_of

# What the scheme's text asks payloads to stay below.
PAYLOAD_BYTES_MAX = 20 * 1024


def _error(what: str, status: int, **headers: str) -> Answer:
    return json_answer({"error": what}, status, **headers)


class WebhookReceiver:
    """`secret`: whsec_…, or those that are live during a rotation. `gone`: paths that answer 410."""

    name = "webhook"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error("nobody listens at this path", 404),
        Refusal.GONE: _error("unsubscribed", 410),
        Refusal.MESSAGE: _error("malformed", 400),
        Refusal.TOO_LARGE: _error("too large", 413),
        Refusal.CREDENTIALS: _error("No matching signature found", 401),
        Refusal.THROTTLED: _error("too many requests", 429, retry_after="1"),
        Refusal.UNAVAILABLE: _error("out of order", 503),
    }

    def __init__(self, *, secrets: list[str]) -> None:
        self.gone: set[str] = set()
        self._verifiers = [Webhook(secret) for secret in secrets]

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        """The delivery id is the webhook-id: it names the same message in each attempt."""
        if request.method != "POST":
            raise Refused(_error("POST only", 405, allow="POST"))
        if request.path in self.gone:
            raise Refused(self.refusals[Refusal.GONE])
        if content_type(request) != "application/json":
            raise Refused(_error("application/json only", 415))
        if len(request.body) > PAYLOAD_BYTES_MAX:
            raise Refused(self.refusals[Refusal.TOO_LARGE])
        self._verify(request)
        try:
            payload = msgspec.json.decode(request.body)
        except msgspec.DecodeError as error:
            raise Refused(_error(f"no JSON: {error}", 400)) from error
        webhook_id = request.headers["webhook-id"]
        message = Message(
            address=request.path,
            delivery_id=webhook_id,
            text=text_of(payload),
            message_id=webhook_id,
            content=payload if isinstance(payload, dict) else {"payload": payload},
        )
        return Taken([message], Answer(204))

    def _verify(self, request: Request) -> None:
        why = WebhookVerificationError("no secret")
        for verifier in self._verifiers:
            try:
                verifier.verify(request.body, dict(request.headers), json_parse=False)
            except (WebhookVerificationError, ValueError) as error:
                why = WebhookVerificationError(str(error))
            else:
                return
        raise Refused(_error(str(why), 401))
