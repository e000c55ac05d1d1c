from __future__ import annotations

import msgspec


class Http2Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may take, of memory and of time."""

    streams_max: int = 1000
    """Ours, whatever more the other side allows: APNs allows 1,000."""
    stream_id_max: int = 2**31 - 1
    answer_bytes_max: int = 64 * 1024
    """A push service answers with nothing, or with an error's few hundred bytes; a thousand may come at once."""
    silence_max_s: float = 5.0
    """A connection that has said nothing for so long shows by PING that it lives before a request goes out on it:
    what a dead one takes is in doubt. As long as a send may take, so that it takes `streams_max` once."""
    ping_timeout_s: float = 1.5
    """Shorter than a request waits for a connection (limits.py), so that it still finds another one."""
    keep_alive_s: float = 60.0
    """An idle connection is kept alive by a PING this often: NAT gateways forget it after 350 s."""
    close_timeout_s: float = 5.0
    """How long running streams may take to end once nobody needs the connection."""
