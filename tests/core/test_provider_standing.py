from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.provider_standing import Seen, standings
from notifyd.core.switches import ProviderSwitch, Switches

SEEN = Seen(
    provider="ses",
    channel=Channel.EMAIL,
    breaker="closed",
    weight=0.7,
    resting_weight=0.7,
    rate_per_s=50.0,
    limit_per_s=100.0,
    answers_per_s=20.0,
    errors=5,
    errors_max=50,
)
CONFIGURED = {(Channel.EMAIL, "ses"): 0.7, (Channel.EMAIL, "smtp"): 0.3}


def test_workers_reports_are_folded_into_one_line_a_provider() -> None:
    other = msgspec.structs.replace(SEEN, breaker="open", weight=0.5, errors=40, answers_per_s=4.0)
    ses, smtp = standings(CONFIGURED, Switches({"smtp": ProviderSwitch.DISABLED}), [SEEN, other])
    assert (ses.workers, ses.breakers, ses.weight) == (2, {"closed": 1, "open": 1}, 0.6)
    assert (ses.rate_per_s, ses.limit_per_s, ses.answers_per_s) == (100.0, 100.0, 24.0)
    assert (ses.errors, round(ses.error_budget, 3)) == (45, 0.2)
    assert (smtp.workers, smtp.weight, smtp.resting_weight, smtp.switch) == (0, None, 0.3, "disabled")


def test_a_rate_without_a_limit_anywhere_has_no_sum() -> None:
    free = msgspec.structs.replace(SEEN, rate_per_s=None, limit_per_s=None)
    [ses, _] = standings(CONFIGURED, Switches(), [SEEN, free])
    assert ses.rate_per_s is None
