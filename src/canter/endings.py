"""The end of a page: its answer is read by its site's rules and becomes what the store commits."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from canter.extraction import Extraction, Page
from canter.hosts import PageJob
from canter.model import ErrorType, Fault, FaultKind, Outcome, Response, Verdict, request_id
from canter.policy import Policy
from canter.protocols import Visit, Work
from canter.records import GOOD, End, is_unchanged, mark_of, read_answer, visit_of

Answer = Response | Fault | None

STOPPED = Verdict(Outcome.FAILED, ErrorType.TRANSIENT, "stopped before the page was fetched")


class Ended(NamedTuple):
    """A page whose fetch is over: by `answer` (None: no request was sent) to request `number`, at `utc`."""

    job: PageJob
    verdict: Verdict
    answer: Answer
    number: int
    utc: float

    @property
    def unread(self) -> bool:
        """Whether what it means is still to be read from it."""
        return self.verdict.outcome is None


class Found(NamedTuple):
    """What reading a page gave."""

    extraction: Extraction | None
    verdict: Verdict
    mark: int


class Endings:
    """One for an engine."""

    def __init__(self, work: Work, policy: Policy) -> None:
        self._work = work
        self._policy = policy

    def read(self, ended: Ended) -> Found:
        """What an unread page holds and what that means. An unchanged page is not read again."""
        job, answer = ended.job, ended.answer
        assert isinstance(answer, Response)
        assert job.site is not None
        mark = mark_of(job.url, answer)
        if is_unchanged(job.task.page, job.site, mark):
            fields = self._work.last_fields(job.task)
            if fields is not None:
                return Found(Extraction(fields, [], [], {}), GOOD, mark)
        return Found(*read_answer(self._policy.extractor(job.site), job.url, answer), mark)

    def visit(self, ended: Ended, found: Found | None) -> Visit:
        """How the task ended; `found`: what an unread page gave."""
        task = ended.job.task
        extraction, verdict, mark = found or (None, ended.verdict, None)
        return visit_of(
            End(
                task=task, site=ended.job.site, verdict=verdict, utc=ended.utc, number=ended.number,
                request_id=request_id(task.crawl, ended.number) if ended.number else None,
                answer=ended.answer, extraction=extraction, mark=mark,
                last=partial(self._work.last_fields, task),
                keep=found is not None and self._policy.settings.keep_pages is not None,
            )
        )  # fmt: skip


def no_robots(verdict: Verdict) -> Verdict:
    """What becomes of pages whose robots.txt cannot be had, as `verdict` on its answer says why."""
    return Verdict(Outcome.FAILED, ErrorType.BLOCKED, f"robots.txt cannot be had: {verdict.message}")


def answer_fetch(job: PageJob, answer: Answer, verdict: Verdict) -> None:
    """Give a single fetch what came of it."""
    if job.future and not job.future.done():
        job.future.set_result(page_of(job.url, answer, verdict))


def answer_of(page: Page) -> Response | Fault:
    """A page that another process fetched, as the answer it was there."""
    if page.status is None:
        return Fault(FaultKind.CONNECT, page.error or "no answer", page.response_time or 0.0)
    seconds = page.response_time or 0.0
    return Response(page.url, page.status, page.headers, page.content, seconds, seconds)


def page_of(url: str, answer: Answer, verdict: Verdict | None = None) -> Page:
    """An answer as users see it, with the verdict's message where it is no good one."""
    bad = verdict is not None and verdict.outcome not in (None, Outcome.OK)
    error = verdict.message if verdict and bad else None
    kind = verdict.error_type if verdict and bad else None
    if isinstance(answer, Response):
        return Page(url, answer.status, answer.headers, answer.body, answer.elapsed, error, kind)
    if answer is None:
        return Page(url, error=error, error_type=kind, stopped=verdict is STOPPED)
    return Page(
        url, answer.status, answer.headers, response_time=answer.elapsed, error=error, error_type=kind
    )
