"""A worker process: an engine for each crawl on one store, told what to do and watched through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from mmap import mmap
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from multidict import CIMultiDict

from canter.config import Settings
from canter.engine import Engine
from canter.errors import CanterError
from canter.extraction import Page
from canter.frontier import MAX_ACTIVE
from canter.hosts import Paces
from canter.model import Limits, Task
from canter.observe import Log, RunObserver
from canter.policy import Policy
from canter.run.cpus import ran_or_waited
from canter.run.download import download
from canter.run.errands import Errand
from canter.run.files import most_in_flight, most_kept, raise_file_limit
from canter.run.memory import bounded_memory, collect_seldom, keep_freed_memory, rss_mb
from canter.run.messages import (
    NOTHING,
    SLOT,
    Answer,
    Ask,
    Assignment,
    Claim,
    Deadly,
    Drain,
    End,
    Ended,
    Failed,
    Fed,
    Fetch,
    Fetched,
    Heard,
    Leave,
    Left,
    LogLine,
    Message,
    Order,
    Over,
    Report,
    Seats,
    Serve,
    Slot,
    slot_of,
)
from canter.sites import SiteBook
from canter.stores.sqlite import SqliteWork
from canter.stores.warc import WarcKeeper
from canter.tracing import traces
from canter.transports.aiohttp import AiohttpTransport

REPORT = 0.5  # seconds between reports to the parent
LOOK = 0.1  # seconds between looks at how late the loop is
_PR_SET_PDEATHSIG = 1


class _PipeStream:
    """Log lines go to the parent, which owns the terminal."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def write(self, text: str) -> None:
        if text.strip():
            self._send(LogLine(text.rstrip("\n")))

    def flush(self) -> None:
        """Nothing waits."""


@dataclass(slots=True)
class _Crawl:
    """This worker's part in a crawl."""

    id: int
    engine: Engine
    observer: RunObserver
    keeper: WarcKeeper | None
    transport: AiohttpTransport | None  # its own, where its terms ask for one


class _Worker:
    def __init__(self, pipe: Connection, assignment: Assignment, slot: Slot) -> None:
        self._pipe = pipe
        self._assignment = assignment
        self._slot = slot
        self._sending = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._crawls: dict[int, _Crawl] = {}
        self._numbers: dict[int, int] = {}  # of the last request of a crawl that was served before
        self._seats = 1  # until the parent says how many
        self._lag = 0.0
        self._ran = time.monotonic(), ran_or_waited()
        self._asked: dict[int, asyncio.Future[Page]] = {}  # of other workers
        self._asks = count(1)

    def send(self, message: Message) -> None:
        """To the parent; where that is gone, so is this process."""
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:
            os._exit(1)

    async def run(self) -> None:
        """Serve crawls until the parent says that it is over."""
        settings = self._assignment.settings
        loop = asyncio.get_running_loop()
        self._offset = time.time() - loop.time()
        self._policy = Policy(settings, SiteBook(self._assignment.sites))
        self._traces = traces()
        self._transport = self._new_transport(settings)
        self._work = SqliteWork(self._assignment.store, self._policy.shard_of, shards=())
        self._paces = Paces(self._work, self._policy, RunObserver(self._log()), self._offset)
        self._ending: asyncio.Future[None] = loop.create_future()
        listener = threading.Thread(target=self._listen, args=(loop,), name="canter-orders", daemon=True)
        listener.start()
        collect_seldom()
        reporting = loop.create_task(self._report())
        try:
            await self._ending
        finally:
            reporting.cancel()
            for crawl in self._crawls.values():
                await crawl.engine.close()
            await self._transport.close()
            self._work.close()
            if self._traces:
                self._traces.close()

    def _new_transport(self, settings: Settings) -> AiohttpTransport:
        return AiohttpTransport(
            user_agent=settings.user_agent,
            allow_networks=settings.allow_network,
            body_budget=settings.body_budget,
            max_connections=most_kept(most_in_flight(settings.max_concurrent)),
            dns_servers=settings.dns_server,
            tls=self._policy.all_tls(),
        )

    def _log(self, **bound: Any) -> Log:
        settings = self._assignment.settings
        return Log(settings.log_level, settings.log_format, _PipeStream(self.send), **bound)

    # ---- orders

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take orders, in a thread; the parent's death ends this process within moments."""
        while True:
            try:
                order = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(1)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the end is near anyway
                loop.call_soon_threadsafe(self._take, order)

    def _take(self, order: Order) -> None:
        try:
            self._obey(order)
        except Exception as error:
            if not self._ending.done():
                self._ending.set_exception(error)

    def _obey(self, order: Order) -> None:
        match order:
            case Claim(shards):
                self._work.claim(shards)
                for crawl in self._crawls.values():
                    crawl.engine.look_again()
            case Leave(shards):
                self._spawn(self._leave(shards))
            case Seats(number):
                self._seats = most_in_flight(number)
                self._share_seats()
            case Serve():
                self._serve(order)
            case Answer(_, number, page) if number in self._asked:
                self._asked.pop(number).set_result(page)
            case End() if not self._ending.done():
                self._ending.set_result(None)
            case Fed() | Drain() | Fetch() | Ask() | Deadly():
                self._go_on(order)

    def _go_on(self, order: Fed | Drain | Fetch | Ask | Deadly) -> None:
        """An order about a crawl; it may come when this part in it is over already."""
        crawl = self._crawls.get(order.page.crawl if isinstance(order, Deadly) else order.crawl)
        if crawl is None:
            return
        match order:
            case Fed():
                crawl.engine.fed()
            case Drain(_, grace):
                self._spawn(crawl.engine.drain(grace))
            case Fetch(_, errand):
                self._spawn(self._fetch(crawl, errand))
            case Ask():
                self._spawn(self._answer(crawl, order))
            case Deadly(page):
                crawl.engine.give_up(page.home, page.key)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._ending.done():
            self._ending.set_exception(error)

    def _share_seats(self) -> None:
        """As many requests in flight for each crawl as for the next."""
        for crawl in self._crawls.values():
            crawl.engine.allow(max(1, self._seats // len(self._crawls)))

    # ---- a crawl

    def _serve(self, order: Serve) -> None:
        bound = dict(order.bound)
        traceparent = bound.get("traceparent")
        traced = partial(self._traces.request, traceparent) if self._traces and traceparent else None
        observer = RunObserver(self._log(crawl=order.crawl, **bound), traced)
        policy = self._policy.of(order.terms) if order.terms else self._policy
        own = policy.settings.allow_network != self._policy.settings.allow_network
        transport = self._new_transport(policy.settings) if own else self._transport
        keep = self._assignment.settings.keep_pages
        keeper = WarcKeeper(Path(keep), order.crawl, order.started) if keep else None
        engine = Engine(
            self._work, transport, policy, observer, offset=self._offset,
            first_number=self._numbers.get(order.crawl, self._work.epoch << 32), keeper=keeper,
            paces=self._paces, reading=self._reading, relay=partial(self._relay, order.crawl),
            keeps_time=order.keeps_time,
        )  # fmt: skip
        crawl = _Crawl(order.crawl, engine, observer, keeper, transport if own else None)
        self._crawls[order.crawl] = crawl
        engine.start(order.crawl, order.started, ((page.home, page.key) for page in order.deadly))
        self._share_seats()
        self._spawn(self._see_through(crawl))

    async def _see_through(self, crawl: _Crawl) -> None:
        """Until nothing is left of a crawl, it is drained, or fails."""
        error = None
        try:
            await crawl.engine.over()
        except CanterError as failure:
            error = str(failure)
        except Exception as failure:
            error = f"the worker failed: {type(failure).__name__}: {failure}; this is a bug"
            traceback.print_exc()
        await crawl.engine.close()
        if crawl.transport:
            await crawl.transport.close()
        if crawl.keeper:
            crawl.keeper.close()
        del self._crawls[crawl.id]
        self._numbers[crawl.id] = crawl.engine.number
        self._share_seats()
        self._send_news(crawl)
        self.send(Over(crawl.id, error, crawl.observer.snapshot()))

    def _reading(self, task: Task | None) -> None:
        """Name the page that is being read where the parent finds it, should it end this process."""
        self._slot[0] = NOTHING
        if task is not None:
            self._slot[1], self._slot[2], self._slot[0] = task.home, task.key, task.crawl

    async def _fetch(self, crawl: _Crawl, errand: Errand) -> None:
        """Fetch a sitemap for the parent; one that a stop cuts short is not answered."""
        done = await download(errand, crawl.engine, self._assignment.settings.limits, crawl.observer)
        if done:
            self.send(Fetched(crawl.id, done))

    # ---- other workers

    async def _leave(self, shards: frozenset[int]) -> None:
        """Let go of shards in every crawl; another worker will claim them."""
        self._work.leave(shards)
        crawls = list(self._crawls.values())
        await asyncio.gather(*(crawl.engine.leave(shards) for crawl in crawls))
        await asyncio.to_thread(self._work.release, shards)
        self._paces.forget(lambda key: self._policy.shard_of(key) in shards)
        self.send(Left(shards))

    async def _relay(self, crawl: int, url: str, bounds: Limits | None, robots: bool) -> Page:
        """Have a page fetched by the worker that has its host."""
        number = next(self._asks)
        asked: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self.send(Ask(crawl, -1, number, url, bounds, robots))
        return await asked

    async def _answer(self, crawl: _Crawl, ask: Ask) -> None:
        page = await crawl.engine.fetch(ask.url, ask.bounds, patient=not ask.robots, exempt=ask.robots)
        if not page.stopped:
            sent = replace(page, headers=CIMultiDict(page.headers.items()))
            self.send(Answer(ask.asker, ask.number, sent))

    # ---- reports

    async def _report(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._send_report()
            until = loop.time() + REPORT
            while (asleep := loop.time()) < until:
                await asyncio.sleep(LOOK)
                self._lag = max(self._lag, loop.time() - asleep - LOOK)

    def _send_report(self) -> None:
        now, most = rss_mb()
        crawls = self._crawls.values()
        self.send(
            Report(
                seats=self._seats, in_flight=sum(crawl.engine.in_flight for crawl in crawls),
                hosts=sum(crawl.engine.hosts for crawl in crawls),
                crowded=any(crawl.engine.hosts >= MAX_ACTIVE for crawl in crawls),
                lag=self._lag, cpu=time.process_time(), busy=self._busy(), rss_mb=now, peak_rss_mb=most,
                counts={crawl.id: crawl.observer.snapshot() for crawl in crawls},
            )
        )  # fmt: skip
        self._lag = 0.0
        for crawl in crawls:
            self._send_news(crawl)

    def _busy(self) -> float:
        (before, ran_before), self._ran = self._ran, (time.monotonic(), ran_or_waited())
        return (self._ran[1] - ran_before) / max(self._ran[0] - before, 1e-3)

    def _send_news(self, crawl: _Crawl) -> None:
        if news := crawl.observer.news(crawl.engine.paces):
            self.send(Heard(crawl.id, news))


def main(pipe: Connection, slot: int) -> None:
    """The worker's whole life. Its last message is `Ended` or `Failed`.

    `slot`: the file descriptor of the memory that it shares with its parent.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent takes them and says what to do
    _die_with_parent()
    raise_file_limit()
    keep_freed_memory()
    assignment: Assignment = pipe.recv()
    worker = _Worker(pipe, assignment, slot_of(mmap(slot, SLOT)))
    try:
        with bounded_memory(), asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(worker.run())
    except CanterError as error:
        worker.send(Failed(str(error)))
    except Exception as error:
        worker.send(Failed(f"the worker failed: {type(error).__name__}: {error}; this is a bug"))
        raise
    else:
        worker.send(Ended(rss_mb()[1]))


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # a Python for which it is not made
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _die_with_parent() -> None:
    """On Linux the kernel ends this process with its parent, even in the middle of a long parse."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
