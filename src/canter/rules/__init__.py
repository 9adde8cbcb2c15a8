"""Pure decisions: what an answer means, and what to do next. The clock is an argument; no I/O."""

from canter.rules.change import canonical, difference, fingerprint
from canter.rules.classify import classify, retry_after
from canter.rules.redirects import MAX_HOPS, Redirect, follow
from canter.rules.robots import MAX_CRAWL_DELAY, MAX_ROBOTS, Robots, RobotsAnswer, product_token
from canter.rules.schedule import (
    MAX_WAITS,
    Backoff,
    Done,
    RetryBudget,
    RetryLater,
    RetryWhenAllowed,
    next_step,
)

__all__ = [
    "MAX_CRAWL_DELAY",
    "MAX_HOPS",
    "MAX_ROBOTS",
    "MAX_WAITS",
    "Backoff",
    "Done",
    "Redirect",
    "RetryBudget",
    "RetryLater",
    "RetryWhenAllowed",
    "Robots",
    "RobotsAnswer",
    "canonical",
    "classify",
    "difference",
    "fingerprint",
    "follow",
    "next_step",
    "product_token",
    "retry_after",
]
