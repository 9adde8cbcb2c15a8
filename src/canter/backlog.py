"""What waits at a host of the window: tasks read from the store, some of them set aside for a robots.txt."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from canter.hosts import START, Host, Job, PageJob
from canter.model import ErrorType, Outcome, Task, Verdict
from canter.policy import Policy, unclaimed
from canter.protocols import Work

REFILL = 64  # tasks of a host read from the store at a time, at most
LOOK_AHEAD = 16  # such reads at once, past tasks whose robots.txt cannot be had
MAX_JOBS = 20_000  # tasks held in memory, of all hosts together
LINGER = 20.0  # seconds that a host of single fetches stays in the window
DEADLY = Verdict(
    Outcome.FAILED, ErrorType.MALFORMED, "the page twice ended the process that read it; it is not read again"
)


class Backlog:
    """Fills and empties the queues of hosts; one for a frontier. Engine time + `offset` = UTC seconds.

    `crawl`: whose tasks are read (None: of none); `deadly`: pages, as (home, key), that are not read again.
    """

    def __init__(self, work: Work, policy: Policy, offset: float) -> None:
        self._work = work
        self._policy = policy
        self._offset = offset
        self.crawl: int | None = None
        self.deadly: set[tuple[int, int]] = set()

    def obeys(self, job: PageJob) -> bool:
        """Whether robots.txt holds for the job's next request."""
        return not job.exempt and self._policy.obeys_robots(job.task, job.site)

    def refill(self, host: Host, now: float, active: int) -> None:
        """Read the host's next tasks that are due; sets when to read again where there are none.

        `active`: hosts in the window, which share what may be held in memory.
        """
        if self.crawl is None:
            stays_until = host.served + LINGER
            host.read_at = stays_until if stays_until > now else math.inf
            return
        limit = max(4, min(REFILL, MAX_JOBS // active))
        host.read_at = self._read(self.crawl, host, now, limit)
        if host.aside:
            self._look_ahead(self.crawl, host, now, limit)
        elif not host.jobs and host.cursor != START:
            host.cursor = START  # tasks may have come in before the cursor since
            host.read_at = self._read(self.crawl, host, now, limit + len(host.taken))

    def _look_ahead(self, crawl: int, host: Host, now: float, limit: int) -> None:
        """Pass over tasks whose robots.txt cannot be had, so far; the rest when that is tried again."""
        for _ in range(LOOK_AHEAD):
            if host.jobs or host.read_at > now:
                break
            host.read_at = self._read(crawl, host, now, limit)
        if host.read_at == math.inf:
            host.cursor = START
        elif not host.jobs and host.read_at <= now:
            host.read_at = math.inf

    def _read(self, crawl: int, host: Host, now: float, limit: int) -> float:
        """Take in tasks beyond the cursor. When to read on: `now`, or `math.inf` at the end of them."""
        tasks = self._work.tasks(crawl, host.row.id, host.cursor, limit)
        for task in tasks:
            if task.due > now + self._offset and not host.down:
                return now if host.jobs else task.due - self._offset
            host.cursor = (task.due, task.key)
            identity = (task.key, task.home)
            if identity not in host.taken:
                self._take(host, self._job(task), identity)
        return now if host.jobs or (host.aside and len(tasks) == limit) else math.inf

    def _job(self, task: Task) -> PageJob:
        site = self._policy.site(task)
        if (task.home, task.key) in self.deadly:
            return PageJob(task, site, unasked=DEADLY)
        return PageJob(task, site, unasked=None if site else unclaimed(task))

    def _take(self, host: Host, job: PageJob, identity: tuple[int, int]) -> None:
        if not self._must_wait(host, job):
            host.jobs.append(job)
        elif len(host.aside) < REFILL:
            host.aside.append(job)
        else:
            return  # read again once its robots.txt is there
        host.taken.add(identity)

    # ---- while a robots.txt cannot be had

    def set_aside(self, host: Host, now: float) -> None:
        """Pages whose robots.txt cannot be had, as of one of two schemes, leave the others' way."""
        waiting = [job for job in host.jobs if isinstance(job, PageJob) and self._must_wait(host, job)]
        host.jobs = deque(job for job in host.jobs if job not in waiting)
        host.aside += waiting
        host.read_at = min(host.read_at, now)  # there may be others further on

    def take_back(self, host: Host, now: float) -> None:
        """A robots.txt is known now, or given up: pages that waited for it go on."""
        if not host.aside:
            return
        waiting = [] if host.down else [job for job in host.aside if host.robots.missing(job.url)]
        host.jobs.extend(job for job in host.aside if job not in waiting)
        host.aside = waiting
        host.cursor, host.read_at = START, now

    def take_fetches(self, host: Host, scheme: str) -> list[PageJob]:
        """Single fetches that wait for the robots.txt of a scheme leave its queue, but patient ones."""
        waiting = [
            job
            for job in host.jobs
            if isinstance(job, PageJob) and job.future and not job.patient
            if job.url.startswith(f"{scheme}:")
            if self.obeys(job)
        ]
        host.jobs = deque(job for job in host.jobs if job not in waiting)
        return waiting

    def _must_wait(self, host: Host, job: PageJob) -> bool:
        if host.down or job.future or job.unasked or not host.robots.missing(job.url):
            return False
        return self.obeys(job)


def give_back(host: Host, jobs: Iterable[Job]) -> list[tuple[Task, float]]:
    """Tasks that were read and not done, for the store to read again: those whose counts changed, due as
    they were."""
    changed = []
    for job in jobs:
        if isinstance(job, PageJob):
            host.taken.discard((job.task.key, job.task.home))
            if job.task.waits or job.task.hops:
                changed.append((job.task, job.task.due))
    return changed


def is_task(job: Job) -> bool:
    """Whether it is a task of the crawl: nobody in this process waits for it."""
    return isinstance(job, PageJob) and job.future is None
