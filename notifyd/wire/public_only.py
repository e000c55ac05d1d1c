"""Where a connection may go when somebody else wrote the URL: to public addresses, and to no others.

The name is resolved once, and the connection goes to what was looked at: a name that resolves anew between the
look and the connection could lead anywhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from notifyd.errors import NotSent

AddressesOf = Callable[[str, int], Awaitable[list[str]]]
"""Of host and port: the addresses to connect to, in the order to try them in."""

# The loop's own threads are few, and look up the names of all other connections: name servers that stay silent
# must not hold those. A look-up cannot be cancelled; its thread is free when the resolver gives up.
_LOOK_UPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="names-of-others")

# RFC 4291: what is handed out of IPv6. `is_global` is true of the rest, too, where nothing forbids it: of what was
# once for sites alone (fec0::/10) and of an IPv4 address behind zeros, which some networks still route inside.
_HANDED_OUT = IPv6Network("2000::/3")
# RFC 6052: an IPv4 address in its last four bytes, which a gateway on the way connects to.
_NAT64 = IPv6Network("64:ff9b::/96")


class NotPublic(NotSent):
    """The host is, or resolves to, an address that a URL of somebody else's may not reach. Nothing was sent."""


async def public_addresses(host: str, port: int) -> list[str]:
    """All of the host's. Raises NotPublic where one of them is not public, OSError where there is none."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOK_UPS, look_up)
    addresses = list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in found))
    for address in addresses:
        if not is_public(address):
            raise NotPublic(f"{host} is at {address}, which is no public address")
    return addresses


def is_public(address: str) -> bool:
    """Of an IP address as text, a zone included: whether the whole internet can mean the same by it."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed not in _HANDED_OUT and parsed not in _NAT64:
        return False
    return all(one.is_global and not one.is_multicast for one in (parsed, *_inside(parsed)))


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that gateways and tunnels reach by it."""
    if isinstance(address, IPv4Address):
        return []
    inside = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in inside if one is not None]
