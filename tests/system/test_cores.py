"""How many workers `auto` makes: never more than the container's quota on CPU time carries."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifyd.cores import usable_cores


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)), raising=False)


def _machine(root: Path, groups: str, **files: str) -> Path:
    """`files`: under /sys/fs/cgroup."""
    texts = {"proc/self/cgroup": groups} | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_without_control_groups_it_is_the_cores_that_the_process_may_run_on(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 8


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [
        ("200000 100000\n", 2),
        ("max 100000\n", 8),
        ("1600000 100000\n", 8),  # more than there are
        ("150000 100000\n", 1),
        ("190000 50000\n", 3),
        ("50000 100000\n", 1),
    ],
)
def test_a_quota_counts_rounded_down_and_one_worker_there_always_is(
    tmp_path: Path, cpu_max: str, cores: int
) -> None:
    assert usable_cores(_machine(tmp_path, "0::/\n", **{"cpu.max": cpu_max})) == cores


def test_of_nested_groups_the_narrowest_quota_counts(tmp_path: Path) -> None:
    root = _machine(
        tmp_path,
        "0::/pod.slice/container.scope\n",
        **{
            "pod.slice/cpu.max": "300000 100000",
            "pod.slice/container.scope/cpu.max": "max 100000",
            "other.slice/cpu.max": "100000 100000",
        },
    )
    assert usable_cores(root) == 3


@pytest.mark.parametrize(("quota", "cores"), [("-1\n", 8), ("400000\n", 4), ("50000\n", 1)])
@pytest.mark.parametrize(
    ("group", "folder"),
    [
        ("/docker/1234", "cpu/docker/1234"),
        ("/docker/1234", "cpu"),  # as a container sees it that has no name space for groups of its own
        ("/", "cpu"),
    ],
)
def test_the_first_version_of_control_groups_is_understood_too(
    tmp_path: Path, group: str, folder: str, quota: str, cores: int
) -> None:
    groups = f"5:memory:/elsewhere\n4:cpu,cpuacct:{group}\n3:cpuset:/elsewhere\n0::/\n"
    files = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert usable_cores(_machine(tmp_path, groups, **files)) == cores


def test_this_machine_has_at_least_one() -> None:
    assert usable_cores() >= 1
