from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import signal, sys, threading
from notifyd.lifeline import drain_with_parent
signal.signal(signal.SIGTERM, {handler})
drain_with_parent({timeout_s}, 70)
print("up", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("handler", "timeout_s", "exit_code"),
    [("lambda *_: sys.exit(3)", 30, 3), ("lambda *_: None", 0.1, 70)],
    ids=["drains", "is stuck"],
)
def test_a_process_whose_parent_is_gone_drains_or_is_ended(handler: str, timeout_s: float, exit_code: int) -> None:
    program = _PROGRAM.format(handler=handler, timeout_s=timeout_s)
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.stdin.close()
        assert process.wait(20) == exit_code
