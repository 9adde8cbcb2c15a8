"""What a measurement needs of the machine: cores, processes on them, what they cost, its name."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).parents[1]


class Cost(NamedTuple):
    """Of a command and all it started: seconds of wall clock and of CPU, largest process in MB."""

    seconds: float
    cpu: float
    rss_mb: float
    output: bytes


def cores() -> tuple[int, int]:
    """A core for the server and one for what is measured; SystemExit where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("the benchmarks need two cores: one for the server, one for what is measured")
    return usable[0], usable[1]


def on_core(core: int) -> list[str]:
    """What to put before a command so that it runs on one core."""
    return ["taskset", "-c", str(core)]


def measure(command: Sequence[str | Path], core: int, folder: Path, stdin: int | None = None) -> Cost:
    """Run a command to its end on one core. Raises SystemExit with its errors where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    errors = folder / "stderr"
    output = folder / "stdout"
    began = os.times().elapsed
    with errors.open("wb") as err, output.open("wb") as out:
        process = subprocess.Popen(
            [*on_core(core), *command], cwd=folder, stdin=stdin, stdout=out, stderr=err, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{errors.read_text()[-2000:]}")
    return Cost(
        os.times().elapsed - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
        output.read_bytes(),
    )  # fmt: skip


def describe() -> str:
    """The machine in one line."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{models[0] if models else platform.machine()}, {len(models)} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
