"""How many processors this process may use, and how much it uses its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/")


def usable_cpus() -> int:
    """Processors to use at once, at least 1; half a processor of quota or more counts as one."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on every system
        allowed = os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, allowed if quota is None else min(allowed, int(quota + 0.5)))


def cpu_quota(root: Path = _ROOT) -> float | None:
    """The strictest quota of the control groups that this process is in, in processors; None: none.

    `cpu.max` of version 2 and `cpu.cfs_quota_us` of version 1 (Linux, Documentation/admin-guide/cgroup-v2
    and scheduler/sched-bwc); a group is bound by those above it, too.
    """
    quotas = [quota for folder in _groups(root) if (quota := _quota(folder))]
    return min(quotas, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the groups of this process and of those above them."""
    mounts = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            for mount in [mounts / controllers, mounts / "cpu"] if controllers else [mounts]:
                group = mount / path.lstrip("/")
                while group.is_relative_to(mount):
                    yield group
                    group = group.parent


def _quota(folder: Path) -> float | None:
    with suppress(OSError, ValueError):
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    with suppress(OSError, ValueError):
        micros = int((folder / "cpu.cfs_quota_us").read_text())
        return micros / int((folder / "cpu.cfs_period_us").read_text()) if micros > 0 else None
    return None


def ran_or_waited() -> float:
    """Seconds that the main thread has run or was ready to run and waited for a processor."""
    try:
        ran, waited, _ = Path("/proc/self/schedstat").read_text().split()
    except (OSError, ValueError):  # another system
        return time.process_time()
    return (int(ran) + int(waited)) / 1e9
