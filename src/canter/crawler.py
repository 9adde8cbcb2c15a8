"""The library: assembly of store, transport, policy and engine in the caller's own process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Any

from canter.config import Settings, resolve
from canter.engine import Engine
from canter.errors import CanterError
from canter.extraction import Page
from canter.feed import sort_rows
from canter.model import Record, utc_iso
from canter.observe import Log, RunObserver
from canter.policy import Policy
from canter.protocols import Visit
from canter.sites import Site, SiteBook
from canter.sources import Row
from canter.stores.sqlite import BadRow, RunLock, SqliteCrawls, SqliteIngest, SqliteWork
from canter.stores.sqlite.schema import connect
from canter.stores.warc import WarcKeeper
from canter.transports.aiohttp import AiohttpTransport
from canter.transports.tls import contexts

_APPEND = 1_000  # URLs taken from the iterable before they are appended to the store
_PATIENCE = 0.2  # seconds that fewer wait for more
_AHEAD = 1_000  # records that may wait for the caller; then the crawl waits too

Urls = Iterable[str] | AsyncIterable[str]
_Records = asyncio.Queue[Record | None]


class Crawler:
    """Fetches pages politely and keeps their records in a store.

        async with Crawler(sites=[site], store="prices.db") as crawler:
            async for record in crawler.crawl(urls):
                ...

    `settings` are those of `canter run` (`max_rate=5`, `allow_network=["127.0.0.0/8"]`, ...); the
    environment is not read. Raises ConfigError for settings and sites that cannot be used, StoreError for
    a store that cannot be opened or that another run holds.
    """

    def __init__(self, sites: Sequence[Site], store: str | Path = "canter.db", **settings: Any) -> None:
        unknown = settings.keys() - Settings.model_fields.keys() | settings.keys() & {"store", "explicit"}
        if unknown:
            raise TypeError(f"Crawler has no setting {min(unknown)!r}")
        self._use(resolve(settings, {}, {}), sites)
        self._path = Path(store)
        self._lock: RunLock | None = None
        self._crawls: SqliteCrawls | None = None
        self._work: SqliteWork | None = None
        self._engine: Engine | None = None
        self._transport: AiohttpTransport | None = None
        self._keeper: WarcKeeper | None = None
        self._running: asyncio.Task[None] | None = None
        self._records: _Records = asyncio.Queue()

    @classmethod
    def with_settings(cls, settings: Settings, sites: Sequence[Site], store: str | Path) -> Crawler:
        """A Crawler whose settings were combined already, by `canter.config.resolve`."""
        crawler = cls([], store)
        crawler._use(settings, sites)
        return crawler

    def _use(self, settings: Settings, sites: Sequence[Site]) -> None:
        self._settings = settings
        self._policy = Policy(settings, SiteBook(sites))
        for site in sites:
            self._policy.extractor(site)
        contexts(self._policy.all_tls())  # refused here where a certificate cannot be used

    async def __aenter__(self) -> Crawler:
        self._lock = RunLock(self._path)
        try:
            self._crawls = SqliteCrawls(self._path, create=True)
            self._work = SqliteWork(self._path, self._policy.shard_of, owner="library")
        except CanterError:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._running:
            await self._stop_crawl(self._running)
        await self._stop_engine()
        for part in (self._work, self._crawls):
            if part:
                part.close()
        if self._lock:
            self._lock.release()
        self._work = self._crawls = self._lock = None

    async def crawl(self, urls: Urls) -> AsyncIterator[Record]:
        """Refresh every URL, one new crawl; yields each record once it is safe in the store.

        A page that fails is a record, never an exception. One crawl at a time. Leaving the loop early
        stops the crawl; what ended is kept.
        """
        work, crawls = self._opened()
        if self._running is not None:
            raise RuntimeError("this Crawler is in a crawl already; finish that first")
        await self._stop_engine()
        crawl = crawls.begin(["library"], ["library"])
        crawls.declare(crawl, {site.name: site.declared for site in self._policy.book.sites})
        records: _Records = asyncio.Queue(_AHEAD)

        async def deliver(visits: list[Visit]) -> None:
            for visit in visits:
                await records.put(visit.record)

        started = crawls.get(crawl).started
        if self._settings.keep_pages:
            self._keeper = WarcKeeper(Path(self._settings.keep_pages), crawl, started)
        engine = self._new_engine(work, deliver, crawl)
        engine.start(crawl, started)
        running = asyncio.create_task(self._run(engine, crawl, urls, records))
        self._running, self._records = running, records
        try:
            while (record := await records.get()) is not None:
                yield record
            await running
            crawls.end(crawl, "finished")
        finally:
            await self._stop_crawl(running)

    async def _stop_crawl(self, running: asyncio.Task[None]) -> None:
        """End what `crawl` began, once: when it is through, left early, or the Crawler is closed."""
        if self._running is not running:
            return
        emptying = asyncio.create_task(_empty(self._records))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self._stop_engine()
        emptying.cancel()
        self._running = None

    async def _run(self, engine: Engine, crawl: int, urls: Urls, records: _Records) -> None:
        """Feed the URLs in and wait until all are done; the last thing in the queue is None."""
        feeding = asyncio.create_task(self._feed(crawl, urls, records))
        feeding.add_done_callback(lambda _: engine.fed())
        try:
            await engine.over()
            await feeding
        finally:
            feeding.cancel()
            await records.put(None)

    async def _feed(self, crawl: int, urls: Urls, records: _Records) -> None:
        connection = connect(self._path, create=False)
        try:
            ingest = SqliteIngest(connection, self._path, crawl, self._policy.shard_of)
            async for rows in _chunks(urls):
                good, bad = sort_rows(rows)
                await asyncio.to_thread(_append, ingest, good, bad)
                for row in bad:
                    await records.put(_bad_record(crawl, row))
        finally:
            connection.close()

    async def fetch(self, url: str) -> Page:
        """One page: content, status, headers, response_time, error. Same pace, same rules; kept nowhere.

        Never raises for what a site does: `error` says why there is no good page.
        """
        work, _ = self._opened()
        if self._engine is None:
            self._engine = self._new_engine(work, None, 0)
            self._engine.start()
        return await self._engine.fetch(url)

    def _opened(self) -> tuple[SqliteWork, SqliteCrawls]:
        if self._work is None or self._crawls is None:
            raise RuntimeError("use the Crawler in `async with`")
        return self._work, self._crawls

    def _new_engine(self, work: SqliteWork, deliver: Any, crawl: int) -> Engine:
        settings = self._settings
        self._transport = AiohttpTransport(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_network,
            body_budget=settings.body_budget,
            dns_servers=settings.dns_server,
            tls=self._policy.all_tls(),
        )
        observer = RunObserver(Log(settings.log_level, settings.log_format, crawl=crawl))
        offset = time.time() - asyncio.get_running_loop().time()
        self._engine = Engine(
            work, self._transport, self._policy, observer, offset=offset, first_number=work.epoch << 32,
            deliver=deliver, keeper=self._keeper,
        )  # fmt: skip
        return self._engine

    async def _stop_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine:
            await engine.close()
        transport, self._transport = self._transport, None
        if transport:
            await transport.close()
        keeper, self._keeper = self._keeper, None
        if keeper:
            keeper.close()


async def _empty(records: _Records) -> None:
    """Take what nobody wants any more, so that whoever waits to put it can end."""
    while True:
        await records.get()


def _append(ingest: SqliteIngest, good: Any, bad: Sequence[BadRow]) -> None:
    ingest.append(0, good, bad, None, done=False)
    ingest.load(everything=True)


def _bad_record(crawl: int, row: BadRow) -> Record:
    return Record.of_bad_line(crawl, row.url, row.error, row.line, row.columns, utc_iso(time.time()))


async def _chunks(urls: Urls) -> AsyncIterator[list[Row]]:
    """URLs in runs of up to _APPEND; those of an async iterable as they come."""
    if isinstance(urls, AsyncIterable):
        numbers = count(1)
        async for run in _as_they_come(urls):
            yield [_row(next(numbers), url) for url in run]
    else:
        rows = (_row(line, url) for line, url in enumerate(urls, 1))
        while run_of_rows := list(islice(rows, _APPEND)):
            yield run_of_rows


async def _as_they_come(urls: AsyncIterable[str]) -> AsyncIterator[list[str]]:
    """What an async iterable gave within _PATIENCE, or _APPEND of it."""
    iterator = aiter(urls)
    run: list[str] = []
    coming: asyncio.Future[str] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(iterator))
            await asyncio.wait([coming], timeout=_PATIENCE if run else None)
            if coming.done():
                try:
                    run.append(coming.result())
                except StopAsyncIteration:
                    break
                coming = None
            if run and (coming or len(run) >= _APPEND):
                yield run
                run = []
        if run:
            yield run
    finally:
        if coming:
            coming.cancel()


def _row(line: int, url: object) -> Row:
    if isinstance(url, str):
        return Row(line, url, None, None)
    return Row(line, repr(url), None, f"expected a text, not {type(url).__name__}")
