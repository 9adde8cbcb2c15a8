"""How a service, or a run, is: from what its workers report to health and metrics."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from canter import __version__
from canter.observe import Counts
from canter.run.member import Member
from canter.run.memory import rss_mb
from canter.service.board import Board, WorkerState
from canter.service.health import Facts, Verdict, judge
from canter.service.ledger import Live
from canter.service.metrics import Metrics, Reading
from canter.service.models import Health, HealthStats, Host, Worker

LOOK = 0.25  # seconds between looks at how late the server's loop is
RECENT = 300  # reports, one a second, over which the share of failures is taken


def states_of(members: Iterable[Member]) -> list[WorkerState]:
    """How the workers of a fleet are."""
    return [
        WorkerState(
            member.pid, member.alive, member.restarts, member.report.in_flight, member.report.lag,
            member.report.rss_mb,
        )
        for member in members
    ]  # fmt: skip


class UnderWay(NamedTuple):
    """What is worked on. `error`: why nothing goes on; `restarts` of workers and `busy_since`: monotonic."""

    running: Sequence[Live] = ()
    queued: int = 0
    error: str | None = None
    restarts: Sequence[float] = ()
    busy_since: float | None = None


class Vitals:
    """One for a process. `report` comes from one thread, once a second; the rest may be asked from any."""

    def __init__(self) -> None:
        self.board = Board(time.time())
        self.store_error: str | None = None
        self.lag = 0.0  # seconds by which the server's loop was late at the last look
        self._metrics = Metrics()
        self._ended: deque[tuple[int, int]] = deque(maxlen=RECENT)  # pages, failed, at each report

    def report(self, counts: Counts, workers: Iterable[WorkerState]) -> list[Host]:
        """The counts since it began, and the workers; returns the rows of hosts that changed."""
        self.board.count(counts, workers)
        self._ended.append((counts.outcomes.total(), counts.outcomes["failed"]))
        return self.board.tick(time.time())

    async def watch(self) -> None:
        """Look how late the server's loop is, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            asleep = loop.time()
            await asyncio.sleep(LOOK)
            self.lag = max(0.0, loop.time() - asleep - LOOK)

    @property
    def last_page_age(self) -> float | None:
        """Seconds since a page ended; None: none yet."""
        last = self.board.counts.last_page
        if last is None:
            return None
        return max(0.0, time.time() - datetime.fromisoformat(last).timestamp())

    @property
    def memory_mb(self) -> float:
        """Of all processes."""
        return rss_mb()[0] + sum(worker.rss_mb for worker in self.board.workers)

    def verdict(self, work: UnderWay) -> Verdict:
        """Whether all is well."""
        board, now = self.board, time.monotonic()
        first, last = (self._ended[0], self._ended[-1]) if self._ended else ((0, 0), (0, 0))
        rows = board.hosts(time.time()) if work.running else []
        return judge(
            Facts(
                store_error=self.store_error, conductor_error=work.error, workers=len(board.workers),
                workers_alive=sum(one.alive for one in board.workers),
                recent_restarts=sum(now - at < 3_600.0 for at in list(work.restarts)),
                running_crawls=len(work.running), last_page_age=self.last_page_age,
                busy_since=now - work.busy_since if work.busy_since else 0.0,
                all_paused=bool(rows) and all(row.paused_until for row in rows),
                server_lag=self.lag, worker_lag=board.lag,
                recent_pages=last[0] - first[0], recent_failed=last[1] - first[1],
            )
        )  # fmt: skip

    def health(self, work: UnderWay) -> Health:
        """The answer of `/health`."""
        verdict, counts = self.verdict(work), self.board.counts
        return Health(
            status=verdict.status, active_connections=self.board.in_flight, reasons=verdict.reasons,
            workers=[Worker(**one._asdict()) for one in self.board.workers], version=__version__,
            stats=HealthStats(
                requests_made=counts.requests, successful_requests=counts.requests - counts.refused,
                failed_requests=counts.refused, total_response_time=round(counts.seconds, 3),
                rejected_requests=counts.rejected, pages=counts.outcomes.total(),
                failed_pages=counts.outcomes["failed"], bytes=counts.bytes, running_crawls=len(work.running),
                queued_crawls=work.queued, last_page_age=self.last_page_age,
                event_loop_lag=round(self.lag, 4), uptime=round(time.time() - self.board.began, 3),
            ),
        )  # fmt: skip

    def metrics(self, work: UnderWay, listeners: int = 0) -> bytes:
        """The answer of `/metrics`."""
        board, now = self.board, time.time()
        return self._metrics.render(
            Reading(
                counts=board.counts, workers=board.workers, hosts=board.hosts(now),
                crawls={"running": len(work.running), "queued": work.queued},
                depths=_depths(work.running, now), listeners=listeners, status=self.verdict(work).status,
                server_lag=self.lag, last_page_age=self.last_page_age, began=board.began,
                memory=rss_mb()[0] * 1e6,
            )
        )  # fmt: skip


def _depths(running: Iterable[Live], now: float) -> Mapping[float, int]:
    """Pages to do by the age of their crawl."""
    found: dict[float, int] = {}
    for live in running:
        age = now - live.started
        found[age] = found.get(age, 0) + max(0, live.total - live.done)
    return found
