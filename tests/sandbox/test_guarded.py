from __future__ import annotations

import subprocess
import sys

_GUARDED = [sys.executable, "-m", "notifyd.sandbox.guarded"]


def test_a_module_that_ends_by_itself_keeps_its_exit_code() -> None:
    ended = subprocess.Popen([*_GUARDED, "json.tool", "--help"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with ended:
        assert ended.wait(20) == 0
    failed = subprocess.Popen(
        [*_GUARDED, "json.tool", "--wrong"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with failed:
        assert failed.wait(20) == 2
