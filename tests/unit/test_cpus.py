"""How many workers by default: affinity and the container's quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canter.run import cpus
from canter.run.cpus import cpu_quota, usable_cpus


def groups(root: Path, cgroup: str, **files: str) -> Path:
    """A root folder with /proc/self/cgroup and files under /sys/fs/cgroup (`__` stands for `/`)."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_2_in_a_container(tmp_path: Path) -> None:
    """The group's own file at the root of its name space."""
    assert cpu_quota(groups(tmp_path, "0::/\n", cpu_dot_max="200000 100000\n")) == 2.0


def test_version_2_heeds_the_groups_above(tmp_path: Path) -> None:
    """The strictest of a group and those above it; `max` is none."""
    root = groups(
        tmp_path, "0::/jobs/one\n", jobs__one__cpu_dot_max="max 100000\n", jobs__cpu_dot_max="150000 100000\n"
    )
    assert cpu_quota(root) == 1.5


def test_version_1(tmp_path: Path) -> None:
    """Quota over period of the group of the controller `cpu`; -1 is none."""
    root = groups(
        tmp_path, "3:memory:/x\n2:cpu,cpuacct:/docker/7\n",
        cpu__docker__7__cpu_dot_cfs_quota_us="50000\n", cpu__docker__7__cpu_dot_cfs_period_us="100000\n",
        cpu__cpu_dot_cfs_quota_us="-1\n", cpu__cpu_dot_cfs_period_us="100000\n",
    )  # fmt: skip
    assert cpu_quota(root) == 0.5


@pytest.mark.parametrize("cgroup", ["", "nonsense\n", "0::/gone\n"])
def test_no_quota(tmp_path: Path, cgroup: str) -> None:
    """Files that are missing or unlike anything known are no quota."""
    assert cpu_quota(groups(tmp_path, cgroup)) is None
    assert cpu_quota(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("quota", "affinity", "expected"), [(None, 4, 4), (2.0, 4, 2), (8.0, 4, 4), (0.2, 4, 1), (1.5, 4, 2)]
)
def test_the_stricter_of_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, affinity: int, expected: int
) -> None:
    """At least one; half a processor counts as one."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)))
    monkeypatch.setattr(cpus, "cpu_quota", lambda: quota)
    assert usable_cpus() == expected
