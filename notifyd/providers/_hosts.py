"""Which hosts a URL may name that somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence


def may_reach(host: str, hosts_allow: Sequence[str] | None) -> bool:
    """`hosts_allow`: hosts, or `*.example.com` for all below one; None: every one."""
    return hosts_allow is None or any(_covers(pattern, host) for pattern in hosts_allow)


def _covers(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
