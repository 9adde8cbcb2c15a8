"""What the service knows of its crawls at the moment, in bounded memory: counts, hosts, latest events.

Reports of workers go in (`observe.Snapshot`), answers and events come out. One lock guards it, held for
moments only: the conductor's thread writes, the server's reads. The time is an argument.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from canter.model import utc_iso
from canter.observe import Counts, HostNews, News
from canter.protocols import PaceFacts
from canter.service.models import Change, Failure, History, Host, HostHistory, HostPoint, Latest, Point
from canter.service.series import Series

MAX_HOSTS = 500  # hosts of which rows are kept, those asked last
MAX_LATEST = 100  # failures, and changes
_UNKNOWN = PaceFacts(0, None)
OVER = 3  # ticks: a worker's report, once a second too, falls now into one and now into the next
HOST_STEP, HOST_POINTS = 2.0, 240
STEP, POINTS = 1.0, 600


class WorkerState(NamedTuple):
    """A worker process. `lag`: seconds."""

    pid: int | None
    alive: bool
    restarts: int
    in_flight: int
    lag: float
    rss_mb: float


class Rates(NamedTuple):
    """A second, over the last OVER ticks."""

    pages: float = 0.0
    requests: float = 0.0


@dataclass(slots=True)
class _Host:
    """A row of the table of hosts and its history."""

    requests: int = 0
    rejections: int = 0
    failures: int = 0
    pace: PaceFacts = _UNKNOWN
    rate: float = 0.0
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=OVER))  # seconds, requests
    fresh: list[int] = field(default_factory=lambda: [0, 0, 0])  # requests, rejections, failures of the tick
    history: Series = field(default_factory=lambda: Series(5, HOST_STEP, HOST_POINTS))

    def take(self, news: HostNews) -> None:
        self.requests += news.requests
        self.rejections += news.rejections
        self.failures += news.failures
        for n, number in enumerate((news.requests, news.rejections, news.failures)):
            self.fresh[n] += number
        self.pace = news.pace or self.pace


class Board:
    """One for a service. `began`: UTC seconds."""

    def __init__(self, began: float) -> None:
        self._lock = threading.Lock()
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._touched: set[str] = set()
        self._failures: deque[Failure] = deque(maxlen=MAX_LATEST)
        self._changes: deque[Change] = deque(maxlen=MAX_LATEST)
        self._series = Series(5, STEP, POINTS)
        self._ticked = began
        self._before = Counts()
        self.began = began
        self.counts = Counts()  # of all workers since then; replaced, never changed
        self.workers: tuple[WorkerState, ...] = ()
        self.rates = Rates()
        self._recent: deque[tuple[float, int, int]] = deque(maxlen=OVER)  # seconds, pages, requests

    # ---- reports go in

    def count(self, counts: Counts, workers: Iterable[WorkerState]) -> None:
        """The counts of all workers since the service began, and how each of them does."""
        with self._lock:
            self.counts = counts
            self.workers = tuple(workers)

    def hear(self, news: News) -> tuple[list[Failure], list[Change]]:
        """What one worker saw since its last report; gives back what is to be told at once."""
        failures = [Failure(**one) for one in news.failures]
        changes = [Change(**one) for one in news.changes]
        with self._lock:
            for row in news.hosts:
                self._host(row.host).take(row)
            self._failures.extend(failures)
            self._changes.extend(changes)
        return failures, changes

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MAX_HOSTS:
                dropped, _ = self._hosts.popitem(last=False)
                self._touched.discard(dropped)
            host = self._hosts[name] = _Host()
        self._hosts.move_to_end(name)
        self._touched.add(name)
        return host

    def tick(self, now: float) -> list[Host]:
        """A step of time is over: rates are taken. Returns the rows of hosts that changed."""
        with self._lock:
            span = max(now - self._ticked, 1e-3)
            self._ticked = now
            new, old = self.counts, self._before
            self._before = new
            pages = max(0, new.outcomes.total() - old.outcomes.total())
            requests = max(0, new.requests - old.requests)
            failed = max(0, new.outcomes["failed"] - old.outcomes["failed"])
            rejected = max(0, new.rejected - old.rejected)
            self._recent.append((span, pages, requests))
            spans, all_pages, all_requests = map(sum, zip(*self._recent, strict=True))
            self.rates = Rates(all_pages / spans, all_requests / spans)
            self._series.add(now, (pages, requests, failed, rejected, self._in_flight()))
            return [self._tick_host(name, now, span) for name in self._moving()]

    def _moving(self) -> list[str]:
        """Hosts of which something came in the tick, or in those that their rate is taken over."""
        moving, self._touched = self._touched, set()
        moving |= {name for name, host in self._hosts.items() if host.rate}
        return sorted(moving)

    def _tick_host(self, name: str, now: float, span: float) -> Host:
        host = self._hosts[name]
        requests, rejections, failures = host.fresh
        limit = host.pace.limit
        host.recent.append((span, requests))
        host.rate = sum(n for _, n in host.recent) / sum(seconds for seconds, _ in host.recent)
        host.history.add(now, (requests, rejections, failures, limit or 0.0, limit is not None))
        host.fresh = [0, 0, 0]
        return _row(name, host, now)

    def _in_flight(self) -> int:
        return sum(worker.in_flight for worker in self.workers)

    # ---- answers come out

    @property
    def in_flight(self) -> int:
        """Requests in flight to hosts."""
        return self._in_flight()

    @property
    def lag(self) -> float:
        """Seconds: the most of any worker."""
        return max((worker.lag for worker in self.workers), default=0.0)

    def hosts(self, now: float, limit: int = MAX_HOSTS) -> list[Host]:
        """Rows of hosts, those asked last first."""
        with self._lock:
            names = list(reversed(self._hosts))[:limit]
            return [_row(name, self._hosts[name], now) for name in names]

    def history(self) -> History:
        """The service over time."""
        with self._lock:
            series = self._series
            points = [
                Point(
                    at=utc_iso(at), pages_per_second=sums[0] / series.step,
                    requests_per_second=sums[1] / series.step, failed_per_second=sums[2] / series.step,
                    rejected_per_second=sums[3] / series.step, in_flight=sums[4] / samples,
                )
                for at, samples, sums in series
            ]  # fmt: skip
            return History(step=series.step, points=points)

    def host_history(self, name: str, now: float) -> HostHistory | None:
        """A host over time; None where it was not asked of late."""
        with self._lock:
            host = self._hosts.get(name)
            if host is None:
                return None
            step = host.history.step
            points = [
                HostPoint(
                    at=utc_iso(at), rate=sums[0] / step, limit=sums[3] / sums[4] if sums[4] else None,
                    requests=int(sums[0]), rejections=int(sums[1]), failures=int(sums[2]),
                )
                for at, _, sums in host.history
            ]  # fmt: skip
            return HostHistory(host=name, step=step, now=_row(name, host, now), points=points)

    def latest(self) -> Latest:
        """The latest failures and changes, the newest first."""
        with self._lock:
            return Latest(failures=list(reversed(self._failures)), changes=list(reversed(self._changes)))


def _row(name: str, host: _Host, now: float) -> Host:
    pace = host.pace
    paused = pace.paused_until is not None and pace.paused_until > now
    return Host(
        host=name, rate=round(host.rate, 3), limit=pace.limit, requests=host.requests,
        rejections=host.rejections, failures=host.failures, in_flight=pace.in_flight,
        paused_until=utc_iso(pace.paused_until) if paused and pace.paused_until else None,
        pause_reason=pace.pause_reason if paused else None,
    )  # fmt: skip
