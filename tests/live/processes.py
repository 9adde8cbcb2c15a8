"""The worker processes of a run, found by their parent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def children_of(parent: int) -> list[int]:
    """The ids of all processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def workers_of(parent: int) -> list[int]:
    """The ids of the workers of a process that live."""
    return [child for child in children_of(parent) if is_worker(child)]


def is_worker(pid: int) -> bool:
    """Whether a process is a worker and lives."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and "\0canter.run\0" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until it holds; the test fails when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)
