"""`python -m notifyd.sandbox.guarded MODULE`: a module that cannot outlive its parent, who holds its stdin."""

from __future__ import annotations

import runpy
import sys

from notifyd.lifeline import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
