"""A flame graph of the daemon while it is measured."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import BenchFailed


@contextmanager
def profiling(pid: int, target: Path | None) -> Iterator[None]:
    """py-spy over the block, into `target` (SVG). It slows what it watches: keep no figures of such a run."""
    if target is None:
        yield
        return
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise BenchFailed("--profile needs py-spy: pip install 'notifyd[long]'")
    command = [found, "record", "--pid", str(pid), "--output", str(target), "--rate", "250", "--duration", "3600"]
    profiler = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - found above, our own arguments
    try:
        yield
    finally:
        profiler.send_signal(signal.SIGINT)
        profiler.wait()
