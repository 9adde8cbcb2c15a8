"""The end of a page: its answer is read by its site's rules and becomes what the store commits."""

from __future__ import annotations

from functools import partial

from canter.extract import Extraction, Page, is_text
from canter.hosts import PageJob
from canter.model import ErrorType, Fault, Outcome, Response, Verdict, request_id
from canter.policy import Policy
from canter.protocols import Visit, Work
from canter.records import End, judge, visit_of

Answer = Response | Fault | None

STOPPED = Verdict(Outcome.FAILED, ErrorType.TRANSIENT, "stopped before the page was fetched")


class Endings:
    """One for an engine."""

    def __init__(self, work: Work, policy: Policy) -> None:
        self._work = work
        self._policy = policy

    def visit(self, job: PageJob, verdict: Verdict, answer: Answer, number: int, utc: float) -> Visit:
        """How the task of `job` ended: by `answer` (None: no request was sent) to request `number`."""
        extraction = None
        if verdict.outcome is None:
            assert isinstance(answer, Response)
            extraction, verdict = self._read(job, answer)
        task = job.task
        return visit_of(
            End(
                task=task, site=job.site, verdict=verdict, utc=utc, number=number,
                request_id=request_id(task.crawl, number) if number else None,
                answer=answer, extraction=extraction, last=partial(self._work.last_fields, task),
            )
        )  # fmt: skip

    def _read(self, job: PageJob, answer: Response) -> tuple[Extraction | None, Verdict]:
        assert job.site is not None
        if not is_text(answer.headers.get("Content-Type"), answer.body):
            kind = answer.headers.get("Content-Type") or "unnamed"
            return None, _failed(ErrorType.UNSUPPORTED, f"not a text but {kind[:100]}")
        try:
            extraction = self._policy.extractor(job.site).read(page_of(job.url, answer))
        except MemoryError:
            return None, _failed(ErrorType.TOO_LARGE, "its tree does not fit in memory")
        return extraction, judge(extraction)


def no_robots(verdict: Verdict) -> Verdict:
    """What becomes of pages whose robots.txt cannot be had, as `verdict` on its answer says why."""
    return _failed(ErrorType.BLOCKED, f"robots.txt cannot be had: {verdict.message}")


def answer_fetch(job: PageJob, answer: Answer, verdict: Verdict) -> None:
    """Give a single fetch what came of it."""
    if job.future and not job.future.done():
        job.future.set_result(page_of(job.url, answer, verdict))


def page_of(url: str, answer: Answer, verdict: Verdict | None = None) -> Page:
    """An answer as users see it, with the verdict's message where it is no good one."""
    bad = verdict is not None and verdict.outcome not in (None, Outcome.OK)
    error = verdict.message if verdict and bad else None
    if isinstance(answer, Response):
        return Page(url, answer.status, answer.headers, answer.body, answer.elapsed, error)
    if answer is None:
        return Page(url, error=error)
    return Page(url, answer.status, answer.headers, response_time=answer.elapsed, error=error)


def _failed(error_type: ErrorType, message: str) -> Verdict:
    return Verdict(Outcome.FAILED, error_type, message)
