"""What a pace costs: microseconds of CPU a request, bytes a host. `python -m bench.pace_cost`

A request is `ready_at`, `on_send` and `on_response` together; the hosts are the simulator's, so refusals,
pauses and growth are among it. Memory is what the process grows by with so many hosts, each asked some
times and then refused once.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import time
from random import Random
from typing import Any

from bench.machine import describe
from canter.pace import HostPace, Sample
from canter.simulation.drive import crawl
from canter.simulation.population import TUNING, steady_host
from canter.simulation.score import MINUTES

HOSTS, REQUESTS = 100_000, 12
KINDS = 9  # one host of each


class Recorded:
    """A pace, and the calls it got."""

    def __init__(self) -> None:
        self._pace = new_pace()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def ready_at(self, now: float) -> float:
        """Of the pace."""
        self.calls.append(("ready_at", (now,)))
        return self._pace.ready_at(now)

    def on_send(self, now: float) -> None:
        """To the pace."""
        self.calls.append(("on_send", (now,)))
        self._pace.on_send(now)

    def on_response(self, now: float, sample: Sample) -> None:
        """To the pace."""
        self.calls.append(("on_response", (now, sample)))
        self._pace.on_response(now, sample)


def new_pace() -> HostPace:
    """A pace that does the same every time."""
    return HostPace(random=Random(1).random)


def microseconds() -> list[float]:
    """A request's, on a host of each kind: the same calls once more, without the host."""
    costs = []
    for number in range(KINDS):
        recorded = Recorded()
        run = crawl(recorded, steady_host(TUNING + number), MINUTES * 60)
        pace = new_pace()
        calls = [(getattr(pace, name), arguments) for name, arguments in recorded.calls]
        started = time.process_time()
        for call, arguments in calls:
            call(*arguments)
        costs.append(1e6 * (time.process_time() - started) / run.requests)
    return costs


def bytes_a_host(hosts: int) -> float:
    """Of resident memory, after some requests each."""
    gc.collect()
    before = resident()
    paces = []
    for number in range(hosts):
        pace, now = HostPace(), float(number)
        for request in range(REQUESTS):
            now = pace.ready_at(now)
            pace.on_send(now)
            status = 429 if request == REQUESTS - 2 else 200
            pace.on_response(now + 0.1, Sample(now, status, 0.1))
            now += 0.1
        paces.append(pace)
    return (resident() - before) / hosts


def resident() -> int:
    """Bytes of this process at their most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(prog="python -m bench.pace_cost", description=__doc__)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    hosts = parser.parse_args().hosts
    print(describe())
    size = bytes_a_host(hosts)
    print(f"memory: {size:,.0f} bytes a host, {hosts * size / 2**20:,.0f} MiB for {hosts:,}")
    costs = microseconds()
    print(f"a request: median {statistics.median(costs):.1f} microseconds over {KINDS} kinds of hosts, "
          f"most {max(costs):.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
