"""What the control groups of this process allow it (Linux, versions 1 and 2).

A limit may be set at any level above the process, so the smallest on the way up counts. Paths follow
https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/admin-guide/cgroup-v1/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["cpu_limit", "memory_limit"]

ROOT = Path("/")
NO_MEMORY_LIMIT = 1 << 60  # version 1 writes "none" as the largest multiple of the page size, near 2^63


@dataclass(frozen=True)
class _Mount:
    version: int
    controllers: frozenset[str]
    origin: str  # the group that is seen at the mount point; not "/" inside many containers
    point: Path


def cpu_limit(root: Path = ROOT) -> float | None:
    """Return how many cores' time the process may use, or None for no limit; OSError where there are no groups."""
    return _smallest(root, "cpu", {1: _quota_v1, 2: _quota_v2})


def memory_limit(root: Path = ROOT) -> int | None:
    """Return the bytes the process may use, or None for no limit; OSError where there are no control groups."""
    limit = _smallest(root, "memory", {1: _memory_v1, 2: _memory_v2})
    return None if limit is None else int(limit)


def _smallest(root: Path, controller: str, readers: dict[int, Callable[[Path], float | None]]) -> float | None:
    limits = (_read(readers[version], folder) for version, folder in _levels(root, controller))
    return min((limit for limit in limits if limit is not None), default=None)


def _levels(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """Yield the version and folder of this process's group and of each group above it."""
    groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    mounts = list(_mounts(root))
    for _, controllers, path in groups:
        version = 1 if controllers else 2
        if version == 1 and controller not in controllers.split(","):
            continue
        for mount in mounts:
            if mount.version == version and (version == 2 or controller in mount.controllers):
                folder = mount.point / _below(path, mount.origin)
                yield version, folder
                for parent in folder.parents:
                    if not parent.is_relative_to(mount.point):
                        break
                    yield version, parent


def _mounts(root: Path) -> Iterator[_Mount]:
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        here, _, there = line.partition(" - ")
        kind, _, options = there.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            origin, point = (field.replace("\\040", " ") for field in here.split(" ")[3:5])
            version = 2 if kind == "cgroup2" else 1
            yield _Mount(version, frozenset(options.split(",")), origin, root / point.lstrip("/"))


def _below(path: str, origin: str) -> PurePosixPath:
    """Return the group's path from the mount point on; the mount point itself where the group is not under it."""
    group = PurePosixPath(path)
    below = group.relative_to(origin) if group.is_relative_to(origin) else PurePosixPath()
    return PurePosixPath() if ".." in below.parts else below


def _read(reader: Callable[[Path], float | None], folder: Path) -> float | None:
    try:
        return reader(folder)
    except OSError:  # the top group has no limit files, and one outside our namespace is not there
        return None


def _quota_v1(folder: Path) -> float | None:
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    return quota / int((folder / "cpu.cfs_period_us").read_text()) if quota > 0 else None


def _quota_v2(folder: Path) -> float | None:
    quota, period = (folder / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _memory_v1(folder: Path) -> float | None:
    limit = int((folder / "memory.limit_in_bytes").read_text())
    return None if limit >= NO_MEMORY_LIMIT else limit


def _memory_v2(folder: Path) -> float | None:
    text = (folder / "memory.max").read_text().strip()
    return None if text == "max" else int(text)
