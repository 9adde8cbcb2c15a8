"""The end of a page: its answer is read by its site's rules and becomes what the store commits."""

from __future__ import annotations

from functools import partial

from canter.extraction import Extraction, Page
from canter.hosts import PageJob
from canter.model import ErrorType, Fault, FaultKind, Outcome, Response, Verdict, request_id
from canter.policy import Policy
from canter.protocols import Visit, Work
from canter.records import End, is_unchanged, mark_of, read_answer, visit_of
from canter.sites import Site

Answer = Response | Fault | None

STOPPED = Verdict(Outcome.FAILED, ErrorType.TRANSIENT, "stopped before the page was fetched")


class Endings:
    """One for an engine."""

    def __init__(self, work: Work, policy: Policy) -> None:
        self._work = work
        self._policy = policy

    def visit(self, job: PageJob, verdict: Verdict, answer: Answer, number: int, utc: float) -> Visit:
        """How the task of `job` ended: by `answer` (None: no request was sent) to request `number`."""
        extraction, mark = None, None
        read = verdict.outcome is None
        if read:
            assert isinstance(answer, Response)
            assert job.site is not None
            extraction, verdict, mark = self._read(job, job.site, answer)
        task = job.task
        return visit_of(
            End(
                task=task, site=job.site, verdict=verdict, utc=utc, number=number,
                request_id=request_id(task.crawl, number) if number else None,
                answer=answer, extraction=extraction, mark=mark, last=partial(self._work.last_fields, task),
                keep=read and self._policy.settings.keep_pages is not None,
            )
        )  # fmt: skip

    def _read(self, job: PageJob, site: Site, answer: Response) -> tuple[Extraction | None, Verdict, int]:
        """What the page holds, what that means, and its mark. An unchanged page is not read again."""
        mark = mark_of(job.url, answer)
        if is_unchanged(job.task.page, site, mark):
            fields = self._work.last_fields(job.task)
            if fields is not None:
                return Extraction(fields, [], [], {}), Verdict(Outcome.OK), mark
        return *read_answer(self._policy.extractor(site), job.url, answer), mark


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
