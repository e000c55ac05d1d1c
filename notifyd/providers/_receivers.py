"""What the providers share whose addresses are URLs that other people wrote: webhooks, browsers' push services.

Each connection goes to a public address that was looked at, redirects are not followed, and nothing of an answer
is kept but its status. No proxy is used: it would resolve names by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from notifyd.core.outcome import Deferred, Outcome, Reason, Unknown
from notifyd.errors import Fault, TransportError
from notifyd.providers._http import HttpProvider, HttpSection, Origin
from notifyd.wire.public_only import public_addresses
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Transport
from notifyd.wire.transport_http1 import Http1Transport, by_name

_ANSWER_BYTES_MAX = 4096


class ReceiversSection(HttpSection):
    hosts_allow: tuple[str, ...] | None = None
    """Hosts that may be sent to, or `*.example.com` for all below one. Unset: every public one."""
    allow_private: bool = False
    """True sends to private addresses, too: where all receivers are inside, or stand-ins."""
    base_url: Origin | None = None
    """Instead of every receiver's own origin, for a stand-in; the path stays."""


class ReceiversProvider(HttpProvider):
    """Receivers take turns (`group_key` is their origin): one with a backlog holds up no other's first."""

    async def faults(self) -> list[Fault]:
        """There are as many receivers as users; none of them can be asked."""
        return []

    def unanswered(self, error: TransportError) -> Outcome:
        return of_one_receiver(super().unanswered(error))


def of_one_receiver(outcome: Outcome) -> Outcome:
    """Whatever is wrong with one receiver says nothing of the others: none of it counts against all."""
    match outcome:
        case Deferred(retry_after_s=pause_s, answer=said):
            return Deferred(Reason.RECIPIENT_UNAVAILABLE, pause_s, said)
        case Unknown(answer=said):
            return Unknown(Reason.RECIPIENT_UNAVAILABLE, said)
        case _:
            return outcome


def receivers_transport(config: ReceiversSection) -> Transport:
    return Http1Transport(
        client_context(config.ca_file),
        connections_max=config.in_flight_max,
        answer_bytes_max=_ANSWER_BYTES_MAX,
        drops_large=True,
        addresses_of=by_name if config.allow_private or config.base_url is not None else public_addresses,
    )


def may_reach(host: str, hosts_allow: Sequence[str] | None) -> bool:
    """`hosts_allow`: hosts, or `*.example.com` for all below one; None: every one."""
    return hosts_allow is None or any(_covers(pattern, host) for pattern in hosts_allow)


def _covers(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
