"""Limits of control groups, versions 1 and 2, on planted file trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.cgroup import cpu_limit, memory_limit

V2 = {
    "proc/self/cgroup": "0::/user/job\n",
    "proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/user/job\n2:cpu,cpuacct:/user/job\n0::/\n",
    "proc/self/mountinfo": (
        "32 31 0:29 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    ),
}


def plant(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("level", ["user/job/", "user/", ""])
def test_version_2_quota_counts_at_every_level(tmp_path: Path, level: str) -> None:
    root = plant(
        tmp_path,
        V2 | {"sys/fs/cgroup/user/job/cpu.max": "max 100000", f"sys/fs/cgroup/{level}cpu.max": "150000 100000\n"},
    )
    assert cpu_limit(root) == 1.5


def test_the_smallest_level_counts(tmp_path: Path) -> None:
    levels = {"sys/fs/cgroup/user/cpu.max": "200000 100000", "sys/fs/cgroup/user/job/cpu.max": "800000 100000"}
    assert cpu_limit(plant(tmp_path, V2 | levels)) == 2


def test_another_group_is_not_asked(tmp_path: Path) -> None:
    assert cpu_limit(plant(tmp_path, V2 | {"sys/fs/cgroup/other/cpu.max": "100000 100000"})) is None


def test_version_2_memory(tmp_path: Path) -> None:
    assert memory_limit(plant(tmp_path, V2 | {"sys/fs/cgroup/user/job/memory.max": "max\n"})) is None
    assert memory_limit(plant(tmp_path, {"sys/fs/cgroup/user/memory.max": "1073741824\n"})) == 1 << 30


def test_version_1_quota(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/cpu/user/job"
    root = plant(tmp_path, V1 | {f"{group}/cpu.cfs_quota_us": "250000\n", f"{group}/cpu.cfs_period_us": "100000\n"})
    assert cpu_limit(root) == 2.5


def test_version_1_quota_of_minus_one_is_none(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/cpu"
    root = plant(tmp_path, V1 | {f"{group}/cpu.cfs_quota_us": "-1\n", f"{group}/cpu.cfs_period_us": "100000\n"})
    assert cpu_limit(root) is None


def test_version_1_memory_and_its_way_to_say_none(tmp_path: Path) -> None:
    root = plant(tmp_path, V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"})
    assert memory_limit(root) is None
    assert memory_limit(plant(root, {"sys/fs/cgroup/memory/user/job/memory.limit_in_bytes": "4096\n"})) == 4096


def test_a_container_sees_its_own_group_at_the_mount_point(tmp_path: Path) -> None:
    """Without a namespace /proc names the group as the host does, and the mount starts at that group."""
    files = {
        "proc/self/cgroup": "2:cpu:/docker/c0ffee\n",
        "proc/self/mountinfo": "32 31 0:29 /docker/c0ffee /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert cpu_limit(plant(tmp_path, files)) == 1


def test_a_group_below_a_containers_own_is_found_from_the_mount_point_on(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/docker/c0ffee/job\n",
        "proc/self/mountinfo": "32 31 0:29 /docker/c0ffee /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/job/cpu.max": "100000 100000\n",
    }
    assert cpu_limit(plant(tmp_path, files)) == 1


def test_a_group_outside_the_namespace_leaves_the_mount_point(tmp_path: Path) -> None:
    files = V2 | {"proc/self/cgroup": "0::/../../elsewhere\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}
    assert cpu_limit(plant(tmp_path, files)) == 3


def test_where_there_are_no_control_groups_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cgroup"):
        cpu_limit(tmp_path)
