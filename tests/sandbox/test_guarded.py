from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("option", "exit_code"), [("--help", 0), ("--wrong", 2)])
def test_a_module_that_ends_by_itself_keeps_its_exit_code(option: str, exit_code: int) -> None:
    command = [sys.executable, "-m", "notifyd.sandbox.guarded", "json.tool", option]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        assert process.wait(20) == exit_code
