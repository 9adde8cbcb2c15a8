"""The worker processes of a run, found by their parent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def workers_of(parent: int) -> list[int]:
    """The ids of the workers of a process that live."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if is_worker(int(child))]


def is_worker(pid: int) -> bool:
    """Whether a process is a worker and lives."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until it holds; the test fails when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)
