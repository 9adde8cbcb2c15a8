"""The one loop: a host's turn -> transport -> verdict -> the pace is told -> extraction -> the writer.

A few fetchers (coroutines, as many as requests may be in flight) each take the next turn from the
frontier and see it through. Retries, redirects and robots.txt go back through the frontier; no
fetcher ever waits for a host.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterable

from canter.asking import request_of, sample_of
from canter.elsewhere import Elsewhere, Relay
from canter.endings import STOPPED, answer_fetch, page_of
from canter.extraction import Page
from canter.fetchers import Fetchers
from canter.frontier import Frontier
from canter.hosts import Host, Job, Notes, Paces, PageJob, RobotsJob, Turn
from canter.lag import LoopLag
from canter.learned import Pause
from canter.model import ErrorType, Fault, Limits, Request, Response, Sink, Task, Verdict
from canter.outcomes import Outcomes
from canter.permission import Permission
from canter.policy import Policy
from canter.protocols import Batch, Keeper, Observer, PaceFacts, Transport, Visit, Work
from canter.rules.classify import classify
from canter.urls import BadUrl, parse_url
from canter.writer import Writer

Deliver = Callable[[list[Visit]], Awaitable[None]]

LET_GO = 0.05  # seconds between looks at whether hosts that leave are gone


class Engine:
    """Runs one crawl (or, with `crawl` 0, single fetches only). Start it inside a running event loop.

    `offset` + loop time = UTC seconds; `first_number`: where request numbers begin, so that they stay
    unique over the processes of a crawl; `keeper` keeps pages; `deliver` is given what is committed.

    Engines of several crawls in one process share a transport, which outlives them, and `paces`. `reading`
    is told of each page before it is read, and of None when that is over, should it end the process.
    `relay` has a URL fetched by the process that has its host, where that is another (within these bounds;
    whether it is a robots.txt). Of the engines of one crawl one `keeps_time`: its seconds are the crawl's.
    """

    def __init__(
        self,
        work: Work,
        transport: Transport,
        policy: Policy,
        observer: Observer,
        *,
        offset: float,
        first_number: int = 0,
        deliver: Deliver | None = None,
        keeper: Keeper | None = None,
        paces: Paces | None = None,
        reading: Callable[[Task | None], None] = lambda _: None,
        relay: Relay | None = None,
        keeps_time: bool = True,
        seed: int | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._policy = policy
        self._observer = observer
        self._offset = offset
        self.number = first_number  # of the last request
        self._deliver = deliver
        self._elsewhere = Elsewhere(relay, self._fail)
        self._fetchers = Fetchers(
            policy.settings.max_concurrent, self._fetch_on, self._ready_at, self._is_held, self._fail
        )
        paces = Paces(work, policy, observer, offset) if paces is None else paces
        self._frontier = Frontier(
            work, policy, observer, paces, offset=offset, stirred=self._fetchers.arm, left=transport.leave
        )
        self._permission = Permission(self._frontier, policy, observer, offset, self._ask_elsewhere)
        self._closed = asyncio.Event()
        self._quiet = asyncio.Event()  # nothing is in flight
        self._quiet.set()
        self._draining, self._fed = False, True
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._writer = Writer(work, 0, self._take_notes, self._committed, keeper, keeps_time=keeps_time)
        self._writing: asyncio.Task[None] | None = None
        self._outcomes = Outcomes(
            work, policy, observer, self._frontier, self._elsewhere, self._writer,
            offset=offset, reading=reading, failed=self._fail, seed=seed,
        )  # fmt: skip
        self.in_flight = 0
        self._lag = LoopLag(self._loop, lambda: self.in_flight > 0, self._wake)

    # ---- life

    def start(
        self, crawl: int = 0, started_utc: float = -math.inf, deadly: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Begin to serve `crawl` (0: single fetches only). More may be loaded until `fed`.

        `deadly`: pages, as (home, key), that ended a process which read them and are not fetched again.
        """
        self._frontier.backlog.deadly.update(deadly)
        self._writer.crawl, self._writer.batch = crawl, Batch(crawl)
        self._fed = not crawl
        self._writing = self._loop.create_task(self._writer.run())
        self._writing.add_done_callback(self._writer_ended)
        self._frontier.begin(crawl or None, started_utc, self._loop.time())
        self._fetchers.spawn()

    def give_up(self, home: int, key: int) -> None:
        """Do not fetch a page again: it ended a process that read it."""
        self._frontier.backlog.deadly.add((home, key))

    def allow(self, most: int) -> None:
        """Have at most so many requests in flight from now on; what is beyond finishes."""
        self._fetchers.allow(most)
        self._wake()

    def look_again(self) -> None:
        """The worker has claimed more shards: there may be more hosts."""
        self._frontier.widen_now()
        self._fetchers.arm()

    def fed(self) -> None:
        """Nothing more will be loaded: the crawl is over when what is in the store is done."""
        self._fed = True
        self._wake()

    async def over(self) -> None:
        """Wait until every task of the crawl is done, or the engine drained. Raises StoreError."""
        await asyncio.shield(self._over)

    async def drain(self, grace: float) -> None:
        """Start nothing more; let what is in flight finish for `grace` seconds, drop the rest."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), grace)
        if not self._over.done():
            self._over.set_result(None)

    async def close(self) -> None:
        """Drop what is in flight, commit what ended, remember what was learned."""
        self._draining = True
        self._lag.stop()
        await self._fetchers.close()
        await self._elsewhere.close()
        self._outcomes.read()
        for job in list(self._frontier.awaited()):
            answer_fetch(job, None, STOPPED)
        self._frontier.remember_all(self._loop.time())
        if self._writing:
            self._writer.close()
            await asyncio.wait([self._writing])
        if not self._over.done():
            self._over.set_result(None)
        self._closed.set()

    async def leave(self, shards: frozenset[int]) -> None:
        """Let go of the hosts of these shards; when this returns, all that was known of them is committed.

        What is in flight ends before; tasks go back to the store, for whoever claims the shards next.
        """
        self._frontier.leave(shards, self._loop.time())
        while self._frontier.holds(shards) and not self._over.done():
            await self._flushed()
            await asyncio.sleep(LET_GO)
        if self._over.done():
            await self._closed.wait()
        else:
            await self._flushed()

    async def _flushed(self) -> None:
        """All that was answered is read and committed."""
        self._outcomes.read()
        await self._writer.flushed()

    async def fetch(
        self,
        url: str,
        bounds: Limits | None = None,
        *,
        sink: Sink | None = None,
        patient: bool = False,
        exempt: bool = False,
    ) -> Page:
        """One page by its host's pace and rules; `PageJob` tells the rest. Never raises for a page."""
        parsed = parse_url(url)
        if isinstance(parsed, BadUrl):
            return Page(url, error=parsed.reason, error_type=ErrorType.MALFORMED)
        if self._draining:
            return page_of(url, None, STOPPED)
        now = self._loop.time()
        host = self._frontier.adopt(parsed.host, now)
        if host is None:
            return await self._elsewhere.fetch(parsed.href, bounds, sink, robots=exempt)
        task = Task(0, host.row.id, 0, parsed.key, parsed.href, host.row.id)
        future: asyncio.Future[Page] = self._loop.create_future()
        job = PageJob(task, self._policy.site(task), future, bounds, sink, patient, exempt)
        self._frontier.again(host, job, now)
        self._wake()
        return await future

    def paces(self, names: Iterable[str]) -> dict[str, PaceFacts]:
        """How hosts are asked at the moment, those of them that are in the window."""
        return self._frontier.paces(names, self._loop.time())

    @property
    def hosts(self) -> int:
        """How many are in the window."""
        return len(self._frontier.active)

    # ---- fetchers

    def _writer_ended(self, writing: asyncio.Task[None]) -> None:
        if not writing.cancelled() and (error := writing.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._draining = True
        if not self._over.done():
            self._over.set_exception(error)

    async def _fetch_on(self) -> None:
        while not self._fetchers.too_many:
            turn = self._next_turn()
            if turn is None:
                await self._rest()
                continue
            self._fetchers.arm()
            if turn.verdict is not None:
                self._end_unasked(turn, turn.verdict)
                await asyncio.sleep(0)
            else:
                await self._see_through(turn)
            await self._writer.room()
        self._fetchers.leave()
        self._fetchers.arm()

    def _next_turn(self) -> Turn | None:
        if self._is_held():
            return None
        now = self._loop.time()
        turn = self._frontier.next(now)
        while turn is None and self._frontier.widen(now):
            turn = self._frontier.next(now)
        return turn

    async def _rest(self) -> None:
        """Wait until a host may be ready."""
        self._check_over()
        self._fetchers.arm()
        waits_for_commit = self._writer.batch or self._frontier.notes
        if waits_for_commit and not self.in_flight and self._frontier.ready_at() == math.inf:
            self._writer.hurry()
        await self._fetchers.rest()

    def _ready_at(self) -> float:
        """When a fetcher may find a turn, or the store may have more hosts."""
        return min(self._frontier.ready_at(), self._frontier.widen_at())

    def _is_held(self) -> bool:
        """Whether nothing may start now."""
        return self._draining or self._lag.lagging

    def _wake(self) -> None:
        """Have one more fetcher look for a turn."""
        self._fetchers.wake(start=not self._draining)

    def _check_over(self) -> None:
        if self._over.done() or not self._fed or self.in_flight or not self._writer.crawl:
            return
        if self._writer.idle and not self._frontier.notes and self._frontier.exhausted():
            self._over.set_result(None)

    # ---- one turn

    async def _see_through(self, turn: Turn) -> None:
        host, job = turn.host, turn.job
        self.number += 1
        number, sent_at = self.number, self._loop.time()
        self.in_flight += 1
        self._lag.watch()
        self._quiet.clear()
        try:
            answer = await self._transport.send(self._request(host, job, sent_at))
        except BaseException:
            self._dropped(host, job)
            raise
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._quiet.set()
        now = self._loop.time()
        verdict = classify(answer, now_utc=now + self._offset)
        sample = sample_of(answer, verdict, sent_at, now + self._offset, timed=not self._lag.since(sent_at))
        paused = host.paced.on_response(now, sample) if sample else host.pace.on_drop(now)
        self._observe(host, answer, paused)
        if isinstance(job, RobotsJob):
            await self._permission.answered(host, job, answer, verdict, now)
            now = self._loop.time()
        else:
            self._outcomes.answered(host, job, answer, verdict, number, now)
        self._frontier.ended(host, now)

    def _request(self, host: Host, job: Job, now: float) -> Request:
        cookie = ""
        if isinstance(job, PageJob):
            cookie = self._outcomes.cookies.header(job.site, job.url, now + self._offset)
        return request_of(job, host.name, self._policy, cookie)

    def _dropped(self, host: Host, job: Job) -> None:
        """A request was cancelled: its permit ends, whoever asked for it is told."""
        now = self._loop.time()
        host.pace.on_drop(now)
        self._frontier.ended(host, now)
        if isinstance(job, RobotsJob):
            job.owner.robots.dropped(job.scheme, now)
        else:
            answer_fetch(job, None, STOPPED)

    def _observe(self, host: Host, answer: Response | Fault, paused: Pause | None) -> None:
        size = len(answer.body) if isinstance(answer, Response) else 0
        self._writer.count(requests=1, bytes=size, rejected=answer.status in (429, 503))
        self._observer.request(host.name, answer.status, answer.elapsed, size)
        if paused:
            self._observer.event(
                "host_paused", host=host.name, seconds=paused.until - paused.at, reason=paused.reason
            )

    def _end_unasked(self, turn: Turn, verdict: Verdict) -> None:
        """End a job without a request: forbidden by robots.txt, no site, its host given up."""
        now = self._loop.time()
        job = turn.job
        if isinstance(job, RobotsJob):
            self._permission.failed(job, verdict, now)
        else:
            self._outcomes.end(job, verdict, None, 0, now)
        self._frontier.ended(turn.host, now)

    def _ask_elsewhere(self, job: RobotsJob) -> None:
        """A robots.txt leads to a host of another process."""

        async def answered(answer: Response | Fault) -> None:
            now = self._loop.time()
            verdict = classify(answer, now_utc=now + self._offset)
            await self._permission.answered(job.owner, job, answer, verdict, now)
            self._fetchers.arm()

        bounds = request_of(job, job.owner.name, self._policy).limits
        self._elsewhere.ask_robots(job, bounds, answered)

    # ---- the writer's side

    def _take_notes(self) -> Notes:
        self._frontier.remember(self._loop.time())
        notes, self._frontier.notes = self._frontier.notes, Notes()
        return notes

    async def _committed(self, batch: Batch) -> None:
        now = self._loop.time()
        tasks = [visit.task for visit in batch.visits]
        tasks += [task for task, _ in batch.retries] + [task for task, _ in batch.moves]
        self._frontier.settled(tasks, now)
        self._frontier.noted(batch.hosts, now)
        self._frontier.arrived({name for _, name in batch.moves}, now)
        self._wake()
        if self._deliver and batch.visits:
            await self._deliver(batch.visits)
        self._loop.call_soon(self._wake)  # the writer is idle by then: all may be over
