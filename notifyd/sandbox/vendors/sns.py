"""SNS Publish to a phone number, over the query protocol that SNS's model names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from xml.sax.saxutils import escape

from notifyd.sandbox.exchange import Answer, Refused, Request, Taken
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import content_type, form_of

VERSION = "2010-03-31"
MESSAGE_CHARS_MAX = 1600
_NAMESPACE = f"http://sns.amazonaws.com/doc/{VERSION}/"
_REQUEST_ID = "00000000-0000-4000-8000-000000000000"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9-]{1,11}")
_ATTRIBUTE = re.compile(r"MessageAttributes\.entry\.(\d+)\.(Name|Value\.(?:DataType|StringValue|BinaryValue))")
_DATA_TYPES = frozenset({"String", "String.Array", "Number", "Binary"})


def _xml(text: str, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "text/xml", "x-amzn-requestid": _REQUEST_ID}, text.encode())


def _error(code: str, message: str, status: int = 400) -> Answer:
    side = "Sender" if status < 500 else "Receiver"
    fault = f"<Error><Type>{side}</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    request_id = f"<RequestId>{_REQUEST_ID}</RequestId>"
    return _xml(f'<ErrorResponse xmlns="{_NAMESPACE}">{fault}{request_id}</ErrorResponse>', status)


def _invalid(name: str, reason: str) -> Answer:
    return _error("InvalidParameter", f"Invalid parameter: {name} Reason: {reason}")


def _result(action: str, result: str) -> Answer:
    inner = f"<{action}Result>{result}</{action}Result>"
    metadata = f"<ResponseMetadata><RequestId>{_REQUEST_ID}</RequestId></ResponseMetadata>"
    return _xml(f'<{action}Response xmlns="{_NAMESPACE}">{inner}{metadata}</{action}Response>')


class Sns:
    """`in_sandbox`: what GetSMSSandboxAccountStatus says. SNS says nothing of a spent limit: no quota here."""

    name = "sns_sms"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _invalid("PhoneNumber", "+49 is not valid to publish to"),
        Refusal.MESSAGE: _invalid("Message", "Empty message"),
        Refusal.TOO_LARGE: _invalid("Message", "Message too long"),
        Refusal.CREDENTIALS: _error("InvalidClientTokenId", "The security token included is invalid.", 403),
        Refusal.SENDER: _error("AuthorizationError", "not authorized to perform: SNS:Publish", 403),
        Refusal.THROTTLED: _error("Throttling", "Rate exceeded"),
        Refusal.UNAVAILABLE: _error("InternalError", "Internal failure", 500),
    }

    def __init__(self) -> None:
        self.in_sandbox = False
        self._numbers = count(1)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if "/sns/aws4_request" not in request.headers.get("authorization", ""):
            raise Refused(_error("MissingAuthenticationToken", "Request is missing Authentication Token", 403))
        if request.method != "POST" or content_type(request) != "application/x-www-form-urlencoded":
            raise Refused(_error("InvalidAction", "POST a form", 400))
        form = form_of(request.body)
        if form.get("Version") != VERSION:
            raise Refused(_error("InvalidAction", f"Could not find operation for version {form.get('Version')}"))
        match form.get("Action"):
            case "Publish":
                return self._publish(form)
            case "GetSMSSandboxAccountStatus" as action:
                return _result(action, f"<IsInSandbox>{str(self.in_sandbox).lower()}</IsInSandbox>")
            case "GetSMSAttributes" as action:
                limit = "<entry><key>MonthlySpendLimit</key><value>1</value></entry>"
                return _result(action, f"<attributes>{limit}</attributes>")
            case action:
                raise Refused(_error("InvalidAction", f"Could not find operation {action}"))

    def _publish(self, form: Mapping[str, str]) -> Taken:
        attributes = _attributes(form)
        for flaw in _flaws(form, attributes):
            raise Refused(flaw)
        message_id = f"00000000-0000-4000-8000-{next(self._numbers):012x}"
        message = Message(
            address=form["PhoneNumber"],
            delivery_id=attributes.get("delivery_id", ""),
            text=form["Message"],
            message_id=message_id,
            content={"attributes": attributes},
        )
        return Taken([message], _result("Publish", f"<MessageId>{message_id}</MessageId>"))


def _attributes(form: Mapping[str, str]) -> dict[str, str]:
    """MessageAttributes.entry.N.Name, .Value.DataType, .Value.StringValue."""
    entries: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        if name.startswith("MessageAttributes."):
            part = _ATTRIBUTE.fullmatch(name)
            if part is None:
                raise Refused(_error("MalformedQueryString", f"no such parameter: {name}"))
            entries.setdefault(part[1], {})[part[2]] = value
    for entry in entries.values():
        if entry.get("Value.DataType") not in _DATA_TYPES or not entry.get("Name"):
            raise Refused(
                _error("ParameterValueInvalid", "The message attribute must have a name and a data type")
            )
        if not (entry.get("Value.StringValue") or entry.get("Value.BinaryValue")):
            raise Refused(_error("ParameterValueInvalid", f"The attribute {entry['Name']} must have a value"))
    return {entry["Name"]: entry.get("Value.StringValue", "") for entry in entries.values()}


def _flaws(form: Mapping[str, str], attributes: Mapping[str, str]) -> Iterator[Answer]:
    targets = [name for name in ("TopicArn", "TargetArn", "PhoneNumber") if form.get(name)]
    if targets != ["PhoneNumber"]:
        yield _error("InvalidParameter", "Invalid parameter: exactly a PhoneNumber is taken here")
    phone, text = form.get("PhoneNumber", ""), form.get("Message", "")
    if not _E164.fullmatch(phone):
        yield _invalid("PhoneNumber", f"{phone} is not valid to publish to")
    if not text:
        yield _invalid("Message", "Empty message")
    if len(text) > MESSAGE_CHARS_MAX:
        yield _invalid("Message", "Message too long")
    if attributes.get("AWS.SNS.SMS.SMSType", "Promotional") not in {"Promotional", "Transactional"}:
        yield _invalid("SMSType", "must be Promotional or Transactional")
    if not _SENDER_ID.fullmatch(attributes.get("AWS.SNS.SMS.SenderID", "sender")):
        yield _invalid("SenderId", "Sender ID must be 1-11 alpha-numeric characters")
    price = attributes.get("AWS.SNS.SMS.MaxPrice", "0.5")
    if not re.fullmatch(r"\d+(\.\d+)?", price):
        yield _invalid("MaxPrice", f"{price} is no number")
