"""What could be had of a quota that strangers use half the time. `python -m bench.pace_shared`

Two oracles crawl simulated hosts for half an hour each. One keeps the constant rate that was the best for
the host in hindsight; the other knows, besides, at each moment whether strangers are there, which no
crawler can. Both obey Retry-After. Beside them: Canter's first run.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from random import Random

from canter.pace import HostPace, Sample
from canter.simulation.drive import Crawl, crawl
from canter.simulation.host import Host
from canter.simulation.population import TUNING, hard_host
from canter.simulation.score import MINUTES, quantile

SHARES = (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the limit, that an oracle tries
REFUSED = (6, 12, 30, 100)  # in half an hour
MARGIN, PAUSE = 0.5, 2.0  # s after Retry-After; where there is none


class Oracle:
    """Asks at `share` of the limit; `sees`: of what strangers leave of it."""

    def __init__(self, host: Host, share: float, *, sees: bool) -> None:
        self._host = host
        self._share = share
        self._sees = sees
        self._next = -math.inf

    def ready_at(self, now: float) -> float:
        """Evenly spaced."""
        return max(now, self._next)

    def on_send(self, now: float) -> None:
        """The next one is due."""
        strangers = self._host.strangers
        left = 1.0 - strangers.use() if self._sees and strangers else 1.0
        self._next = max(self._next, now) + 1.0 / (self._share * left * self._host.limit.rate)

    def on_response(self, now: float, sample: Sample) -> None:
        """A refusal is waited for."""
        if sample.status != 200:
            wait = PAUSE if sample.retry_after is None else sample.retry_after + MARGIN
            self._next = max(self._next, now + wait)


def shared(seed: int) -> Host:
    """A host with strangers."""
    return hard_host(seed, kind="shared")


def best(seed: int, *, sees: bool) -> list[float]:
    """An oracle's greatest goodput on a host with no more refusals than each of `REFUSED`."""
    runs = []
    for share in SHARES:
        host = shared(seed)
        runs.append(crawl(Oracle(host, share, sees=sees), host, MINUTES * 60))
    return [max((good(run) for run in runs if run.refused <= most), default=0.0) for most in REFUSED]


def good(run: Crawl) -> float:
    """Goodput; more than the limit is no merit."""
    return min(run.goodput, 1.0)


def main(hosts: int) -> None:
    """Print the table."""
    seeds = range(TUNING, TUNING + hosts)
    print(
        f"{hosts} hosts; goodput, median and three tenths (a tenth of harder hosts: one of three is shared)"
    )
    oracles: dict[str, Callable[[int], list[float]]] = {
        "constant rate, the best in hindsight": lambda seed: best(seed, sees=False),
        "and sees the strangers": lambda seed: best(seed, sees=True),
    }
    for name, table in oracles.items():
        rows = [table(seed) for seed in seeds]
        for index, most in enumerate(REFUSED):
            show(f"{name}, {most} refused", [row[index] for row in rows])
    runs = [crawl(HostPace(random=Random(f"{seed} 0").random), shared(seed), MINUTES * 60) for seed in seeds]
    refused = statistics.median(run.refused for run in runs)
    show(f"Canter, first run, median {refused:.0f} refused", [good(run) for run in runs])


def show(name: str, goods: list[float]) -> None:
    """One row."""
    print(f"{name:<52}{100 * statistics.median(goods):6.1f}%{100 * quantile(goods, 0.3):7.1f}%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.pace_shared", description=__doc__)
    parser.add_argument("--hosts", type=int, default=36)
    main(parser.parse_args().hosts)
