"""Many hosts, some runs each, and the figures that docs/pace.md quotes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from canter.pace import HostPace
from canter.simulation.drive import Crawl, Limiter, crawl
from canter.simulation.host import Bans, Host
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


class Facts(NamedTuple):
    """What a host hid; `rate`: its limit, requests/s."""

    kind: str
    rate: float
    bans: Bans | None


Run = tuple[Facts, Crawl]


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


def scored(runs: Iterable[Run]) -> Score:
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


def days(make: Make, seed: int, runs: int, pages: float | None = None) -> Iterator[Run]:
    """A run a day, each with the memory of the last; of half an hour, or of so many pages."""
    memory: dict[str, Any] | None = None
    for day in range(runs):
        host, start = make(seed, day), day * DAY
        pace = HostPace(memory=memory, clock_offset=0.0, random=Random(f"{seed} {day}").random)
        if pages is None:
            run = crawl(pace, host, MINUTES * 60, start=start)
        else:
            run = crawl(pace, host, PATIENCE, pages, start)
        memory = pace.memory(start + run.seconds)
        yield Facts(host.kind, host.limit.rate, host.bans), run


def rival(make: Make, seed: int, name: str) -> Run:
    """A first run of half an hour by another limiter."""
    host = make(seed, 0)
    run = crawl(RIVALS[name](), host, MINUTES * 60)
    return Facts(host.kind, host.limit.rate, host.bans), run


def over_ideal(runs: Iterable[Run], pages: int) -> float:
    """Time for so many pages over the ideal at the limit, the median."""
    return statistics.median(run.seconds * host.rate / pages for host, run in runs)
