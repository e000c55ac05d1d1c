"""What the process's exit says; 70 and 78 are sysexits.h's EX_SOFTWARE and EX_CONFIG."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from notifyd.errors import Fault

NO: Final = 1
INTERNAL: Final = 70
CONFIG: Final = 78


def exit_code(faults: Iterable[Fault]) -> int:
    """What to end with after these. An outage says nothing of the config, and may be over by the next start."""
    codes = {INTERNAL if fault.is_outage else CONFIG for fault in faults if not fault.is_warning}
    return max(codes, default=0)
