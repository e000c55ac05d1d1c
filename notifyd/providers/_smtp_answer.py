"""What an SMTP reply means, by whose fault: enhanced status codes (RFC 3463) first, reply codes (RFC 5321) else.

As everywhere, what an operator can mend is deferred: a refused sender or login is no fault of the mail's, nor is
a relay's limit.
"""

from __future__ import annotations

import re
from enum import StrEnum

from notifyd.core.outcome import AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.providers._mail import short


class Stage(StrEnum):
    """Which command was answered."""

    CONNECT = "connect"  # greeting, EHLO, STARTTLS, AUTH
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"


_ENHANCED = re.compile(r"([45])\.(\d{1,3}\.\d{1,3})\b")
_GONE = frozenset({"1.1", "1.6", "2.1"})  # no such mailbox, moved away, switched off
# "Gmail SMTP errors and codes" has 5.2.1 for this, too: a mailbox that is in use, and gets much.
_GETS_TOO_MUCH = "receiving mail at a rate"
_SUBJECT_DETAIL = {
    "1.2": Reason.ADDRESS_INVALID,  # no such domain
    "1.3": Reason.ADDRESS_INVALID,  # syntax
    "1.10": Reason.ADDRESS_INVALID,  # its domain takes no mail (RFC 7505)
    "1.7": Reason.SENDER_REFUSED,
    "1.8": Reason.SENDER_REFUSED,
    "2.2": Reason.RECIPIENT_UNAVAILABLE,  # full
    "2.3": Reason.PAYLOAD_TOO_LARGE,
    "3.4": Reason.PAYLOAD_TOO_LARGE,
    "4.5": Reason.QUOTA,  # of 5xx replies it is Gmail's alone: the day's mails are sent
    "7.8": Reason.CREDENTIALS,
    "7.9": Reason.CREDENTIALS,
    "7.28": Reason.SENDER_REFUSED,  # a flood of mails alike, and for good
}
# What our domain or network proves or fails to: RFC 7372 (SPF, DKIM, reverse DNS), "Gmail SMTP errors and codes",
# and what Exchange Online says of senders and networks that it has banned.
_OF_OUR_DOMAIN = re.compile(r"7\.(2[0-79]|3[02]|40|50[1-39]|51[15]|6[0-4]\d)$")
_LOGIN_REFUSED = frozenset({530, 534, 535, 538})
_REPLIES = {
    **dict.fromkeys(_LOGIN_REFUSED, Reason.CREDENTIALS),
    551: Reason.ADDRESS_INVALID,
    552: Reason.PAYLOAD_TOO_LARGE,
    553: Reason.ADDRESS_INVALID,
}
# Address and mailbox (RFC 3463), but for the sender's address: greylisted, full, or switched off for now.
_OF_THE_RECIPIENT = re.compile(r"1\.(?![78]$)|2\.")
# A busy relay says 450 or 451; these say that we are too fast.
_TOO_FAST = frozenset({"3.2", "4.5", "7.0", "7.28"})
_NOT_THE_MAIL_S = frozenset(
    {Reason.SENDER_REFUSED, Reason.CREDENTIALS, Reason.QUOTA, Reason.RECIPIENT_UNAVAILABLE}
)
# Lists of networks and domains, as Postfix, Exim, Outlook and Yahoo name them; one of URLs is about the mail.
_LISTED = (
    r"^(?!.*\b(ur[il]s?|surbl|uribl)\b).*"
    r"\b((block|black|deny) ?list|blocked using\b|spamhaus\b|rbl\b|banned send(er|ing ip)\b)"
)
# X.7.1 is a policy of any kind, and some give no code: what these mean, any mail would be told as well.
_POLICIES = (
    (_LISTED, Reason.SENDER_REFUSED),
    (r"unusual rate of unsolicited mail|low reputation of the sending", Reason.SENDER_REFUSED),
    # It does not know us: as Postfix, Exim, Sendmail, Exchange and Google's relay say it.
    (r"relay(ing)? (access )?denied|relay(ing)? not permitted|unable to relay", Reason.CREDENTIALS),
    # Google Workspace: "SMTP relay service error messages".
    (r"daily .*(limit|quota) exceeded", Reason.QUOTA),
    (_GETS_TOO_MUCH, Reason.RECIPIENT_UNAVAILABLE),
    # Exchange: SmtpResponse.SendAsDenied.
    (r"permissions? to send as this sender", Reason.SENDER_REFUSED),
)


def refused(stage: Stage, code: int, text: str) -> Outcome:
    answer = short(f"{stage}: {code} {text}")
    if stage is Stage.CONNECT:
        of_login = Reason.CREDENTIALS if code in _LOGIN_REFUSED else None
        return Deferred(of_login or _by_policy(text) or Reason.NO_CONNECTION, answer=answer)
    match = _ENHANCED.match(text)
    detail = match[2] if match and match[1] == str(code // 100) else ""
    if 400 <= code < 500:
        return Deferred(_reason_for_now(stage, code, detail), answer=answer)
    if not 500 <= code < 600:
        return _senseless(stage, answer)
    if stage is Stage.RCPT and detail in _GONE and _GETS_TOO_MUCH not in text:
        return AddressGone(answer)
    reason = _reason_for_good(code, detail, text)
    if stage is Stage.MAIL and reason in {Reason.MESSAGE_REFUSED, Reason.ADDRESS_INVALID}:
        reason = Reason.SENDER_REFUSED
    if reason in _NOT_THE_MAIL_S:
        return Deferred(reason, answer=answer)
    return Rejected(reason, answer)


def _reason_for_good(code: int, detail: str, text: str) -> Reason:
    if _OF_OUR_DOMAIN.match(detail):
        return Reason.SENDER_REFUSED
    known = _SUBJECT_DETAIL.get(detail) or _by_policy(text)
    if known is not None:
        return known
    # A policy is not what a reply code says by itself: 553 is no bad address then, and 552 no large mail.
    if detail.startswith("7.") and code not in _LOGIN_REFUSED:
        return Reason.MESSAGE_REFUSED
    return _REPLIES.get(code, Reason.MESSAGE_REFUSED)


def _by_policy(text: str) -> Reason | None:
    # Each line of a long reply begins with the code again.
    said = " ".join(_ENHANCED.sub("", text.lower()).split())
    return next((reason for words, reason in _POLICIES if re.search(words, said)), None)


def _reason_for_now(stage: Stage, code: int, detail: str) -> Reason:
    if _OF_OUR_DOMAIN.match(detail):
        return Reason.SENDER_REFUSED
    if code == 421 or detail in _TOO_FAST:
        return Reason.THROTTLED
    if stage is not Stage.MAIL and _OF_THE_RECIPIENT.match(detail):
        return Reason.RECIPIENT_UNAVAILABLE
    return Reason.PROVIDER_ERROR


def no_reply(stage: Stage, why: str) -> Outcome:
    """Up to RCPT the relay has nothing; from DATA on it may have the whole mail."""
    answer = short(f"{stage}: {why}")
    if stage is Stage.DATA:
        return Unknown(Reason.NO_ANSWER, answer)
    return Deferred(Reason.NO_CONNECTION, answer=answer)


def _senseless(stage: Stage, answer: str) -> Outcome:
    if stage is Stage.DATA:
        return Unknown(Reason.ANSWER_UNREADABLE, answer)
    return Deferred(Reason.PROVIDER_ERROR, answer=answer)
