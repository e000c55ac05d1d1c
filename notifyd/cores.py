"""How many processes the machine has room for: its cores, and the time on them that a container is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def usable_cores(root: Path = _ROOT) -> int:
    """Those that this process may run on, or as many as its quota on CPU time carries; at least 1.

    A quota is rounded down: processes that want more than theirs are all stopped for a part of each 100 ms, in the
    middle of their sends. `root`: where /proc and /sys are.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([cores, *_quotas(root)]))


def _quotas(root: Path) -> Iterator[int]:
    """Whole cores, of each control group that this process is in and that has a quota."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            texts = [_text(folder / "cpu.max") for folder in _around(mount, group)]
        elif "cpu" in controllers.split(","):
            texts = [
                f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
                for folder in _around(mount / "cpu", group)
            ]
        else:
            continue
        for text in texts:
            match text.split():
                case [quota_us, period_us] if quota_us.isdecimal():  # else it is `max` or -1: there is none
                    yield int(quota_us) // int(period_us)


def _around(mount: Path, group: str) -> Iterator[Path]:
    """The group's folder and those around it, which bound it too. A container may be told a path of the host's:
    its own group is then the outermost that it sees.
    """
    inside = PurePosixPath(group).relative_to("/")
    for folder in (inside, *inside.parents):
        yield mount / folder


def _text(file: Path) -> str:
    """Nothing where there is no such file."""
    try:
        return file.read_text()
    except OSError:
        return ""
