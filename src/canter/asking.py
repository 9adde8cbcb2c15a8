"""From a job to its request, and from the answer to what it means for the page and for the host. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from canter.extraction import Page
from canter.extraction.refresh import refresh_of
from canter.hosts import Job, PageJob, RobotsJob
from canter.model import ErrorType, Fault, FaultKind, Outcome, Request, Response, Verdict
from canter.pace import Sample
from canter.policy import Policy
from canter.rules.classify import asked_wait, broken
from canter.rules.redirects import Redirect, follow, same_origin, step
from canter.rules.robots import MAX_ROBOTS
from canter.urls import BadUrl, parse_url

_FORBIDDEN = 403
_NOT_ASKED = (FaultKind.NO_HOST, FaultKind.TLS, FaultKind.ADDRESS, FaultKind.BAD_URL)
_NO_SECRETS = ("accept", "accept-language")  # any browser tells them to any server


def request_of(job: Job, host: str, policy: Policy, cookie: str = "") -> Request:
    """The request of a page or of a robots.txt.

    `host`: the key of the host that is asked; `cookie`: what the page's request carries as Cookie.
    """
    tls = policy.tls(host)
    if isinstance(job, RobotsJob):
        bounds = replace(policy.limits(None), max_body=MAX_ROBOTS)
        return Request(job.url, {}, bounds, truncate=True, tls=tls)
    headers = _site_headers(job, policy) | validators(job, policy)
    if cookie:
        name = next((name for name in headers if name.lower() == "cookie"), "Cookie")
        headers[name] = f"{headers[name]}; {cookie}" if name in headers else cookie
    if job.bounds:
        return Request(job.url, headers, job.bounds, truncate=True, tls=tls, sink=job.sink)
    return Request(job.url, headers, policy.limits(job.site), tls=tls)


def _site_headers(job: PageJob, policy: Policy) -> dict[str, str]:
    """What a site adds to a request: all to its page's own origin, credentials may be among them.

    Where a redirect leads elsewhere, only what is no secret, and only to what the same site claims.
    """
    site, task = job.site, job.task
    if site is None or not site.headers:
        return {}
    if not task.hops or same_origin(task.url, task.target):
        return dict(site.headers)
    target = parse_url(task.target)
    if isinstance(target, BadUrl) or policy.book.claim(target) is not site:
        return {}
    return {name: value for name, value in site.headers.items() if name.lower() in _NO_SECRETS}


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


def meaning_of(
    answer: Response | Fault, verdict: Verdict, job: PageJob, policy: Policy
) -> Redirect | Verdict:
    """Where a page's answer leads, or what it means; `verdict`: what it means as any answer."""
    site, task = job.site, job.task
    revisit = site is not None and site.cookies
    led = follow(task.url, answer, task.hops, revisit=revisit)
    if led is not None:
        return led
    if verdict.outcome is Outcome.NOT_MODIFIED and not validators(job, policy):
        return broken(FaultKind.GARBLED, "the server answered 304 to a plain request")
    if verdict.outcome is None and site is not None and site.follow_meta_refresh:
        assert isinstance(answer, Response)
        target = refresh_of(Page(job.url, answer.status, answer.headers, answer.body))
        if target is not None:
            return step(task.url, target, task.hops, revisit=revisit)
    return verdict


def sample_of(
    answer: Response | Fault, verdict: Verdict, sent_at: float, utc: float, *, timed: bool = True
) -> Sample | None:
    """What an answer that came at `utc` tells of its host; None where the host never saw the request.

    `timed`: the time that it took is the host's, not our own event loop's.
    A challenge page is a 403 for the pace, whatever status it came with; `verdict` knows it for one.
    """
    wait = asked_wait(answer.headers, utc)
    if isinstance(answer, Fault):
        if answer.kind in _NOT_ASKED:
            return None
        return Sample(sent_at, answer.status, answer.elapsed, wait, answer.headers)
    challenged = answer.status < 400 and verdict.error_type is ErrorType.BLOCKED
    status = _FORBIDDEN if challenged else answer.status
    return Sample(sent_at, status, answer.latency if timed else math.nan, wait, answer.headers)
