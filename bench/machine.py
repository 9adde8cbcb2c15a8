"""What a measurement needs of the machine: cores, processes on them, what they cost, its name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).parents[1]
_SAMPLE = 0.1  # s between looks at the memory of what is measured
_PR_SET_CHILD_SUBREAPER = 36


class Cost(NamedTuple):
    """Of a command and every process it started: seconds of wall clock and of CPU, memory in MB."""

    seconds: float
    cpu: float
    peak_mb: float  # the sum of each process's own peak: never less than the peak of them all
    output: bytes


def cores() -> tuple[int, int]:
    """A core for the server and one for what is measured; SystemExit where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("the benchmarks need two cores: one for the server, one for what is measured")
    return usable[1], usable[0]


def on_core(*numbers: int) -> list[str]:
    """What to put before a command so that it runs on these cores."""
    return ["taskset", "-c", ",".join(map(str, numbers))]


def measure(
    command: Sequence[str | Path], core: int | Sequence[int], folder: Path, stdin: int | None = None
) -> Cost:
    """Run a command to its end on one core, or some. Raises SystemExit with its errors where it fails.

    It gets a session of its own; whatever it leaves behind is waited for and counted, too.
    """
    errors, output = folder / "stderr", folder / "stdout"
    began = time.monotonic()
    with errors.open("wb") as err, output.open("wb") as out:
        process = subprocess.Popen(
            [*on_core(*([core] if isinstance(core, int) else core)), *command],
            cwd=folder, stdin=stdin, stdout=out, stderr=err, env=_environment(), start_new_session=True,
        )  # fmt: skip
        with _memory_of(process.pid) as peaks, _ended_with_us(process.pid), _adopting_orphans():
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
            cpu = usage.ru_utime + usage.ru_stime + _reap(process.pid)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{errors.read_text()[-2000:]}")
    # ru_maxrss holds what this process had when it forked; it will do for one that nobody could look at
    return Cost(seconds, cpu, sum(peaks.values()) or usage.ru_maxrss / 1024, output.read_bytes())


def describe() -> str:
    """The machine in one line."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{models[0] if models else platform.machine()}, {len(models)} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def load() -> float:
    """How many processes wanted a core, on the average of the last minute."""
    return os.getloadavg()[0]


def _environment() -> dict[str, str]:
    """Ours, without settings of Canter's that would change what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CANTER_")}
    return {**kept, "PYTHONPATH": str(REPO)}


@contextlib.contextmanager
def _adopting_orphans() -> Iterator[None]:
    """On Linux, the orphans of what is measured become children of this process."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _reap(group: int) -> float:
    """CPU seconds of what the command left behind in its process group, once that has ended."""
    cpu = 0.0
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, usage = os.wait4(-group, 0)
            cpu += usage.ru_utime + usage.ru_stime
    return cpu


@contextlib.contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """Whatever interrupts the wait ends the command and all of its group."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        raise


@contextlib.contextmanager
def _memory_of(session: int) -> Iterator[dict[int, float]]:
    """The peak memory (MB) of each process of a session so far, by process id; looked at in a thread."""
    peaks: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE):
            for pid in processes(session):
                peaks[pid] = max(peaks.get(pid, 0.0), peak_of(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def processes(session: int) -> list[int]:
    """The ids of the processes of a session that live now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        fields = "".join(_lines(process / "stat")).rpartition(")")[2].split()
        if fields and int(fields[3]) == session:
            found.append(int(process.name))
    return found


def peak_of(pid: int) -> float:
    """The most memory (MB, resident) that a process has had; 0 once it is gone."""
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_of(pid: int) -> float:
    """CPU seconds that a living process has used."""
    user, system = "".join(_lines(f"/proc/{pid}/stat")).rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
