"""Slack: chat.postMessage (Web API) and incoming webhooks, with Block Kit's limits.

The Web API says what is wrong below HTTP 200; a hook says it in plain text with a status of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer, text_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import Malformed, bearer, content_type, decode_json, form_of
from notifyd.sandbox.vendors._slack_blocks import block_flaw

TEXT_CHARS_MAX = 40_000
_CHANNEL_INTERVAL_S = 1.0
# "Short bursts of >1 allowed": a pace of one a second passes, however late one of them was.
_BURST_MAX = 2


class Metadata(msgspec.Struct, forbid_unknown_fields=True):
    event_type: str
    event_payload: dict[str, Any]


class SlackMessage(msgspec.Struct):
    """Of what both ways take, what is checked here; Slack passes over arguments that it does not know. Lists may
    be JSON in a string, as forms have them.
    """

    text: str = ""
    channel: str = ""
    blocks: list[dict[str, Any]] | str = []
    attachments: list[dict[str, Any]] | str = []
    metadata: Metadata | str | None = None
    thread_ts: str | None = None


# What the Web API calls otherwise than a hook.
_HOOK_ERRORS = {"invalid_json": "invalid_payload", "invalid_post_type": "invalid_payload"}


class _Flaw(Exception):
    """Its text is Slack's error."""


class _Pace:
    """One message a second and channel."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_s: dict[str, float] = {}

    def let_through(self, channel: str) -> bool:
        now_s = self._clock.now_s()
        free_s = self._free_s.get(channel, now_s)
        if free_s - now_s > (_BURST_MAX - 1) * _CHANNEL_INTERVAL_S:
            return False
        self._free_s[channel] = max(free_s, now_s) + _CHANNEL_INTERVAL_S
        return True


def _error(code: str, status: int = 200, **headers: str) -> Answer:
    return json_answer({"ok": False, "error": code}, status, **headers)


class Slack:
    """chat.postMessage. `channels`: ids that exist; None: every one that looks like an id."""

    name = "slack"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error("channel_not_found"),
        Refusal.GONE: _error("is_archived"),
        Refusal.MESSAGE: _error("invalid_blocks"),
        Refusal.TOO_LARGE: _error("msg_too_long"),
        Refusal.CREDENTIALS: _error("invalid_auth"),
        Refusal.SENDER: _error("not_in_channel"),
        Refusal.THROTTLED: _error("ratelimited", 429, retry_after="1"),
        Refusal.QUOTA: _error("message_limit_exceeded"),
        Refusal.UNAVAILABLE: _error("internal_error", 503),
        Refusal.IN_200: _error("fatal_error"),
    }

    def __init__(self, *, token: str, clock: Clock, channels: set[str] | None = None) -> None:
        self.channels = channels
        self._token = token
        self._clock = clock
        self._pace = _Pace(clock)
        self._numbers = count(100)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if request.path == "/api/auth.test":
            self._authorize(request)
            return json_answer({"ok": True, "team": "Sandbox", "team_id": "T0SANDBOX", "user_id": "U0SANDBOX"})
        if request.path != "/api/chat.postMessage":
            raise Refused(_error("unknown_method"))
        if request.method != "POST":
            raise Refused(_error("method_not_allowed_for_token_type"))
        self._authorize(request)
        try:
            wanted = _read(request)
        except _Flaw as flaw:
            raise Refused(_error(str(flaw))) from flaw
        if not wanted.channel or not (
            wanted.channel in self.channels if self.channels is not None else wanted.channel[0] in "CDGU#@"
        ):
            raise Refused(_error("channel_not_found"))
        if not self._pace.let_through(wanted.channel):
            raise Refused(self.refusals[Refusal.THROTTLED])
        stamp = f"{int(self._clock.now_s())}.{next(self._numbers):06}"
        answer = {"ok": True, "channel": wanted.channel, "ts": stamp, "message": {"type": "message"}}
        return Taken([_message(wanted, wanted.channel, stamp)], json_answer(answer))

    def _authorize(self, request: Request) -> None:
        token = bearer(request) or form_of(request.body).get("token", "")
        if not token:
            raise Refused(_error("not_authed"))
        if token != self._token:
            raise Refused(_error("invalid_auth"))


class SlackWebhook:
    """Incoming webhooks: /services/T…/B…/… ; `hooks`: path → the answer that it is dead with, None: alive.

    A path that is not there gets 404 no_service.
    """

    name = "slack_webhook"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: text_answer("no_service", 404),
        Refusal.GONE: text_answer("channel_is_archived", 410),
        Refusal.MESSAGE: text_answer("invalid_payload", 400),
        Refusal.TOO_LARGE: text_answer("msg_too_long", 400),
        Refusal.CREDENTIALS: text_answer("invalid_token", 403),
        Refusal.SENDER: text_answer("action_prohibited", 403),
        Refusal.THROTTLED: text_answer("rate_limited", 429, retry_after="1"),
        Refusal.UNAVAILABLE: text_answer("rollup_error", 500),
    }

    def __init__(self, *, paths: set[str], clock: Clock) -> None:
        self.hooks: dict[str, Refusal | None] = dict.fromkeys(paths)
        self._pace = _Pace(clock)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if request.path not in self.hooks:
            raise Refused(self.refusals[Refusal.ADDRESS])
        if (dead := self.hooks[request.path]) is not None:
            raise Refused(self.refusals[dead])
        if request.method != "POST":
            raise Refused(text_answer("invalid_payload", 400))
        try:
            wanted = _read(request)
        except _Flaw as flaw:
            raise Refused(text_answer(_HOOK_ERRORS.get(str(flaw), str(flaw)), 400)) from flaw
        if not self._pace.let_through(request.path):
            raise Refused(self.refusals[Refusal.THROTTLED])
        return Taken([_message(wanted, request.path, "")], text_answer("ok"))


def _read(request: Request) -> SlackMessage:
    body = request.body
    match content_type(request):
        case "application/json":
            pass
        case "application/x-www-form-urlencoded":
            form = form_of(body)
            body = form["payload"].encode() if "payload" in form else msgspec.json.encode(_untoken(form))
        case _:
            raise _Flaw("invalid_post_type")
    try:
        wanted = decode_json(body, SlackMessage)
        wanted.blocks = _list(wanted.blocks)
        wanted.attachments = _list(wanted.attachments)
        if isinstance(wanted.metadata, str):
            wanted.metadata = decode_json(wanted.metadata.encode(), Metadata)
    except Malformed as malformed:
        metadata = malformed.path.startswith("metadata")
        raise _Flaw("invalid_metadata_format" if metadata else "invalid_json") from malformed
    if not (wanted.text or wanted.blocks or wanted.attachments):
        raise _Flaw("no_text")
    if len(wanted.text) > TEXT_CHARS_MAX:
        raise _Flaw("msg_too_long")
    if block_flaw(wanted.blocks):
        raise _Flaw("invalid_blocks")
    return wanted


def _untoken(form: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if name != "token"}


def _list(blocks: list[dict[str, Any]] | str) -> list[dict[str, Any]]:
    return decode_json(blocks.encode(), list[dict[str, Any]]) if isinstance(blocks, str) else blocks


def _message(wanted: SlackMessage, address: str, stamp: str) -> Message:
    """The delivery id is what the metadata's payload has under that name."""
    metadata = wanted.metadata
    payload = metadata.event_payload if isinstance(metadata, Metadata) else {}
    content: dict[str, Any] = msgspec.to_builtins(wanted)
    return Message(
        address=address,
        delivery_id=str(payload.get("delivery_id", "")),
        text=wanted.text,
        message_id=stamp,
        content=content,
    )
