"""A share of the cores for a process and all that it starts, as a container's CPU limit holds it.

By the kernel's control groups, of version 1 or 2, whichever the machine has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import BenchFailed

_ROOT = Path("/sys/fs/cgroup")
# A tenth of what containers have: a process that has used up its part waits for 5 ms, not for 50.
_PERIOD_US = 10_000


@contextmanager
def limited_to(cores: float, root: Path = _ROOT) -> Iterator[Callable[[int], None]]:
    """What is given takes a process in, by its id; those that it starts from then on go with it.

    Raises BenchFailed where control groups cannot be made.
    """
    parent, files = limits(cores, root)
    group = parent / f"notifyd-bench-{os.getpid()}"

    def take_in(pid: int) -> None:
        _write(group / "cgroup.procs", str(pid))

    try:
        group.mkdir()
    except OSError as error:
        raise _no_group(error) from error
    try:
        for name, limit in files.items():
            _write(group / name, limit)
        yield take_in
    finally:
        group.rmdir()


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise _no_group(error) from error


def _no_group(error: OSError) -> BenchFailed:
    return BenchFailed(f"no control group that limits CPU can be made ({error}); it takes root")


def limits(cores: float, root: Path) -> tuple[Path, dict[str, str]]:
    """Where groups are made, and what is written into one's files."""
    quota_us = round(cores * _PERIOD_US)
    if (root / "cgroup.controllers").exists():
        return root, {"cpu.max": f"{quota_us} {_PERIOD_US}"}
    return root / "cpu", {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(quota_us)}
