"""What Slack's answers mean: the Web API says it below HTTP 200, a hook by its status and one word.

Errors: Slack's references of chat.postMessage and of incoming webhooks. `internal_error` and `fatal_error` say
that some of it may have been done.
"""

from __future__ import annotations

import msgspec

from notifyd.core.outcome import Accepted, Outcome, Reason, Unknown
from notifyd.providers._http_answer import by_status, decoded, quoted, refusal, retry_after_s
from notifyd.wire.transport import Response

_OF_THE_REQUEST = (
    "as_user_not_supported",
    "block_mismatch",
    "duplicate_channel_not_found",
    "duplicate_message_not_found",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_charset",
    "invalid_form_data",
    "invalid_json",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_post_type",
    "json_not_object",
    "markdown_text_conflict",
    "missing_file_data",
    "missing_post_type",
    "no_text",
    "slack_connect_canvas_sharing_blocked",
    "slack_connect_file_link_sharing_blocked",
    "slack_connect_lists_sharing_blocked",
    "too_many_attachments",
    "too_many_contact_cards",
)
_ERRORS = {
    **dict.fromkeys(_OF_THE_REQUEST, Reason.MESSAGE_REFUSED),
    "access_denied": Reason.CREDENTIALS,
    "accesslimited": Reason.CREDENTIALS,  # not from this network
    "account_inactive": Reason.CREDENTIALS,
    "attachment_payload_limit_exceeded": Reason.PAYLOAD_TOO_LARGE,
    "cannot_reply_to_message": Reason.MESSAGE_REFUSED,
    "channel_is_archived": Reason.ADDRESS_GONE,
    "channel_not_found": Reason.ADDRESS_INVALID,
    "deprecated_endpoint": Reason.CREDENTIALS,  # as unknown_method
    "ekm_access_denied": Reason.ACCOUNT_PAUSED,
    "enterprise_is_restricted": Reason.CREDENTIALS,
    "invalid_auth": Reason.CREDENTIALS,
    "is_archived": Reason.ADDRESS_GONE,
    "message_limit_exceeded": Reason.QUOTA,
    "messages_tab_disabled": Reason.ADDRESS_INVALID,
    "metadata_must_be_sent_from_app": Reason.CREDENTIALS,
    "metadata_too_large": Reason.PAYLOAD_TOO_LARGE,
    "method_deprecated": Reason.CREDENTIALS,
    "missing_scope": Reason.CREDENTIALS,
    "msg_blocks_too_long": Reason.PAYLOAD_TOO_LARGE,
    "msg_too_long": Reason.PAYLOAD_TOO_LARGE,
    "no_permission": Reason.CREDENTIALS,
    "not_allowed_token_type": Reason.CREDENTIALS,
    "not_authed": Reason.CREDENTIALS,
    "not_in_channel": Reason.SENDER_REFUSED,
    "org_login_required": Reason.ACCOUNT_PAUSED,
    "rate_limited": Reason.THROTTLED,
    "ratelimited": Reason.THROTTLED,
    "request_timeout": Reason.PROVIDER_ERROR,  # of the body a part arrived, or nothing
    "restricted_action": Reason.SENDER_REFUSED,
    "restricted_action_non_threadable_channel": Reason.SENDER_REFUSED,
    "restricted_action_read_only_channel": Reason.SENDER_REFUSED,
    "restricted_action_thread_locked": Reason.SENDER_REFUSED,
    "restricted_action_thread_only_channel": Reason.SENDER_REFUSED,
    "send_on_behalf_not_allowed": Reason.SENDER_REFUSED,
    "service_unavailable": Reason.PROVIDER_ERROR,
    "team_access_not_granted": Reason.CREDENTIALS,
    "team_added_to_org": Reason.PROVIDER_ERROR,
    "team_not_found": Reason.CREDENTIALS,
    "token_expired": Reason.CREDENTIALS,
    "token_revoked": Reason.CREDENTIALS,
    "two_factor_setup_required": Reason.CREDENTIALS,
    "unknown_method": Reason.CREDENTIALS,  # base_url leads astray
    "user_not_found": Reason.ADDRESS_INVALID,
}
_SOME_MAY_BE_DONE = frozenset({"fatal_error", "internal_error"})
# By its word alone a hook is dead: a page of somebody else's, with whatever status, takes nobody's hook away.
_HOOK_ERRORS = {
    "action_prohibited": Reason.SENDER_REFUSED,  # a workspace's rule, which may be lifted
    "channel_is_archived": Reason.ADDRESS_GONE,
    "channel_not_found": Reason.ADDRESS_GONE,
    "invalid_blocks": Reason.MESSAGE_REFUSED,
    "invalid_blocks_format": Reason.MESSAGE_REFUSED,
    "invalid_payload": Reason.MESSAGE_REFUSED,
    "invalid_token": Reason.ADDRESS_GONE,
    "msg_too_long": Reason.PAYLOAD_TOO_LARGE,
    "no_active_hooks": Reason.ADDRESS_GONE,
    "no_service": Reason.ADDRESS_GONE,
    "no_service_id": Reason.ADDRESS_GONE,
    "no_team": Reason.ADDRESS_GONE,
    "no_text": Reason.MESSAGE_REFUSED,
    "posting_to_general_channel_denied": Reason.SENDER_REFUSED,
    "rate_limited": Reason.THROTTLED,
    "team_disabled": Reason.ADDRESS_GONE,
    "too_many_attachments": Reason.MESSAGE_REFUSED,
    "user_not_found": Reason.ADDRESS_INVALID,
}


class Said(msgspec.Struct):
    """The Web API's answer to any method."""

    ok: bool
    error: str = ""
    ts: str = ""


_said = msgspec.json.Decoder(Said)


def said_of(answer: Response) -> Said | None:
    """None: that is not the Web API."""
    return decoded(_said, answer.body)


def api_outcome(answer: Response) -> Outcome:
    said = said_of(answer)
    if said is None or not (said.ok or said.error):
        return by_status(answer)
    if said.ok:
        return Accepted(said.ts) if answer.status == 200 else by_status(answer)
    error = quoted(said.error)
    if said.error in _SOME_MAY_BE_DONE:
        return Unknown(Reason.PROVIDER_ERROR, error)
    reason = _ERRORS.get(said.error)
    if reason is None:
        return refusal(Reason.MESSAGE_REFUSED, error) if answer.status == 200 else by_status(answer, error)
    return refusal(reason, error, retry_after_s(answer))


def hook_outcome(answer: Response) -> Outcome:
    word = quoted(answer.body[:200].decode(errors="replace"))
    if answer.status == 200:
        return Accepted() if word == "ok" else Unknown(Reason.ANSWER_UNREADABLE, f"HTTP 200 {word}")
    reason = _HOOK_ERRORS.get(word) if answer.status < 500 else None
    if reason is None:
        return by_status(answer, word)
    return refusal(reason, f"HTTP {answer.status} {word}", retry_after_s(answer))
