"""`python -m notifyd.sandbox.guarded MODULE`: runs a module that cannot outlive its parent.

The parent holds the other end of stdin. However it ends (kill -9 included), the kernel closes that end, and this
process ends with it. A process group or an exit hook of the parent would not survive the parent's kill.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def _end_with_parent() -> None:
    # Not sys.stdin: its lock, held here, would abort an interpreter that ends by itself.
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
