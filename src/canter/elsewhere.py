"""Requests to hosts that another process of the crawl has: that one sees them through, at its host's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from canter.endings import STOPPED, answer_of, page_of
from canter.extraction import Page
from canter.hosts import PageJob, RobotsJob
from canter.model import Fault, Limits, Response, Sink
from canter.tasks import Tasks

Relay = Callable[[str, Limits | None, bool], Awaitable[Page]]


class Elsewhere:
    """`relay` has a URL fetched there (within these bounds; whether it is a robots.txt); None: nobody can.

    `failed` is told of an error of our own.
    """

    def __init__(self, relay: Relay | None, failed: Callable[[BaseException], None]) -> None:
        self._relay = relay
        self._tasks = Tasks(failed)

    async def fetch(self, url: str, bounds: Limits | None, sink: Sink | None, *, robots: bool) -> Page:
        """One page; its body is in the sink, too, where there is one."""
        if self._relay is None:
            return page_of(url, None, STOPPED)
        page = await self._relay(url, bounds, robots)
        if sink and page.status is not None:
            sink.begin()
            sink.write(page.content)
        return page

    def see_through(self, job: PageJob) -> None:
        """A single fetch was led to such a host: whoever waits for it gets the page."""
        self._tasks.begin(self._fetch(job))

    def ask_robots(
        self, job: RobotsJob, bounds: Limits, answered: Callable[[Response | Fault], Awaitable[None]]
    ) -> None:
        """A robots.txt leads to such a host; `answered` is given what it says."""
        self._tasks.begin(self._ask_robots(job, bounds, answered))

    async def close(self) -> None:
        """Whatever is under way ends as stopped."""
        await self._tasks.close()

    async def _fetch(self, job: PageJob) -> None:
        try:
            page = await self.fetch(job.url, job.bounds, job.sink, robots=job.exempt)
        except asyncio.CancelledError:
            page = page_of(job.url, None, STOPPED)
        if job.future and not job.future.done():
            job.future.set_result(page)

    async def _ask_robots(
        self, job: RobotsJob, bounds: Limits, answered: Callable[[Response | Fault], Awaitable[None]]
    ) -> None:
        page = await self.fetch(job.url, bounds, None, robots=True)
        await answered(answer_of(page))
