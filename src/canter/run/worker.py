"""The worker process: one engine on one store, told what to do and watched through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from canter.config import Settings
from canter.endings import STOPPED
from canter.engine import Engine
from canter.errors import CanterError
from canter.model import ErrorType
from canter.observe import Log, RunObserver
from canter.policy import Policy
from canter.run.errands import Done, Errand, bounds_of
from canter.run.memory import bounded_memory, collect_seldom, keep_freed_memory
from canter.sites import Site, SiteBook
from canter.stores.sqlite import SqliteWork
from canter.stores.warc import WarcKeeper
from canter.transports.aiohttp import AiohttpTransport

REPORT = 0.5  # seconds between reports to the parent
GRACE = 8.0  # seconds that what is in flight may take to finish
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker needs to know; sent to it when it starts."""

    store: Path
    crawl: int
    started: float  # UTC seconds
    settings: Settings
    sites: tuple[Site, ...]
    import_path: tuple[str, ...]  # for the `parse` functions of the sites


class _PipeStream:
    """Log lines go to the parent, which owns the terminal."""

    def __init__(self, send: Callable[[tuple[str, Any]], None]) -> None:
        self._send = send

    def write(self, text: str) -> None:
        if text.strip():
            self._send(("log", text.rstrip("\n")))

    def flush(self) -> None:
        """Nothing waits."""


class _Worker:
    def __init__(self, pipe: Connection, assignment: Assignment) -> None:
        self._pipe = pipe
        self._assignment = assignment
        self._sending = threading.Lock()
        self._errands: set[asyncio.Task[None]] = set()

    def send(self, message: tuple[str, Any]) -> None:
        """To the parent; where that is gone, so is this process."""
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:
            os._exit(1)

    async def run(self) -> None:
        """Crawl until the store has nothing left, or the parent says so."""
        a = self._assignment
        loop = asyncio.get_running_loop()
        policy = Policy(a.settings, SiteBook(a.sites))
        observer = RunObserver(
            Log(a.settings.log_level, a.settings.log_format, _PipeStream(self.send), crawl=a.crawl)
        )
        transport = AiohttpTransport(
            user_agent=a.settings.user_agent,
            allow_networks=a.settings.allow_network,
            body_budget=a.settings.body_budget,
            dns_servers=a.settings.dns_server,
            tls=policy.all_tls(),
        )
        work = SqliteWork(a.store, policy.shard_of)
        offset = time.time() - loop.time()
        keep = a.settings.keep_pages
        keeper = WarcKeeper(Path(keep), a.crawl, a.started) if keep else None
        engine = Engine(
            work, transport, policy, observer, offset=offset, first_number=work.epoch << 32, keeper=keeper
        )
        engine.start(a.crawl, a.started)
        collect_seldom()
        self._listen(loop, engine, observer)
        reporting = loop.create_task(self._report(engine, observer))
        try:
            await engine.over()
        finally:
            reporting.cancel()
            await engine.close()
            work.close()
            if keeper:
                keeper.close()
            self.send(("stats", {**observer.snapshot(), "in_flight": 0}))

    def _listen(self, loop: asyncio.AbstractEventLoop, engine: Engine, observer: RunObserver) -> None:
        """Take orders in a thread; the parent's death ends this process within moments."""
        orders: dict[str, Callable[[], Any]] = {
            "fed": engine.fed,
            "drain": lambda: loop.create_task(engine.drain(GRACE)),
            "stop": lambda: loop.create_task(engine.drain(0.0)),
        }

        def listen() -> None:
            while True:
                try:
                    order = self._pipe.recv()
                except (EOFError, OSError):
                    os._exit(1)
                act = (
                    partial(self._begin, engine, observer, order)
                    if isinstance(order, Errand)
                    else orders[order]
                )
                with contextlib.suppress(RuntimeError):  # the loop is closed: the end is near anyway
                    loop.call_soon_threadsafe(act)

        threading.Thread(target=listen, name="canter-orders", daemon=True).start()

    def _begin(self, engine: Engine, observer: RunObserver, errand: Errand) -> None:
        task = asyncio.get_running_loop().create_task(self._run_errand(engine, observer, errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _run_errand(self, engine: Engine, observer: RunObserver, errand: Errand) -> None:
        """Fetch a sitemap for the parent; one that a stop cuts short is not answered."""
        page = await engine.fetch(errand.url, bounds_of(self._assignment.settings.limits), patient=True)
        if page.error == STOPPED.message:
            return
        observer.event("sitemap", url=page.url, status=page.status, size=len(page.content), reason=page.error)
        done = Done(errand.number, page.url, page.error, page.error_type is ErrorType.TRANSIENT)
        if not done.error:
            try:
                await asyncio.to_thread(Path(errand.path).write_bytes, page.content)
            except OSError as error:
                done = done._replace(error=f"it cannot be written to {errand.path}: {error.strerror}")
        self.send(("fetched", done))

    async def _report(self, engine: Engine, observer: RunObserver) -> None:
        while True:
            self.send(("stats", {**observer.snapshot(), "in_flight": engine.in_flight}))
            if news := observer.news(engine.paces):
                self.send(("news", news))
            await asyncio.sleep(REPORT)


def main(pipe: Connection, assignment: Assignment) -> None:
    """The worker's whole life. Its last message is `("end", None)` or `("error", line)`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent takes them and says what to do
    _die_with_parent()
    _raise_file_limit()
    keep_freed_memory()
    sys.path[:0] = [path for path in assignment.import_path if path not in sys.path]
    worker = _Worker(pipe, assignment)
    try:
        with bounded_memory(), asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(worker.run())
    except CanterError as error:
        worker.send(("error", str(error)))
    except Exception as error:
        worker.send(("error", f"the worker failed: {type(error).__name__}: {error}; this is a bug"))
        raise
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        worker.send(("end", {"peak_rss_mb": peak}))


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


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
