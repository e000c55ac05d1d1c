from __future__ import annotations

import os


def runs(pid: int) -> bool:
    """Or has ended and was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
