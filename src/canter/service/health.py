"""Facts -> healthy, degraded or unhealthy, and why. Pure.

Unhealthy is what a restart, or a person, has to mend: the store cannot be reached, no worker lives, nothing
has ended for long though there is work. Degraded is what deserves a look.
"""

from __future__ import annotations

from typing import NamedTuple

from canter.service.models import Status

STALLED, STUCK = 300.0, 900.0  # seconds without a page while a crawl runs
LATE, VERY_LATE = 0.5, 5.0  # seconds of lag of an event loop
FAILING = 0.5  # share of pages that fail
ENOUGH = 50  # pages that make a share
RESTARTS = 3  # of workers within the last hour


class Facts(NamedTuple):
    """What is known at a moment; ages and lags in seconds, `last_page_age` None: none yet.

    `recent_pages`, `recent_failed`: of the last minutes; `all_paused`: every host that was asked of late.
    """

    store_error: str | None = None
    conductor_error: str | None = None
    workers: int = 0
    workers_alive: int = 0
    recent_restarts: int = 0
    running_crawls: int = 0
    last_page_age: float | None = None
    busy_since: float = 0.0  # seconds since a crawl runs
    all_paused: bool = False
    server_lag: float = 0.0
    worker_lag: float = 0.0
    recent_pages: int = 0
    recent_failed: int = 0


class Verdict(NamedTuple):
    """The status, and the reasons for what is not well, the worst first."""

    status: Status
    reasons: list[str]


def judge(facts: Facts) -> Verdict:
    """The worst of all that is wrong."""
    bad = [reason for reason in _bad(facts) if reason]
    poor = [reason for reason in _poor(facts) if reason]
    status: Status = "unhealthy" if bad else "degraded" if poor else "healthy"
    return Verdict(status, bad + poor)


def _bad(facts: Facts) -> list[str | None]:
    silent = _silence(facts)
    return [
        f"the store cannot be used: {facts.store_error}" if facts.store_error else None,
        facts.conductor_error,
        "no worker is alive" if facts.workers and not facts.workers_alive else None,
        f"no page ended for {silent:.0f} s while a crawl runs"
        if silent >= STUCK and not facts.all_paused
        else None,
        f"the server's event loop is {facts.server_lag:.1f} s late"
        if facts.server_lag >= VERY_LATE
        else None,
    ]


def _poor(facts: Facts) -> list[str | None]:
    silent = _silence(facts)
    late = max(facts.server_lag, facts.worker_lag)
    missing = facts.workers - facts.workers_alive
    share = facts.recent_failed / facts.recent_pages if facts.recent_pages >= ENOUGH else 0.0
    return [
        f"{missing} of {facts.workers} workers are not alive" if 0 < missing < facts.workers else None,
        f"workers were started again {facts.recent_restarts} times in the last hour"
        if facts.recent_restarts >= RESTARTS
        else None,
        f"no page ended for {silent:.0f} s while a crawl runs" if STALLED <= silent < STUCK else None,
        "every host is paused" if facts.all_paused and silent >= STALLED else None,
        f"an event loop is {late:.1f} s late" if late >= LATE and facts.server_lag < VERY_LATE else None,
        f"{share:.0%} of the last {facts.recent_pages} pages failed" if share >= FAILING else None,
    ]


def _silence(facts: Facts) -> float:
    """Seconds without a page while a crawl runs."""
    if not facts.running_crawls:
        return 0.0
    age = facts.last_page_age
    return facts.busy_since if age is None else min(age, facts.busy_since)
