"""The parent of a run: chooses the crawl, feeds the store, has a fleet fetch, takes signals, sums up."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from canter.config import Settings
from canter.errors import CanterError, ConfigError
from canter.feed import Feed
from canter.observe import Counts, News
from canter.policy import Policy
from canter.run.cpus import usable_cpus
from canter.run.errands import Done, Errands, sweep
from canter.run.fleet import Fleet
from canter.run.member import Member
from canter.run.memory import rss_mb
from canter.run.messages import Assignment
from canter.run.tally import Tally
from canter.sites import Site, SiteBook
from canter.sources import STDIN, Source, open_source
from canter.stores.sqlite import CrawlRow, RunLock, SqliteCrawls, SqliteIngest
from canter.stores.sqlite.schema import connect
from canter.tracing import traces

TICK = 0.2  # seconds between looks at signals and messages
HURRY = 2.0  # seconds from "stop at once" until workers that do not answer are ended


class Progress(Protocol):
    """Shows how a run goes."""

    def begin(self, crawl: int, resumed: bool) -> None:
        """The crawl is known."""

    def update(self, done: int, total: int, fed: bool, counts: Counts) -> None:
        """Pages ended and queued so far; `fed`: nothing more will come; the workers' counts."""

    def log(self, line: str) -> None:
        """A log line of a worker."""

    def notice(self, text: str) -> None:
        """Something the user should know."""

    def end(self) -> None:
        """No more updates."""


class Onlooker(Protocol):
    """Is told more than progress shows."""

    def heard(self, news: News) -> None:
        """What a worker saw."""

    def look(
        self, started: float, before: int, total: int, fed: bool, counts: Counts, members: Sequence[Member]
    ) -> None:
        """Several times a second: when the crawl began (UTC seconds), pages done before this run, pages
        queued, whether nothing more will come, the workers' counts, the workers."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. `only_failed_of`: the failures of that crawl instead of sources."""

    sources: Sequence[str]
    settings: Settings
    sites: tuple[Site, ...]
    store: Path
    url_column: str = "url"
    limit: int | None = None
    fresh: bool = False
    resume: int | None = None
    only_failed_of: int | None = None


@dataclass(slots=True)
class Result:
    """How a run ended: `signal` that stopped it, or `out_of_time`, or neither: finished."""

    summary: dict[str, Any]
    signal: int | None = None
    out_of_time: bool = False


@dataclass(slots=True)
class _Signals:
    """SIGINT and SIGTERM, counted."""

    seen: list[int] = field(default_factory=list)
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> _Signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.seen.append(number)


class Supervisor:
    """Runs one order. Raises CanterError where it cannot be run, with nothing lost."""

    def __init__(self, order: Order, progress: Progress, onlooker: Onlooker | None = None) -> None:
        self._order = order
        self._progress = progress
        self._onlooker = onlooker
        self._error: CanterError | None = None
        self._over = False
        self._errands = Errands(order.store, order.settings.attempts)
        self._traces = traces()

    def run(self) -> Result:
        """Crawl until nothing is left, time is up or a signal says stop."""
        order = self._order
        sources = {n: self._open(name) for n, name in enumerate(order.sources)}
        with _Signals() as signals, RunLock(order.store), closing(self._errands):
            sweep(order.store)
            crawls = SqliteCrawls(order.store, create=True)
            try:
                crawl, resumed = self._choose(crawls)
                self._progress.begin(crawl.id, resumed)
                sources = sources or self._known_sources(crawls, crawl)
                policy = Policy(order.settings, SiteBook(order.sites))
                crawls.declare(crawl.id, {site.name: site.declared for site in order.sites})
                feeding = SqliteCrawls(order.store, create=False)
                ingest = SqliteIngest(
                    connect(order.store, create=False), order.store, crawl.id, policy.shard_of
                )
                feed = Feed(feeding, ingest, sources, order.limit)
                fleet = Fleet(self._assignment(), order.settings.workers or usable_cpus(), self)
                try:
                    stopped = self._attend(fleet, crawls, crawl, feed, signals)
                finally:
                    feed.stop()
                    fleet.close()
                    feed.thread.join(timeout=HURRY)
                    self._progress.end()
                return self._conclude(crawls, crawl, resumed, stopped, signals, feed, fleet)
            finally:
                crawls.close()

    def _assignment(self) -> Assignment:
        order = self._order
        return Assignment(order.store, order.settings, order.sites, tuple(sys.path))

    def _choose(self, crawls: SqliteCrawls) -> tuple[CrawlRow, bool]:
        """The crawl to go on with, or a new one."""
        order = self._order
        if order.resume is not None:
            crawls.resume(order.resume)
            return crawls.get(order.resume), True
        arguments = [*order.sources] + ([f"--limit {order.limit}"] if order.limit else [])
        if order.only_failed_of is not None:
            crawls.get(order.only_failed_of)
            arguments.append(f"--only failed --crawl {order.only_failed_of}")
        resumable = STDIN not in order.sources and not order.fresh
        since = time.time() - order.settings.resume_within
        found = crawls.unfinished(arguments, since) if resumable else None
        if found:
            crawls.resume(found.id)
            return found, True
        latest = crawls.latest()
        crawl = crawls.begin(arguments, order.sources)
        if latest and latest.state in ("running", "stopped"):
            self._progress.notice(f"crawl {latest.id} was left unfinished and is abandoned; its records stay")
        if order.only_failed_of is not None:
            crawls.requeue(crawl, order.only_failed_of)
        return crawls.get(crawl), False

    def _known_sources(self, crawls: SqliteCrawls, crawl: CrawlRow) -> dict[int, Source]:
        """The sources of a resumed crawl that still have to be read; what came by a pipe cannot be."""
        rows = [row for row in crawls.sources(crawl.id) if not row.done]
        if any(row.name == STDIN for row in rows):
            self._progress.notice(
                f"standard input was not read to its end; pipe it again: canter run - --resume {crawl.id}"
            )
        return {row.n: self._open(row.name) for row in rows if row.name != STDIN}

    def _open(self, name: str) -> Source:
        return open_source(name, self._order.url_column, fetch=self._errands.fetch)

    # ---- while it runs

    def _attend(
        self, fleet: Fleet, crawls: SqliteCrawls, crawl: CrawlRow, feed: Feed, signals: _Signals
    ) -> bool:
        """Watch over the crawl until it is over; True when time ran out."""
        fleet.start()
        bound = (("traceparent", self._traces.begin(crawl.id, None)),) if self._traces else ()
        fleet.serve(crawl.id, crawl.started, bound=bound)
        feed.start()
        deadline = time.monotonic() + (self._order.settings.max_time or math.inf)
        out_of_time = fed = draining = False
        stop_at = math.inf
        done_before = sum(crawls.outcomes(crawl.id).values())
        while not self._over:
            fleet.attend(TICK)
            for errand in self._errands.take():
                fleet.fetch(crawl.id, errand)
            if feed.done and not fed:
                fed = True
                fleet.fed(crawl.id)
            out_of_time = out_of_time or time.monotonic() >= deadline
            if (signals.seen or out_of_time or feed.error) and not draining:
                draining = True
                feed.stop()
                fleet.drain()
                if not feed.error:
                    self._progress.notice("finishing what is in flight; once more stops at once")
            if len(signals.seen) > 1 and stop_at == math.inf:
                fleet.drain(0.0)
                stop_at = time.monotonic() + HURRY
            if time.monotonic() >= stop_at:
                fleet.kill()
            self._show(crawls, crawl, done_before, feed, fleet)
        self._error = feed.error or self._error
        return out_of_time

    def log(self, line: str) -> None:
        """A log line of a worker."""
        self._progress.log(line)

    def notice(self, text: str) -> None:
        """Something the user should know."""
        self._progress.notice(text)

    def heard(self, _: int, news: News, /) -> None:
        """Hosts, failures and changes: progress shows counts only."""
        if self._onlooker:
            self._onlooker.heard(news)

    def fetched(self, _: int, done: Done, /) -> None:
        """A sitemap has come, or cannot be had."""
        self._errands.done(done)

    def over(self, _: int, error: str | None, /) -> None:
        """The crawl has ended in every worker."""
        self._over = True
        self._error = CanterError(error) if error else None

    def _show(
        self, crawls: SqliteCrawls, crawl: CrawlRow, done_before: int, feed: Feed, fleet: Fleet
    ) -> None:
        counts = fleet.counts(crawl.id)
        done = done_before + counts.outcomes.total()
        total = max(done, crawls.get(crawl.id).queued + feed.backlog)
        self._progress.update(done, total, feed.done, counts)
        if self._onlooker:
            self._onlooker.look(crawl.started, done_before, total, feed.done, counts, fleet.members)

    # ---- when it is over

    def _conclude(
        self,
        crawls: SqliteCrawls,
        crawl: CrawlRow,
        resumed: bool,
        out_of_time: bool,
        signals: _Signals,
        feed: Feed,
        fleet: Fleet,
    ) -> Result:
        unfinished = bool(self._error or crawls.pending(crawl.id) or not feed.done)
        if self._traces:
            self._traces.end(crawl.id, state="stopped" if unfinished else "finished")
            self._traces.close()
        crawls.end(crawl.id, "stopped" if unfinished else "finished")
        if self._error:
            raise self._error
        summary = summarise(crawls, crawl.id, resumed, fleet.peak_rss_mb)
        stopped_by = signals.seen[0] if signals.seen and unfinished else None
        return Result(summary, stopped_by, out_of_time and unfinished)


def summarise(crawls: SqliteCrawls, crawl: int, resumed: bool, workers_peak_mb: float) -> dict[str, Any]:
    """The summary of the contract; numbers are the whole crawl's, earlier runs of it included."""
    row = crawls.get(crawl)
    tally = Tally(crawls.outcomes(crawl))
    return {
        "crawl": crawl, "pages": tally.pages, **tally.outcomes, "errors": dict(tally.errors),
        "requests": row.requests, "rejected": row.rejected, "seconds": round(row.seconds, 3),
        "pages_per_second": tally.rate(row.seconds), "bytes": row.bytes,
        "peak_rss_mb": round(rss_mb()[1] + workers_peak_mb, 1), "resumed": resumed,
    }  # fmt: skip


def check_order(order: Order) -> None:
    """Refuse what contradicts itself or cannot be used. Raises ConfigError."""
    if tls := Policy(order.settings, SiteBook(order.sites)).all_tls():
        from canter.transports.tls import contexts  # OpenSSL is the workers', most often

        contexts(tls)
    if not order.sources and order.only_failed_of is None and order.resume is None:
        raise ConfigError("no source: name a file of URLs, or - for standard input")
