"""Whole crawls in virtual time: hours of waiting pass at once, on a real SQLite store.

`House` keeps a store and crawls it again and again; `Web` answers; a `Run` is what came of a crawl.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import selectors
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from canter.config import Settings
from canter.engine import Engine
from canter.model import Fault, FaultKind, Record, Request, Response
from canter.policy import Policy
from canter.protocols import Visit
from canter.sites import Field, Site, SiteBook
from canter.stores.sqlite import GoodRow, SqliteCrawls, SqliteHistory, SqliteIngest, SqliteWork
from canter.stores.sqlite.schema import connect
from canter.transports.replay import ReplayTransport, Sent, page
from canter.urls import PageUrl, parse_url

T = TypeVar("T")
Answer = Response | Fault
Reply = Callable[[Request, int], Answer]
Script = Answer | Reply | Sequence[Answer | Reply]
During = Callable[["Stage"], Awaitable[Any]]

UTC = 1_750_000_000.0  # when the first crawl of a house begins, UTC seconds
SPINS = 100_000  # steps of the loop at one moment of virtual time: more is a busy loop
PATIENCE = 120  # real seconds a run may take


class VirtualSelector(selectors.DefaultSelector):
    """Waits for nothing: where a wait is asked for, the clock jumps over it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self._spins = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            self._spins += 1
            if self._spins > SPINS:
                raise AssertionError(f"a busy loop: {SPINS} steps, and it is still {self.now}")
            return events
        if timeout is None:
            raise AssertionError("a lost wake-up: nothing is scheduled and something waits")
        self._spins = 0
        self.now += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while it waits; what would run in a thread runs at once."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        if isinstance(executor, concurrent.futures.Executor):
            executor.submit(int)  # so that it starts and ends as it does in a run
        return done


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time. An endless loop inside one step ends after PATIENCE real seconds."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"over {PATIENCE} real seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(PATIENCE)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(main)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# ---- what answers


def html(request: Request, _: int = 0, *, text: str = "A title", seconds: float = 0.05) -> Response:
    """A page with a title."""
    return page(
        request.url, f"<h1>{text}</h1>".encode(), headers={"Content-Type": "text/html"}, seconds=seconds
    )


def title(text: str, headers: Mapping[str, str] | None = None, seconds: float = 0.05) -> Response:
    """The same, as an answer to be scripted."""
    full = {"Content-Type": "text/html", **(headers or {})}
    return page("", f"<h1>{text}</h1>".encode(), headers=full, seconds=seconds)


def status(code: int, headers: Mapping[str, str] | None = None, seconds: float = 0.05) -> Response:
    """An answer of that status."""
    return page("", b"", code, headers, seconds=seconds)


def leads(to: str, code: int = 301) -> Response:
    """A redirect."""
    return status(code, {"Location": to})


def robots(text: str) -> Response:
    """A robots.txt."""
    return page("", text.encode(), headers={"Content-Type": "text/plain"}, seconds=0.05)


def fault(kind: FaultKind = FaultKind.CONNECT, seconds: float = 1.0) -> Fault:
    """No answer."""
    return Fault(kind, f"a scripted {kind.value}", seconds)


class Web:
    """Answers by URL, else by host (every path of it), else a page with a title; robots.txt is 404."""

    def __init__(self, urls: Mapping[str, Script] | None = None, **hosts: Script) -> None:
        self._urls = urls or {}
        self._hosts = {name.replace("_", "."): script for name, script in hosts.items()}
        self._asked: Counter[str] = Counter()  # a URL's script goes on from crawl to crawl

    def __call__(self, request: Request, _: int = 0) -> Answer:
        url = urlsplit(request.url)
        number = self._asked[request.url]
        self._asked[request.url] += 1
        script = self._urls.get(request.url)
        if script is None:
            script = self._hosts.get(url.netloc)
        if script is None:
            return status(404) if url.path == "/robots.txt" else html(request)
        while isinstance(script, Sequence) and not isinstance(script, Answer):
            script = script[min(number, len(script) - 1)]
        return script(request, number) if callable(script) else script


# ---- what came of it


@dataclass(slots=True)
class Watcher:
    """Implements `protocols.Observer`; keeps what it is told."""

    records: list[Record] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)

    def request(self, host: str, status: int | None, seconds: float, size: int) -> None:
        self.requests[host] += 1

    def record(self, record: Record) -> None:
        self.records.append(record)

    def event(self, name: str, **details: Any) -> None:
        self.events.append((name, details))


@dataclass(slots=True)
class Stage:
    """A crawl while it runs."""

    house: House
    crawl: int
    engine: Engine
    transport: ReplayTransport
    watcher: Watcher
    work: SqliteWork

    @property
    def now(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Run:
    """A crawl that is over; times are virtual seconds since it began."""

    crawl: int
    rows: list[Record]
    live: list[Record]  # as the observer was told
    committed: list[Record]  # as `deliver` was given them
    sent: list[Sent]
    events: list[tuple[str, dict[str, Any]]]
    seconds: float
    most_in_flight: int
    engine: Engine

    @property
    def records(self) -> dict[str, Record]:
        """By URL."""
        return {record.url: record for record in self.rows}

    @property
    def asked(self) -> list[str]:
        """The URLs that were requested, in order."""
        return [sent.request.url for sent in self.sent]

    def pages(self, host: str | None = None) -> list[Sent]:
        """What was requested of a host, without robots.txt."""
        return [sent for sent in self.of(host) if not sent.request.url.endswith("/robots.txt")]

    def of(self, host: str | None) -> list[Sent]:
        """All that was requested of a host."""
        return [sent for sent in self.sent if host is None or urlsplit(sent.request.url).netloc == host]

    def times(self, host: str | None = None) -> list[float]:
        """When each page was requested."""
        return [sent.at for sent in self.pages(host)]


SHOP = Site("shop", hosts=["*"], fields={"title": Field(css="h1")})


def row(url: str, line: int = 0, priority: int = 0, **info: Any) -> GoodRow:
    """A source line. `info`: `columns` and `site`."""
    parsed = parse_url(url)
    assert isinstance(parsed, PageUrl), parsed
    return GoodRow(parsed, priority, line, info or None)


def urls(host: str, number: int, path: str = "p") -> list[str]:
    """So many URLs of a host."""
    return [f"http://{host}/{path}{n}" for n in range(number)]


class House:
    """A store in a folder, and crawls of it, one after the other in virtual time."""

    def __init__(self, folder: Path, *sites: Site, **settings: Any) -> None:
        self.path = folder / "canter.db"
        self.sites = sites or (SHOP,)
        self.settings = Settings(explicit=frozenset(settings), **settings)
        self.policy = Policy(self.settings, SiteBook(self.sites))
        self.utc = UTC
        self._started: dict[int, float] = {}
        SqliteCrawls(self.path, create=True).close()

    @contextmanager
    def crawls(self) -> Iterator[SqliteCrawls]:
        """The crawls of the store."""
        crawls = SqliteCrawls(self.path, create=False)
        try:
            yield crawls
        finally:
            crawls.close()

    def begin(self) -> int:
        """A new crawl."""
        with self.crawls() as crawls:
            crawl = crawls.begin([], ["urls.txt"])
            crawls.declare(crawl, {site.name: site.declared for site in self.sites})
        return crawl

    def load(self, crawl: int, lines: Iterable[str | GoodRow]) -> None:
        """Put URLs into a crawl's frontier."""
        good = [row(line, n) if isinstance(line, str) else line for n, line in enumerate(lines, 1)]
        connection = connect(self.path, create=False)
        ingest = SqliteIngest(connection, self.path, crawl, self.policy.shard_of)
        ingest.append(0, good, [], None, done=False)
        ingest.load(everything=True)
        connection.close()

    def crawl(
        self,
        lines: Iterable[str | GoodRow] = (),
        web: Reply | None = None,
        *,
        during: During | None = None,
        crawl: int | None = None,
        fed: bool = True,
        deliver: Callable[[list[Visit]], Awaitable[None]] | None = None,
    ) -> Run:
        """Crawl the lines until it is over; `during` runs beside it. A `crawl` given goes on."""
        number = self.begin() if crawl is None else crawl
        self.load(number, lines)
        return run(self._run(number, web or Web(), during, fed, deliver))

    def records(self, crawl: int) -> list[Record]:
        """The records of a crawl, as an export shows them."""
        history = SqliteHistory(self.path)
        try:
            return list(history.records(crawl))
        finally:
            history.close()

    async def _run(
        self,
        crawl: int,
        web: Reply,
        during: During | None,
        fed: bool,
        deliver: Callable[[list[Visit]], Awaitable[None]] | None,
    ) -> Run:
        began = asyncio.get_running_loop().time()
        transport, watcher = ReplayTransport(web), Watcher()
        committed: list[Record] = []

        async def take(visits: list[Visit]) -> None:
            committed.extend(visit.record for visit in visits)
            if deliver:
                await deliver(visits)

        work = SqliteWork(self.path, self.policy.shard_of)
        engine = Engine(
            work, transport, self.policy, watcher, offset=self.utc - began, first_number=work.epoch << 32,
            deliver=take, seed=1,
        )  # fmt: skip
        engine.start(crawl, self._started.setdefault(crawl, self.utc))
        beside = None
        try:
            if during:
                beside = asyncio.ensure_future(during(Stage(self, crawl, engine, transport, watcher, work)))
            if fed:
                engine.fed()
            await engine.over()
            if beside:
                await beside
        finally:
            if beside:
                beside.cancel()
            await engine.close()
            await transport.close()
            work.close()
        seconds = asyncio.get_running_loop().time() - began
        self.utc += seconds
        sent = [Sent(s.at - began, s.request, s.number) for s in transport.sent]
        return Run(
            crawl, self.records(crawl), watcher.records, committed, sent, watcher.events, seconds,
            transport.most_in_flight, engine,
        )  # fmt: skip
