"""The desk behind the routes: it asks the conductor's thread, the board and the ledger."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from canter.errors import CanterError
from canter.model import utc_iso
from canter.observe import Counts, Log, News
from canter.service.board import WorkerState
from canter.service.conductor import Conductor
from canter.service.correlation import Correlation
from canter.service.events import Events, message
from canter.service.ledger import Ledger
from canter.service.models import (
    Crawl,
    CrawlProgress,
    Health,
    NewCrawl,
    Outcome,
    State,
    Stats,
)
from canter.service.narrowing import narrowed
from canter.service.plan import Plan
from canter.service.refusal import Refused
from canter.service.vitals import UnderWay, Vitals
from canter.stores.sqlite import CrawlRow

TOLD = 20  # failures, and changes, of one report that are told at once


class ServiceDesk:
    """One for a service; implements `routes.Desk` and `conductor.Audience`."""

    def __init__(self, plan: Plan, log: Log) -> None:
        self._vitals = Vitals()
        self.board = self._vitals.board
        self.events = Events()
        self._plan = plan
        self._log = log
        self._conductor = Conductor(plan, self, log)
        self._ledger: Ledger | None = None
        self._opening = threading.Lock()
        self._watching: asyncio.Task[None] | None = None

    # ---- life

    def open(self) -> None:
        """Take the store and begin; once more does nothing. Raises CanterError."""
        self.open_store()
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._vitals.watch())

    def open_store(self) -> None:
        """The same without a running event loop, of which nothing is then known."""
        if self._ledger is None:
            with self._opening:
                if self._ledger is None:
                    ledger = Ledger(self._plan)
                    self._conductor.open()
                    self._ledger = ledger

    def close(self) -> None:
        """Let what is in flight finish, within 10 s."""
        self._conductor.close()
        if self._ledger:
            self._ledger.close()

    @property
    def ledger(self) -> Ledger:
        """The crawls in the store."""
        if self._ledger is None:
            raise Refused(503, "the service has not begun yet; try again")
        return self._ledger

    # ---- crawls

    def begin(self, body: NewCrawl, correlation: Correlation) -> Crawl:
        """Queue a crawl. Raises Refused."""
        narrowed(body, self._plan)
        if self._conductor.error:
            raise Refused(
                503, "nothing is crawled any more, see /health; the service has to be started again"
            )
        if self._conductor.waiting >= self._plan.queued:
            raise Refused(503, f"{self._plan.queued} crawls wait already; try again later")
        sources = self._plan.sources[body.source] if body.source else ()
        kept: dict[str, Any] = body.model_dump(exclude={"urls"}, exclude_none=True)
        urls = body.urls[: body.limit] if body.urls is not None else None
        crawl = self.ledger.begin(urls, sources, {**kept, "correlation": list(correlation)})
        self._log.say(
            "info", "crawl_asked_for", crawl=crawl, correlation_id=correlation.id, source=body.source
        )
        self._conductor.begin(crawl)
        return self.crawl(crawl)

    def sources(self) -> list[str]:
        """The names of [sources] in the site file."""
        return sorted(self._plan.sources)

    def crawls(self, limit: int, state: State | None) -> list[Crawl]:
        """The latest crawls."""
        found: list[Crawl] = []
        for row in self.ledger.rows():
            crawl = self._show(row)
            if state in (None, crawl.state):
                found.append(crawl)
            if len(found) >= limit:
                break
        return found

    def crawl(self, crawl: int) -> Crawl:
        """One crawl. Raises Refused."""
        return self._show(self._row(crawl))

    def cancel(self, crawl: int) -> Crawl:
        """End a crawl. Raises Refused."""
        found = self.crawl(crawl)
        if found.state in ("finished", "failed"):
            raise Refused(409, f"crawl {crawl} is {found.state}")
        if found.state != "cancelled":
            self.ledger.cancel(crawl)
            self._conductor.cancel(crawl)
        return self.crawl(crawl)

    def records(self, crawl: int, outcome: Outcome | None, changes: bool) -> Iterator[bytes]:
        """The records of a crawl, streamed. Raises Refused at once."""
        self._row(crawl)
        return self.ledger.records(crawl, outcome, changes)

    def _row(self, crawl: int) -> CrawlRow:
        row = self.ledger.row(crawl)
        if row is None:
            raise Refused(404, f"there is no crawl {crawl}")
        return row

    def _show(self, row: CrawlRow) -> Crawl:
        return self.ledger.show(row, self._conductor.live.get(row.id))

    # ---- what the conductor's thread tells

    def heard(self, news: News) -> None:
        """What a worker saw."""
        failures, changes = self.board.hear(news)
        for failure in failures[-TOLD:]:
            self.events.publish(message("failure", failure))
        for change in changes[-TOLD:]:
            self.events.publish(message("change", change))

    def changed(self, crawl: int) -> None:
        """A crawl's state is another."""
        found = self.crawl(crawl)
        self._log.say("info", "crawl", crawl=crawl, state=found.state, reason=found.reason,
                      correlation_id=found.correlation_id)  # fmt: skip
        if len(self.events):
            self.events.publish(message("crawl", found))

    def report(self, total: Counts, workers: Iterable[WorkerState]) -> None:
        """Once a second: the counts since the service began, and its workers."""
        rows = self._vitals.report(total, workers)
        try:
            self.ledger.check()
            self._vitals.store_error = None
        except (CanterError, Refused) as error:
            self._vitals.store_error = str(error)
        if len(self.events):
            self.events.publish(message("stats", self.stats()))
            if rows:
                self.events.publish(message("hosts", rows))

    # ---- how it is

    @property
    def _work(self) -> UnderWay:
        conductor = self._conductor
        return UnderWay(
            list(conductor.live.values()), conductor.waiting, conductor.error, conductor.restarts,
            conductor.busy_since,
        )  # fmt: skip

    def health(self) -> Health:
        """Whether all is well."""
        return self._vitals.health(self._work)

    def metrics(self) -> bytes:
        """Prometheus' text."""
        return self._vitals.metrics(self._work, len(self.events))

    def stats(self) -> Stats:
        """The present, as the event of that name."""
        verdict, counts, board = self._vitals.verdict(self._work), self.board.counts, self.board
        return Stats(
            at=utc_iso(time.time()), status=verdict.status, reasons=verdict.reasons,
            pages=counts.outcomes.total(), outcomes=counts.outcomes, errors=counts.errors,
            requests=counts.requests, rejected=counts.rejected, bytes=counts.bytes,
            pages_per_second=round(board.rates.pages, 2), requests_per_second=round(board.rates.requests, 2),
            in_flight=board.in_flight, lag=round(board.lag, 4),
            rss_mb=round(self._vitals.memory_mb, 1),
            crawls=list(self._progress()),
        )  # fmt: skip

    def _progress(self) -> Iterator[CrawlProgress]:
        for crawl, live in list(self._conductor.live.items()):
            done = live.done
            yield CrawlProgress(
                id=crawl, state="running", done=done, total=max(live.total, done), fed=live.fed,
                pages_per_second=round(live.rate, 2), eta_seconds=live.eta,
            )  # fmt: skip
        for crawl in list(self._conductor.queued):
            yield CrawlProgress(
                id=crawl, state="queued", done=0, total=0, fed=False, pages_per_second=0.0, eta_seconds=None
            )
