"""A process that cannot outlive its parent.

The parent holds the other end of stdin. However it ends (kill -9 included), the kernel closes that end, and this
process learns of it. A process group or an exit hook of the parent would not survive the parent's kill.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable


def end_with_parent() -> None:
    """At once."""
    _watch_parent(lambda: os._exit(0))


def drain_with_parent(timeout_s: float, exit_code: int) -> None:
    """As SIGTERM does, so that nothing is left in doubt; what is not drained by then ends with `exit_code`."""

    def drain() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(timeout_s)
        os._exit(exit_code)

    _watch_parent(drain)


def _watch_parent(orphaned: Callable[[], None]) -> None:
    def watch() -> None:
        # Not sys.stdin: its lock, held here, would abort an interpreter that ends by itself.
        while os.read(0, 4096):
            pass
        orphaned()

    threading.Thread(target=watch, daemon=True).start()
