"""Many hosts, some runs each, and the figures that docs/pace.md quotes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from canter.pace import HostPace
from canter.simulation.drive import Crawl, Limiter, crawl
from canter.simulation.host import Host
from canter.simulation.population import DAY
from canter.simulation.rivals import Aimd, AutoThrottle, Cubic, DoublingDelay, FixedDelay

MINUTES = 30.0
PAGES = (100, 300, 1_000)
PATIENCE = 6 * 3_600.0  # s; how long a crawl of so many pages may take
RIVALS: dict[str, Callable[[], Limiter]] = {
    "fixed delay 1 s": FixedDelay,
    "doubling delay, 20 workers": DoublingDelay,
    "AutoThrottle": AutoThrottle,
    "AIMD": Aimd,
    "CUBIC (AWS)": Cubic,
}
Make = Callable[[int, int], Host]  # seed, day


class Learner(Limiter, Protocol):
    """A limiter that goes on tomorrow where it is today."""

    def memory(self, now: float) -> dict[str, Any]:
        """What its next run is given as `memory`."""
        ...


Pace = Callable[..., Learner]  # memory, clock_offset, random


@dataclass(frozen=True, slots=True)
class Score:
    """Of many hosts; shares from 0 to 1, times in seconds, rejections per 1,000 requests."""

    hosts: int
    goodput: float
    goodput_p10: float
    rejections: float
    worst: float
    banned: int  # hosts that did
    banned_late: int  # of those, hosts that ban at 5 violations and more
    found: float
    queue_latency: float  # of queueing hosts, over the unloaded one


def scored(runs: Iterable[tuple[Host, Crawl]]) -> Score:
    """Goodput over the limit counts as the limit: more is no merit."""
    pairs = list(runs)
    goods = [min(run.goodput, 1.0) for _, run in pairs]
    queues = [run.latency for host, run in pairs if host.kind.startswith("queue,") or host.kind == "queue"]
    bans = [host.bans.violations for host, run in pairs if host.bans and run.bans]
    return Score(
        hosts=len(pairs),
        goodput=statistics.median(goods),
        goodput_p10=quantile(goods, 0.1),
        rejections=1_000 * sum(run.refused for _, run in pairs) / sum(run.requests for _, run in pairs),
        worst=max(1_000 * run.refused / run.requests for _, run in pairs),
        banned=len(bans),
        banned_late=sum(violations >= 5 for violations in bans),
        found=statistics.median(run.found for _, run in pairs),
        queue_latency=statistics.fmean(queues) if queues else 0.0,
    )


def quantile(values: Iterable[float], share: float) -> float:
    """The value at `share` of the sorted ones."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def days(
    make: Make, seed: int, runs: int, pages: float | None = None, pace: Pace = HostPace
) -> Iterator[tuple[Host, Crawl]]:
    """A run a day, each with the memory of the last; of half an hour, or of so many pages."""
    memory: dict[str, Any] | None = None
    for day in range(runs):
        host, start = make(seed, day), day * DAY
        limiter = pace(memory=memory, clock_offset=0.0, random=Random(f"{seed} {day}").random)
        if pages is None:
            run = crawl(limiter, host, MINUTES * 60, start=start)
        else:
            run = crawl(limiter, host, PATIENCE, pages, start)
        memory = limiter.memory(start + run.seconds)
        yield host, run


def rival(make: Make, seeds: Iterable[int], limiter: Callable[[], Limiter]) -> Score:
    """A first run by another limiter."""
    runs = []
    for seed in seeds:
        host = make(seed, 0)
        runs.append((host, crawl(limiter(), host, MINUTES * 60)))
    return scored(runs)


def ours(make: Make, seeds: Iterable[int], runs: int, pace: Pace = HostPace) -> list[Score]:
    """Of each day in turn."""
    table = [list(days(make, seed, runs, pace=pace)) for seed in seeds]
    return [scored(row[day] for row in table) for day in range(runs)]


def finite(
    make: Make, seeds: Iterable[int], pages: int, runs: int, pace: Pace = HostPace
) -> tuple[float, float]:
    """Time for so many pages over the ideal at the limit, the median: first and last day."""
    first, last = [], []
    for seed in seeds:
        ratios = [run.seconds * host.limit.rate / pages for host, run in days(make, seed, runs, pages, pace)]
        first.append(ratios[0])
        last.append(ratios[-1])
    return statistics.median(first), statistics.median(last)
