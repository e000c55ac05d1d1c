"""Where the daemon's CPU goes while it is measured, by py-spy: as a flame graph or as samples."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import BenchFailed

_SAMPLES_PER_S = 250
# The frame under everything that the event loop's thread does.
_LOOP_FRAME = "Runner.run (asyncio/runners.py"


@contextmanager
def profiling(pid: int, target: Path | None) -> Iterator[None]:
    """py-spy over the block, into `target` (SVG). It slows what it watches: keep no figures of such a run."""
    if target is None:
        yield
        return
    with _recording(pid, target, "flamegraph"):
        yield


class Samples:
    """Of the loop's thread: how many, by the frames that lie above the loop, outermost first."""

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()

    def read(self, raw: Path) -> None:
        for line in raw.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            loop = next((at for at, frame in enumerate(frames) if frame.startswith(_LOOP_FRAME)), None)
            if loop is not None:
                self.stacks[tuple(frames[loop + 1 :])] += int(count)


@contextmanager
def sampling(pid: int, folder: Path) -> Iterator[Samples]:
    """Full once the block has ended. Only of whoever holds the interpreter: a busy machine makes what waits for a
    core look as if it ran, and the loop's waiting most of all.
    """
    samples, raw = Samples(), folder / "samples.txt"
    with _recording(pid, raw, "raw", "--gil"):
        yield samples
    samples.read(raw)


@contextmanager
def _recording(pid: int, target: Path, form: str, *options: str) -> Iterator[None]:
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise BenchFailed("where the CPU goes is told by py-spy, which is not here: pip install 'notifyd[long]'")
    command = [
        *(found, "record", "--pid", str(pid), "--output", str(target), "--format", form),
        *("--rate", str(_SAMPLES_PER_S), "--duration", "3600"),
        *options,
    ]
    profiler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - found above, our own arguments
    try:
        yield
    finally:
        profiler.send_signal(signal.SIGINT)
        profiler.wait()
