"""What becomes of a page that was answered: it is asked for again, or it ends and is written."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from canter.asking import meaning_of
from canter.cookies import SiteCookies
from canter.elsewhere import Elsewhere
from canter.endings import Ended, Endings, answer_fetch
from canter.frontier import Frontier
from canter.hosts import Host, PageJob
from canter.model import Fault, Response, Task, Verdict
from canter.policy import Policy
from canter.protocols import Observer, Visit, Work
from canter.rules.redirects import Redirect
from canter.rules.schedule import Backoff, Done, RetryLater, next_step
from canter.sites import AUTO
from canter.unread import Unread
from canter.writer import Writer


class Outcomes:
    """One for an engine. Pages that have something to read wait for the loop's next turn: `Unread`.

    `offset` + loop time = UTC seconds; `reading`: as for `Engine`; `failed` is told of an error that ends
    the crawl.
    """

    def __init__(
        self,
        work: Work,
        policy: Policy,
        observer: Observer,
        frontier: Frontier,
        elsewhere: Elsewhere,
        writer: Writer,
        *,
        offset: float,
        reading: Callable[[Task | None], None],
        failed: Callable[[BaseException], None],
        seed: int | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._policy = policy
        self._observer = observer
        self._frontier = frontier
        self._elsewhere = elsewhere
        self._writer = writer
        self._offset = offset
        self._failed = failed
        self._random = random.Random(seed)
        self._backoff = Backoff()
        self._endings = Endings(work, policy)
        self._unread = Unread(self._endings, reading, self._take, self._loop.time)
        self.cookies = SiteCookies()

    def answered(
        self,
        host: Host,
        job: PageJob,
        answer: Response | Fault,
        verdict: Verdict,
        number: int,
        now: float,
    ) -> None:
        """Request `number` for the page was answered; `verdict`: what that means as any answer."""
        task = job.task
        if not task.attempt and not task.waits and not task.hops:
            host.paced.budget.on_first_attempt()
        self.cookies.take(job.site, job.url, answer, now + self._offset)
        meaning = meaning_of(answer, verdict, job, self._policy)
        if isinstance(meaning, Redirect):
            self._frontier.succeeded(host)
            self._redirect(host, job, meaning, now)
            return
        verdict = meaning
        if verdict.healthy:
            self._frontier.succeeded(host)
        else:
            self._frontier.failed(host, verdict, now)
        step = next_step(verdict, task.attempt, task.waits, self._policy.attempts(job.site))
        task.attempt, task.waits = step.attempt, step.waits
        if isinstance(step, Done) or (isinstance(step, RetryLater) and job.future):
            self.end(job, verdict, answer, number, now)
        elif isinstance(step, RetryLater):
            self._retry(host, task, verdict, now)
        else:
            self._frontier.again(host, job, now)

    def end(
        self, job: PageJob, verdict: Verdict, answer: Response | Fault | None, number: int, now: float
    ) -> None:
        """The page is asked for no more: by `answer` (None: it was not asked for) to request `number`."""
        if job.future:
            answer_fetch(job, answer, verdict)
            return
        ended = Ended(job, verdict, answer, number, now + self._offset)
        if not ended.unread:
            self._take(job, self._endings.visit(ended, None))
            return
        if not self._unread:
            self._loop.call_soon(self._read_on)
        self._unread.add(ended)
        while self._unread.full:
            self._read_some()

    def read(self) -> None:
        """Read all that waits to be read, now."""
        while self._unread:
            self._read_some()

    def _read_on(self) -> None:
        self._read_some()
        if self._unread:
            self._loop.call_soon(self._read_on)

    def _read_some(self) -> None:
        try:
            self._unread.read()
        except Exception as error:
            self._failed(error)

    def _take(self, job: PageJob, visit: Visit) -> None:
        site = job.site
        if site and (site.parse or site is AUTO):
            declared = self._writer.batch.declared.setdefault(site.name, {})
            declared.update({name: site.declared.get(name, "") for name in visit.record.fields})
        self._writer.end(visit)
        self._observer.record(visit.record)

    def _retry(self, host: Host, task: Task, verdict: Verdict, now: float) -> None:
        delay = self._backoff.delay(task.attempt, self._random.random()) + host.paced.budget.reserve(now)
        self._observer.event("retry", host=host.name, url=task.target, seconds=delay, reason=verdict.message)
        self._writer.batch.retries.append((task, now + self._offset + delay))
        self._writer.added()

    def _redirect(self, host: Host, job: PageJob, led: Redirect, now: float) -> None:
        job.task.hops.append(led.url.href)
        if led.url.host == host.name:
            self._frontier.again(host, job, now)
        elif job.future and (target := self._frontier.adopt(led.url.host, now)):
            self._frontier.again(target, job, now)
        elif job.future:
            self._elsewhere.see_through(job)
        else:
            self._writer.batch.moves.append((job.task, led.url.host))
            self._writer.added()
