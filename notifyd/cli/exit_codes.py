"""What the process's exit says; 70 and 78 are sysexits.h's EX_SOFTWARE and EX_CONFIG."""

from __future__ import annotations

from typing import Final

NO: Final = 1
INTERNAL: Final = 70
CONFIG: Final = 78
