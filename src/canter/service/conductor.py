"""The thread that conducts the crawls of a store: it owns the lock, the fleet and the feeds.

routes                     conductor (one thread)                fleet
begin(id), cancel(id) ──>  starts what is queued, up to a        serve, fed, fetch, cancel
                           bound; feeds it; reports each second  heard, over, log
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

from canter.errors import CanterError
from canter.feed import Feed
from canter.observe import Counts, Log, News
from canter.policy import Policy
from canter.run.errands import Done, Errands, sweep
from canter.run.fleet import Fleet
from canter.run.messages import Assignment
from canter.service.board import WorkerState
from canter.service.ledger import Live
from canter.service.narrowing import terms_of
from canter.service.plan import Plan
from canter.service.vitals import states_of
from canter.sites import SiteBook
from canter.sources import Source, open_source
from canter.stores.sqlite import CrawlRow, Order, RunLock, SqliteCrawls, SqliteIngest, SqliteOrders
from canter.stores.sqlite.schema import connect
from canter.tracing import traces

TICK = 0.1  # seconds between looks at what was asked and reported
REPORT = 1.0  # seconds between reports to the board
DRAIN = 4.5  # seconds that what is in flight has when the service stops
OVERDUE = 5.5  # seconds until workers that do not drain are ended
CANCEL = 2.0  # seconds that what is in flight of a cancelled crawl has
HURRY = 1.0  # seconds that a feed has to end
RATE_OVER = 10.0  # seconds over which a crawl's rate is taken


class Audience(Protocol):
    """Is told by the conductor's thread what happens."""

    def heard(self, news: News) -> None:
        """What a worker saw."""

    def changed(self, crawl: int) -> None:
        """A crawl's state is another."""

    def report(self, total: Counts, workers: Iterable[WorkerState]) -> None:
        """Once a second: the counts since the service began, and its workers."""


@dataclass(slots=True)
class _Run:
    """A crawl that is served."""

    row: CrawlRow
    feed: Feed
    errands: Errands
    closing: ExitStack  # what the feed uses
    before: Mapping[tuple[str, str | None], int]
    resumed: bool
    fed: bool = False
    cancelled: bool = False
    error: str | None = None
    over: bool = False
    done: deque[tuple[float, int]] = field(default_factory=deque)  # time, pages: over the last seconds

    def rate(self, now: float, pages: int) -> float:
        """Pages/s over the last seconds."""
        self.done.append((now, pages))
        while len(self.done) > 2 and self.done[0][0] < now - RATE_OVER:
            self.done.popleft()
        (since, before), span = self.done[0], now - self.done[0][0]
        return (pages - before) / span if since < now else 0.0


class Conductor:
    """`live`: the crawls that run, by id; `error`: why nothing goes on; `restarts`: when workers were
    started again (monotonic). `open` raises CanterError where the store cannot be had."""

    def __init__(self, plan: Plan, audience: Audience, log: Log) -> None:
        self._plan = plan
        self._audience = audience
        self._log = log
        self._policy = Policy(plan.settings, SiteBook(plan.sites))
        self._traces = traces()
        self._asked: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._runs: dict[int, _Run] = {}
        self._past = Counts()  # of crawls that are over
        self._reported = 0.0
        self._killed = False
        self.queued: list[int] = []
        self.live: dict[int, Live] = {}
        self.restarts: deque[float] = deque(maxlen=100)
        self.error: str | None = None
        self.busy_since: float | None = None  # monotonic: since when a crawl runs

    # ---- for any thread

    def open(self) -> None:
        """Take the store's lock, go on with what was running, and work in a thread of its own."""
        lock = RunLock(self._plan.store)
        sweep(self._plan.store)
        try:
            crawls = SqliteCrawls(self._plan.store, create=True)
            orders = SqliteOrders(crawls)
            for crawl in orders.unasked():
                crawls.end(crawl, "failed")
            waiting = orders.waiting()
        except BaseException:
            lock.release()
            raise
        self.queued = [order.crawl for order in waiting]
        self._thread = threading.Thread(
            target=self._run, args=(lock, crawls, orders), name="canter-conductor", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Let what is in flight finish, within 10 s; crawls go on when the store is opened again."""
        self._stopping.set()
        if self._thread:
            self._thread.join(OVERDUE + 5.0)

    def begin(self, crawl: int) -> None:
        """A crawl was queued in the store."""
        self._asked.put(("begin", crawl))

    def cancel(self, crawl: int) -> None:
        """A crawl was cancelled in the store."""
        self._asked.put(("cancel", crawl))

    @property
    def waiting(self) -> int:
        """Crawls that are queued, those on their way here included."""
        return len(self.queued) + self._asked.qsize()

    # ---- the thread

    def _run(self, lock: RunLock, crawls: SqliteCrawls, orders: SqliteOrders) -> None:
        try:
            self._crawls, self._orders = crawls, orders
            settings = self._plan.settings
            assignment = Assignment(self._plan.store, settings, self._plan.sites, tuple(sys.path))
            self._fleet = Fleet(assignment, self._plan.workers, self, lasting=True)
            self._fleet.start()
            while not self._stopping.is_set():
                self._step()
            self._drain()
        except CanterError as error:
            self._give_up(str(error))
        except Exception as error:
            self._give_up(f"the service failed: {type(error).__name__}: {error}; this is a bug")
            raise
        finally:
            if self._traces:
                self._traces.close()
            crawls.close()
            lock.release()

    def _give_up(self, error: str) -> None:
        """Nothing goes on; workers end with this thread, and elsewhere than on Linux with the process."""
        self.error = error
        self._log.say("error", "conductor_failed", reason=error)

    def _step(self) -> None:
        self._fleet.attend(TICK)
        self._take_asked()
        while self.queued and len(self._runs) < self._plan.running and not self._fleet.error:
            self._start(self.queued.pop(0))
        for run in list(self._runs.values()):
            self._tend(run)
        if self._fleet.error:
            self.error = str(self._fleet.error)
        now = time.monotonic()
        if now - self._reported >= REPORT:
            self._reported = now
            self._report(now)

    def _take_asked(self) -> None:
        while not self._asked.empty():
            what, crawl = self._asked.get()
            if what == "begin":
                self.queued.append(crawl)
                self._audience.changed(crawl)
            elif crawl in self._runs:
                self._stop_run(self._runs[crawl])
            else:
                if crawl in self.queued:
                    self.queued.remove(crawl)
                self._crawls.end(crawl, "cancelled")
                self._audience.changed(crawl)

    def _stop_run(self, run: _Run) -> None:
        run.cancelled = True
        run.feed.stop()
        self._fleet.cancel(run.row.id, CANCEL)

    # ---- one crawl

    def _start(self, crawl: int) -> None:
        row, order = self._crawls.find(crawl), self._orders.get(crawl)
        if row is None or order is None or row.state not in ("queued", "running", "stopped"):
            return
        errands = Errands(self._plan.store, self._plan.settings.attempts)
        open_things = ExitStack()
        open_things.enter_context(closing(errands))
        try:
            terms = terms_of(order.body, self._plan)
            feed = self._feed(crawl, self._sources(order, errands), order, open_things)
        except CanterError as error:
            open_things.close()
            self._crawls.end(crawl, "failed")
            self._orders.explain(crawl, "it cannot begin; the service's log says why")
            self._log.say("error", "crawl_failed", crawl=crawl, reason=str(error))
            self._audience.changed(crawl)
            return
        self._crawls.end(crawl, "running")
        self._orders.explain(crawl, None)
        sites = (*self._plan.sites, *(terms.sites if terms else ()))
        self._crawls.declare(crawl, {site.name: site.declared for site in sites})
        before = self._crawls.outcomes(crawl)
        run = self._runs[crawl] = _Run(row, feed, errands, open_things, before, resumed=row.state != "queued")
        correlation = order.body.get("correlation") or ()
        bound: tuple[tuple[str, str], ...] = (("correlation_id", correlation[0]),) if correlation else ()
        if self._traces:
            parent = correlation[1] if correlation else None
            bound += (("traceparent", self._traces.begin(crawl, parent)),)
        self._fleet.serve(crawl, row.started, terms, bound)
        run.feed.start()
        self.busy_since = self.busy_since or time.monotonic()
        self._publish(run, time.monotonic())
        self._audience.changed(crawl)

    def _sources(self, order: Order, errands: Errands) -> dict[int, Source]:
        """What the crawl reads; nothing where its URLs came with the request."""
        name = order.body.get("source")
        if name is None:
            return {}
        files = self._plan.sources.get(name)
        if files is None:
            raise CanterError(f"the site file has no source {name!r} any more")
        return {n: open_source(file, fetch=errands.fetch) for n, file in enumerate(files)}

    def _feed(self, crawl: int, sources: dict[int, Source], order: Order, open_things: ExitStack) -> Feed:
        path = self._plan.store
        crawls = open_things.enter_context(closing(SqliteCrawls(path, create=False)))
        db = open_things.enter_context(closing(connect(path, create=False)))
        ingest = SqliteIngest(db, path, crawl, self._policy.shard_of)
        return Feed(crawls, ingest, sources, order.body.get("limit"))

    def _tend(self, run: _Run) -> None:
        crawl = run.row.id
        if run.over:
            self._conclude(run)
            return
        for errand in run.errands.take():
            self._fleet.fetch(crawl, errand)
        if run.feed.done and not run.fed:
            run.fed = True
            self._fleet.fed(crawl)
        if run.feed.error and not run.error:
            run.error = "its source cannot be read to the end"
            self._log.say("error", "source_failed", crawl=crawl, reason=str(run.feed.error))
            self._fleet.cancel(crawl)

    def _conclude(self, run: _Run) -> None:
        crawl = run.row.id
        run.feed.stop()
        run.feed.thread.join(HURRY)
        if not run.feed.thread.is_alive():  # else it waits for a sitemap that will not come
            run.closing.close()
        del self._runs[crawl]
        self._past.merge(self._fleet.counts(crawl))
        self._past.hosts.clear()
        self._fleet.forget(crawl)
        if run.cancelled:
            self._crawls.end(crawl, "cancelled")
        elif not run.error and run.fed and not self._crawls.pending(crawl):
            self._crawls.end(crawl, "finished")
        else:
            self._crawls.end(crawl, "stopped")
            if run.error:
                self._orders.explain(crawl, run.error)
        if self._traces:
            row = self._crawls.find(crawl)
            self._traces.end(crawl, state=row.state if row else "gone")
        self.live = {number: live for number, live in self.live.items() if number != crawl}
        self.busy_since = self.busy_since if self._runs else None
        self._audience.changed(crawl)

    # ---- reports

    def _report(self, now: float) -> None:
        total = Counts()
        total.merge(self._past)
        for run in self._runs.values():
            self._publish(run, now)
            total.merge(self.live[run.row.id].counts)
        self._audience.report(total, states_of(self._fleet.members))

    def _publish(self, run: _Run, now: float) -> None:
        crawl = run.row.id
        counts = self._fleet.counts(crawl)
        row = self._crawls.find(crawl)
        queued = (row.queued if row else 0) + run.feed.backlog
        pages = counts.outcomes.total()
        live = Live(
            run.row.started, run.before, counts, queued, run.feed.done, run.rate(now, pages), run.resumed
        )
        self.live = {**self.live, crawl: live}

    # ---- the end

    def _drain(self) -> None:
        for run in self._runs.values():
            run.feed.stop()
        self._fleet.drain(DRAIN)
        deadline = time.monotonic() + OVERDUE
        while self._fleet.active and time.monotonic() < deadline:
            self._fleet.attend(TICK)
        if self._fleet.active:
            self._fleet.kill()
        for run in list(self._runs.values()):
            self._conclude(run)
        self._fleet.close()

    # ---- what the fleet says

    def log(self, line: str, /) -> None:
        """A log line of a worker."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - it is one already

    def notice(self, text: str, /) -> None:
        """Something an operator should know."""
        self.restarts.append(time.monotonic())
        self._log.say("warning", "worker_replaced", reason=text)

    def heard(self, _: int, news: News, /) -> None:
        """What a worker saw."""
        self._audience.heard(news)

    def fetched(self, crawl: int, done: Done, /) -> None:
        """A sitemap has come, or cannot be had."""
        if crawl in self._runs:
            self._runs[crawl].errands.done(done)

    def over(self, crawl: int, error: str | None, /) -> None:
        """A crawl is over in every worker."""
        if crawl in self._runs:
            self._runs[crawl].over = True
            self._runs[crawl].error = self._runs[crawl].error or error
