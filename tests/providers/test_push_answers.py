"""Whatever comes back, it has a meaning, and nobody's address is taken away for less than the vendor's word."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.outcome import Accepted, AddressGone, Outcome
from notifyd.providers import _apns_answer, _fcm_answer
from notifyd.wire.transport import Response

WORDS = st.sampled_from(
    [
        "Unregistered",
        "ExpiredToken",
        "BadDeviceToken",
        "UNREGISTERED",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "QUOTA_EXCEEDED",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | WORDS
NAMES = st.sampled_from(
    ["reason", "timestamp", "error", "status", "details", "@type", "errorCode", "fieldViolations", "field", "name"]
)
JSON = st.recursive(
    SCALARS | st.just(_fcm_answer.FCM_ERROR),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
DETAILS = st.fixed_dictionaries(
    {"@type": st.sampled_from([_fcm_answer.FCM_ERROR, "type.googleapis.com/google.rpc.BadRequest"])},
    optional={"errorCode": WORDS | SCALARS, "fieldViolations": JSON},
)
OF_APNS = st.fixed_dictionaries({"reason": WORDS}, optional={"timestamp": SCALARS})
OF_FCM = st.fixed_dictionaries({"error": st.fixed_dictionaries({"details": st.lists(DETAILS, max_size=3)})})
BODIES = st.binary(max_size=40) | (JSON | OF_APNS | OF_FCM).map(lambda value: json.dumps(value).encode())
STATUSES = st.integers(200, 599) | st.sampled_from([200, 400, 403, 404, 410, 429, 500, 503])
ANSWERS = st.builds(
    Response, STATUSES, st.dictionaries(st.just("retry-after"), st.text(max_size=9) | st.just("7")), BODIES
)


@given(answer=ANSWERS)
def test_apns_accepts_by_200_alone_and_calls_gone_what_it_says_is_gone(answer: Response) -> None:
    outcome: Outcome = _apns_answer.outcome_of(answer)
    assert isinstance(outcome, Accepted) == (answer.status == 200)
    if isinstance(outcome, AddressGone):
        assert answer.status == 410
        assert json.loads(answer.body)["reason"] in {"Unregistered", "ExpiredToken"}


@given(answer=ANSWERS)
def test_fcm_accepts_by_a_name_alone_and_calls_gone_what_fcm_error_says_is_gone(answer: Response) -> None:
    outcome: Outcome = _fcm_answer.outcome_of(answer)
    if isinstance(outcome, Accepted):
        assert answer.status == 200
        assert isinstance(json.loads(answer.body)["name"], str)
    if isinstance(outcome, AddressGone):
        details: list[dict[str, Any]] = json.loads(answer.body)["error"]["details"]
        assert {"@type": _fcm_answer.FCM_ERROR, "errorCode": "UNREGISTERED"}.items() <= next(
            one.items() for one in details if one.get("@type") == _fcm_answer.FCM_ERROR
        )
