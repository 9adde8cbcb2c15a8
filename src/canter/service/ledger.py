"""The crawls of the store as the API shows them, and how one gets into it. Safe from any thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from canter.feed import sort_rows
from canter.model import utc_iso
from canter.observe import Counts
from canter.policy import Policy
from canter.rows import Row
from canter.run.tally import Tally
from canter.service.models import Crawl, Outcome, Progress, State, Summary
from canter.service.plan import Plan
from canter.sites import SiteBook
from canter.stores.sqlite import (
    BadRow,
    CrawlRow,
    GoodRow,
    Order,
    SqliteCrawls,
    SqliteHistory,
    SqliteIngest,
    SqliteOrders,
)
from canter.stores.sqlite.schema import connect

REMEMBERED = 1_000  # summaries of crawls that ended
_AT_ONCE = 200  # records in a piece of the stream
BODY = "request body"  # the name of the source of a crawl whose URLs came with the request


class Live(NamedTuple):
    """A crawl that runs: when it was asked for (UTC seconds), what was done before it was served, and since;
    pages queued; the rate of late."""

    started: float
    before: Mapping[tuple[str, str | None], int]
    counts: Counts
    total: int
    fed: bool
    rate: float
    resumed: bool

    @property
    def done(self) -> int:
        """Pages that ended."""
        return sum(self.before.values()) + self.counts.outcomes.total()

    @property
    def eta(self) -> float | None:
        """Seconds until the rest is done; None while that cannot be told."""
        left = max(0, self.total - self.done)
        return round(left / self.rate, 1) if self.fed and self.rate > 0 else None


class Ledger:
    """One for a service. Raises StoreError where the store cannot be used."""

    def __init__(self, plan: Plan) -> None:
        self._path = plan.store
        self._lock = threading.Lock()
        self._crawls = SqliteCrawls(plan.store, create=True)
        self._orders = SqliteOrders(self._crawls)
        self._shard_of = Policy(plan.settings, SiteBook(plan.sites)).shard_of
        self._summaries: OrderedDict[int, Summary] = OrderedDict()

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._crawls.close()

    # ---- into the store

    def begin(self, urls: Sequence[str] | None, sources: Sequence[str], body: Mapping[str, Any]) -> int:
        """Queue a crawl, safe in the store when this returns; `body`: what is kept of the request."""
        rows = (
            None
            if urls is None
            else sort_rows(Row(n, url.strip(), None, None) for n, url in enumerate(urls, 1))
        )
        with self._lock:
            crawl = self._crawls.begin(["serve", *sources], sources or [BODY], state="queued", alone=False)
        if rows is not None:
            self._append(crawl, *rows)
        with self._lock:
            self._orders.keep(crawl, body)  # last: without it the crawl was not asked for
        return crawl

    def _append(self, crawl: int, good: Sequence[GoodRow], bad: Sequence[BadRow]) -> None:
        """Over a connection of its own: many URLs take a while, which nobody has to wait for."""
        db = connect(self._path, create=False)
        try:
            SqliteIngest(db, self._path, crawl, self._shard_of).append(0, good, bad, None, done=True)
        finally:
            db.close()

    def cancel(self, crawl: int) -> None:
        """Note that a crawl does not go on; what it has still to do is dropped once it is not served."""
        with self._lock:
            self._crawls.end(crawl, "cancelled", drop=False)
            self._orders.explain(crawl, "cancelled by a request")

    # ---- out of it

    def row(self, crawl: int) -> CrawlRow | None:
        """One crawl's row."""
        with self._lock:
            return self._crawls.find(crawl)

    def rows(self) -> Sequence[CrawlRow]:
        """Every crawl, the latest first."""
        with self._lock:
            return self._crawls.list()

    def order(self, crawl: int) -> Order | None:
        """What was asked for."""
        with self._lock:
            return self._orders.get(crawl)

    def check(self) -> None:
        """Raises StoreError where the store cannot be read."""
        with self._lock:
            self._crawls.latest()

    def show(self, row: CrawlRow, live: Live | None) -> Crawl:
        """A crawl as the API shows it."""
        order = self.order(row.id)
        state, reason = _state(row, order, live)
        summary = self._summary(row, live)
        total = max(live.total if live else row.queued, summary.pages)
        body = order.body if order else {}
        return Crawl(
            id=row.id, state=state, reason=reason, source=body.get("source"),
            correlation_id=(body.get("correlation") or [None])[0], started=utc_iso(row.started),
            finished=utc_iso(row.finished) if row.finished else None,
            progress=Progress(
                done=summary.pages, total=total, fed=live.fed if live else state in _ENDED,
                pages_per_second=round(live.rate, 2) if live else 0.0,
                eta_seconds=live.eta if live else None,
            ),
            summary=summary,
        )  # fmt: skip

    def _summary(self, row: CrawlRow, live: Live | None) -> Summary:
        with self._lock:
            if live is None and row.id in self._summaries:
                return self._summaries[row.id]
            tally = Tally(live.before if live else self._crawls.outcomes(row.id))
            if live:
                tally.plus(live.counts)
        summary = Summary(
            pages=tally.pages, **tally.outcomes, errors=dict(tally.errors), requests=row.requests,
            rejected=row.rejected, seconds=round(row.seconds, 3),
            pages_per_second=tally.rate(row.seconds), bytes=row.bytes, resumed=bool(live and live.resumed),
        )  # fmt: skip
        if live is None and row.finished:
            with self._lock:
                self._summaries[row.id] = summary
                if len(self._summaries) > REMEMBERED:
                    self._summaries.popitem(last=False)
        return summary

    def records(self, crawl: int, outcome: Outcome | None, changes: bool) -> Iterator[bytes]:
        """The records of a crawl as JSON lines, some at a time, from a connection of its own."""
        history = SqliteHistory(self._path)
        try:
            records = history.records(crawl, changes=changes, outcome=outcome)
            while some := list(islice(records, _AT_ONCE)):
                yield b"".join(orjson.dumps(record.to_dict()) + b"\n" for record in some)
        finally:
            history.close()


_ENDED = ("finished", "cancelled", "failed")


def _state(row: CrawlRow, order: Order | None, live: Live | None) -> tuple[State, str | None]:
    """The state of the API, and why."""
    reason = order.reason if order else None
    if row.state in ("queued", "finished", "cancelled", "failed"):
        state: State = row.state  # type: ignore[assignment]
        return state, reason
    if row.state == "abandoned":
        return "cancelled", "a later run abandoned it"
    if live:
        return "running", None
    if order is None:
        return "cancelled", f"it was stopped; it goes on with: canter run --resume {row.id}"
    return ("failed", f"{reason}; it goes on when the service starts again") if reason else ("queued", None)
