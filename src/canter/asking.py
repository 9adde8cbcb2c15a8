"""From a job to its request, and from the answer to what it means for the page and for the host. Pure."""

from __future__ import annotations

from canter.hosts import Job, PageJob, RobotsJob
from canter.model import Fault, FaultKind, Limits, Outcome, Request, Response, Task, Verdict
from canter.pace import Sample
from canter.policy import Policy
from canter.rules.challenge import challenge
from canter.rules.classify import asked_wait, classify
from canter.rules.robots import MAX_ROBOTS

_FORBIDDEN = 403
_NOT_ASKED = (FaultKind.NO_HOST, FaultKind.TLS, FaultKind.ADDRESS, FaultKind.BAD_URL)


def request_of(job: Job, policy: Policy) -> Request:
    """The request of a page or of a robots.txt."""
    if isinstance(job, RobotsJob):
        limits = policy.limits(None)
        bounds = Limits(limits.timeout, limits.connect_timeout, limits.read_timeout, MAX_ROBOTS)
        return Request(job.url, {}, bounds, truncate=True)
    headers = validators(job, policy)
    if job.site and job.site.headers and _same_origin(job.task):
        headers = {**job.site.headers, **headers}
    if job.bounds:
        return Request(job.url, headers, job.bounds, truncate=True)
    return Request(job.url, headers, policy.limits(job.site))


def validators(job: PageJob, policy: Policy) -> dict[str, str]:
    """Headers that ask for the page only where it changed since it was read by the same rules.

    None while pages are kept: each crawl's pages are to stand by themselves.
    """
    task, site = job.task, job.site
    page = task.page
    if policy.settings.keep_pages is not None:
        return {}
    if site is None or page.fields is None or page.rules != site.fingerprint or task.hops:
        return {}
    asked: dict[str, str] = {}
    if page.etag:
        asked["If-None-Match"] = page.etag
    if page.modified:
        asked["If-Modified-Since"] = page.modified
    return asked


def verdict_of(answer: Response | Fault, job: PageJob, policy: Policy, utc: float) -> Verdict:
    """What a page's answer means; it came at `utc` (UTC seconds)."""
    verdict = classify(answer, now_utc=utc)
    if verdict.outcome is Outcome.NOT_MODIFIED and not validators(job, policy):
        return classify(Fault(FaultKind.GARBLED, "the server answered 304 to a plain request"), now_utc=utc)
    return verdict


def sample_of(answer: Response | Fault, sent_at: float, utc: float) -> Sample | None:
    """What an answer that came at `utc` tells of its host; None where the host never saw the request.

    A challenge page is a 403 for the pace, whatever status it came with.
    """
    wait = asked_wait(answer.headers, utc)
    if isinstance(answer, Fault):
        if answer.kind in _NOT_ASKED:
            return None
        return Sample(sent_at, answer.status, answer.elapsed, wait, answer.headers)
    status = _FORBIDDEN if answer.status < 400 and challenge(answer) else answer.status
    return Sample(sent_at, status, answer.latency, wait, answer.headers)


def _same_origin(task: Task) -> bool:
    """A site's headers (credentials among them) go to its own origin only."""
    return not task.hops or task.url.split("/", 3)[:3] == task.target.split("/", 3)[:3]
